//! One body for every machine: a golden model's embeddings and activations against transformers', natively and in a
//! browser alike.

use super::{cosine, max_difference};
use clip_vision::{ClipVision, Image, ModelFiles, Options};
#[cfg(feature = "candle")]
use clip_vision::{Tensor, model::VisionStage};
use safetensors::SafeTensors;

/// The golden models.
pub const MODELS: [&str; 7] =
    ["b32-tiny", "no-preprocessor", "odd-widths", "patch14-gelu", "nearest-f16", "tanh-bf16", "crop-only"];

/// Largest difference of a unit embedding's value, where the photo is lossless and so its pixels are Pillow's.
const EMBEDDING_TOLERANCE: f32 = 1e-4;
/// Lowest cosine, where decoders of lossy formats may differ by a level here and there.
const COSINE: f64 = 0.9999;

/// A loaded golden model beside what transformers computed with it.
pub struct Golden<'a> {
    pub name: &'a str,
    pub clip: ClipVision,
    expected: SafeTensors<'a>,
}

impl<'a> Golden<'a> {
    /// `expected` is `expected/<name>.safetensors`.
    pub fn new(name: &'a str, files: ModelFiles, expected: &'a [u8]) -> Self {
        Self::with(name, files, expected, Options::default())
    }

    /// The same, loaded in another way.
    pub fn with(name: &'a str, files: ModelFiles, expected: &'a [u8], options: Options) -> Self {
        let clip = ClipVision::from_files(files, options).unwrap();
        Self { name, clip, expected: SafeTensors::deserialize(expected).unwrap() }
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        let view = self.expected.tensor(name).unwrap();
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The embedding of an image equals transformers', over white and without opacity; returns the cosine.
    pub fn check_embedding(&self, file: &str, bytes: &[u8], lossy: bool) -> f64 {
        let image = || Image::from_bytes(bytes);
        let white = format!("embedding_white/{file}");
        if self.expected.tensor(&white).is_err() {
            return self.check_image(file, image(), &format!("embedding/{file}"), lossy);
        }
        self.check_image(file, image().drop_alpha(), &format!("embedding/{file}"), lossy);
        self.check_image(file, image(), &white, lossy)
    }

    fn check_image(&self, file: &str, image: Image, expected: &str, lossy: bool) -> f64 {
        let embedding = self.clip.embed(image).unwrap();
        let expected = self.tensor(expected);
        let cosine = cosine(&embedding, &expected);
        assert!(cosine >= COSINE, "{} {file}: cosine {cosine}", self.name);
        if !lossy {
            let difference = max_difference(&embedding, &expected);
            assert!(difference <= EMBEDDING_TOLERANCE, "{} {file}: off by {difference}", self.name);
        }
        cosine
    }

    /// The pixel tensor equals the processor's, value for value.
    pub fn check_pixels(&self, file: &str, bytes: &[u8]) {
        let name = format!("pixels/{file}");
        if self.expected.tensor(&name).is_err() {
            return;
        }
        let image = Image::from_bytes(bytes).drop_alpha();
        let pixels = self.clip.measured_pixels(image, || 0.0).unwrap().tensor;
        let difference = max_difference(&pixels.data, &self.tensor(&name));
        assert!(difference < 2e-6, "{} {file}: pixel tensor off by {difference}", self.name);
    }

    /// Every part of the tower gives what transformers' part gives; returns how many were compared.
    #[cfg(feature = "candle")]
    pub fn check_stages(&self, file: &str, bytes: &[u8]) -> usize {
        let pixels = self.clip.pixel_tensor(Image::from_bytes(bytes)).unwrap().unsqueeze(0).unwrap();
        let mut compared = 0;
        let check = |stage, output: &Tensor| {
            let part = match stage {
                VisionStage::Embeddings => "embeddings".to_owned(),
                VisionStage::PreNorm => "pre_layrnorm".to_owned(),
                VisionStage::Layer(index) => format!("layer.{index}"),
                VisionStage::Pooled => "pooled".to_owned(),
                VisionStage::Projected => "projected".to_owned(),
                stage => panic!("{stage:?} is compared with nothing"),
            };
            let expected = self.tensor(&format!("stage/{file}/{part}"));
            let output: Vec<f32> = output.flatten_all().unwrap().to_vec1().unwrap();
            let scale = expected.iter().fold(1f32, |max, value| max.max(value.abs()));
            let difference = max_difference(&output, &expected) / scale;
            assert!(difference < 1e-5, "{} {file} {part}: off by {difference} of its largest value", self.name);
            compared += 1;
        };
        self.clip.vision_tower().unwrap().observe(&pixels, check).unwrap();
        compared
    }
}
