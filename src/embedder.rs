//! The synchronous façade: a loaded model with its preprocessing, and the loader that makes it.
//!
//! Everything below this line of the house is plain synchronous code; everything above it (`native.rs`, `wasm.rs`, the
//! command line) only calls what is here.

#[cfg(not(feature = "candle"))]
use crate::backend::check_device_name;
#[cfg(feature = "candle")]
use crate::backend::device_from_name;
use crate::backend::{Backend, Precision};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Image, Measured, PixelTensor};
use crate::model::config::{TextConfig, VisionConfig};
use crate::model::vision::{VisionPass, VisionTower};
use crate::preprocess::PreprocessConfig;
#[cfg(feature = "candle")]
use candle_core::{Device, Tensor};
use std::path::Path;
use std::sync::Mutex;

mod convert;
mod files;
mod loader;
mod plan;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod texts;

pub use convert::{ConvertOptions, StoredPrecision, convert};
use files::Place;
#[cfg(feature = "tokio")]
pub(crate) use files::dimension_at;
pub use loader::Loader;
pub use text::TextModel;
use texts::TextState;

/// Images of one forward pass in [`ClipVision::embed_batch`]: more gain nothing on a CPU, and cost memory.
const BATCH: usize = 8;
/// How a model is loaded.
///
/// ```
/// use clip_vision::{Options, Precision};
///
/// let options = Options::default().precision(Precision::Int8).normalize(false);
/// assert_eq!(options.precision, Precision::Int8);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The arithmetic. Default [`Precision::Stored`], which of a checkpoint is [`Precision::F32`].
    pub precision: Precision,
    /// Where it runs. Default the CPU; see [`device_from_name`](crate::device_from_name).
    #[cfg(feature = "candle")]
    pub device: Device,
    /// Whether embeddings are divided by their L2 norm, so that a dot product is the cosine. Default true.
    pub normalize: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            precision: Precision::default(),
            #[cfg(feature = "candle")]
            device: Device::Cpu,
            normalize: true,
        }
    }
}

impl Options {
    /// The same with another arithmetic.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The same on another device.
    #[cfg(feature = "candle")]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// The same on the device that a name stands for: `"cpu"`, `"cuda"` (the first GPU) or `"cuda:N"`.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: the device is not there, or this build has no support for it; the message says how to build
    /// one that has. [`ErrorKind::InvalidArgument`]: an unknown name.
    pub fn device_named(self, name: &str) -> Result<Self> {
        #[cfg(feature = "candle")]
        return Ok(self.device(device_from_name(name)?));
        #[cfg(not(feature = "candle"))]
        check_device_name(name).map(|()| self)
    }

    /// What computes in this arithmetic.
    fn backend(&self, precision: Precision) -> Result<Backend> {
        #[cfg(feature = "candle")]
        return Backend::new(&self.device, precision);
        #[cfg(not(feature = "candle"))]
        Ok(Backend::on_cpu(precision))
    }

    /// The same with embeddings of length 1, or of the length that the model gives them.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }
}

/// The files of a model, in memory.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    /// `config.json`.
    pub config: Vec<u8>,
    /// `preprocessor_config.json`; without it and `processor` CLIP's own preprocessing, at the model's image size.
    pub preprocessor: Option<Vec<u8>>,
    /// `processor_config.json`, which newer models have in its place.
    pub processor: Option<Vec<u8>>,
    /// `model.safetensors`: f32, f16 or bf16; the vision tower alone or the whole CLIP.
    pub weights: Vec<u8>,
    /// `tokenizer.json`; with it the text tower is loaded as well. (Without the feature `text` its content is not read.)
    pub tokenizer: Option<Vec<u8>>,
    /// `vocab.json`: with `merges`, what older models have in place of `tokenizer.json`.
    pub vocab: Option<Vec<u8>>,
    /// `merges.txt`
    pub merges: Option<Vec<u8>>,
}

/// A CLIP model with its preprocessing: images in, embeddings out; and, where its files have a text tower, texts.
///
/// Shared freely between threads: embedding takes `&self`. The text tower takes no memory before it is first used.
///
/// ```no_run
/// use clip_vision::{ClipVision, Image, Options};
/// let clip = ClipVision::from_dir("models/clip-vit-base-patch32", Options::default())?;
/// let embedding = clip.embed(Image::from_path("cat.jpg"))?;
/// assert_eq!(embedding.len(), clip.dimension());
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct ClipVision {
    tower: VisionTower,
    preprocess: PreprocessConfig,
    /// Was that a guess, since no file says it?
    default_preprocessing: bool,
    options: Options,
    weight_bytes: usize,
    text: Mutex<TextState>,
}

impl std::fmt::Debug for ClipVision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipVision").field("config", self.tower.config()).field("options", &self.options).finish()
    }
}

impl ClipVision {
    /// Loads a Hugging Face CLIP directory: `config.json`, `model.safetensors` (or the files of
    /// `model.safetensors.index.json`) and `preprocessor_config.json` or `processor_config.json`. The path may also be that of
    /// one file, as [`from_file`](Self::from_file) takes it.
    ///
    /// # Errors
    /// [`ErrorKind::Fetch`]: a file is not there or not readable. [`ErrorKind::Config`], [`ErrorKind::Weights`]: a file
    /// is wrong; the message says what and where. [`ErrorKind::OutOfMemory`].
    pub fn from_dir(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Place::of(path.as_ref()).load(options)
    }

    /// Loads one file that [`convert`] wrote (`clip-vision convert`).
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_file(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Place::Converted(path.as_ref().to_owned()).load(options)
    }

    /// Loads a model of files in memory.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir), without [`ErrorKind::Fetch`].
    pub fn from_files(files: ModelFiles, options: Options) -> Result<Self> {
        let preprocessor = PreprocessConfig::file_of(files.processor.as_deref(), files.preprocessor.as_deref());
        let mut loader = Loader::new(&files.config, preprocessor, options)?;
        let with_text = files.tokenizer.is_some() || files.vocab.is_some() && files.merges.is_some();
        if with_text {
            loader = loader.with_text();
        }
        loader.set_size(files.weights.len() as u64)?;
        loader.push(&files.weights)?;
        if !with_text {
            return loader.finish();
        }
        let (clip, text, _) = loader.finish_both()?;
        clip.set_text(text.with_files(&[files.tokenizer, files.vocab, files.merges])?);
        Ok(clip)
    }

    /// Of its parts, as yet without its text half; `text_config` is that one's, if it has one.
    fn new(
        tower: VisionTower,
        (preprocess, default_preprocessing): (PreprocessConfig, bool),
        options: Options,
        weight_bytes: usize,
        text_config: Option<TextConfig>,
    ) -> Self {
        let text = Mutex::new(TextState::Absent(text_config));
        Self { tower, preprocess, default_preprocessing, options, weight_bytes, text }
    }

    /// Whether no file of the model says how its images are prepared. CLIP's own preprocessing is used then, and another
    /// model's embeddings would not be those that Python computes: tell the user.
    pub fn has_default_preprocessing(&self) -> bool {
        self.default_preprocessing
    }

    /// The embedding of an image: [`dimension`](Self::dimension) values, of length 1 unless
    /// [`Options::normalize`] is off.
    ///
    /// The model's own preprocessing follows the operations that the image brings along; an image that its caller has
    /// normalised already is taken as it is.
    ///
    /// # Errors
    /// Those of [`Image::to_tensor_sync`], and [`ErrorKind::InvalidArgument`] where the caller's own operations lead to
    /// another size than [`image_size`](Self::image_size).
    pub fn embed(&self, image: Image) -> Result<Vec<f32>> {
        self.embed_pixels(&self.pixels(image)?)
    }

    /// The embeddings of many images, each with an error of its own: a bad image spoils no other, an empty batch is an
    /// empty answer.
    pub fn embed_batch(&self, images: Vec<Image>) -> Vec<Result<Vec<f32>>> {
        let mut results = Vec::with_capacity(images.len());
        let mut images = images.into_iter();
        loop {
            let photos: Vec<_> = images.by_ref().take(BATCH).map(|image| self.pixels(image)).collect();
            if photos.is_empty() {
                return results;
            }
            let good: Vec<&PixelTensor> = photos.iter().filter_map(|pixels| pixels.as_ref().ok()).collect();
            // Should the batch as a whole fail (memory, say), each image is tried by itself and has its own error.
            let together = self.start_pixels(&good).and_then(|pass| self.finish(pass));
            let mut embeddings = together.ok().map(Vec::into_iter);
            results.extend(photos.into_iter().map(|pixels| {
                let pixels = pixels?;
                match embeddings.as_mut().and_then(Iterator::next) {
                    Some(embedding) => Ok(embedding),
                    None => self.embed_pixels(&pixels),
                }
            }));
        }
    }

    /// The pixel tensor that the model sees of an image: f32 (3, image_size, image_size), on the model's device.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    #[cfg(feature = "candle")]
    pub fn pixel_tensor(&self, image: Image) -> Result<Tensor> {
        let PixelTensor { data, height, width } = self.pixels(image)?;
        Ok(Tensor::from_vec(data, (3, height, width), &self.options.device)?)
    }

    fn pixels(&self, image: Image) -> Result<PixelTensor> {
        self.measured_pixels(image, || 0.0).map(|measured| measured.tensor)
    }

    /// The values of [`pixel_tensor`](Self::pixel_tensor) by themselves, and what they took by `clock`.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub fn measured_pixels(&self, image: Image, clock: impl Fn() -> f64) -> Result<Measured<PixelTensor>> {
        let image = if image.is_normalized() { image } else { self.preprocess.apply(image) };
        let measured = image.measure(clock)?;
        self.check_size(&measured.tensor)?;
        Ok(measured)
    }

    fn check_size(&self, pixels: &PixelTensor) -> Result<()> {
        let (PixelTensor { height, width, .. }, size) = (pixels, self.image_size());
        if (*height, *width) == (size, size) {
            return Ok(());
        }
        let what = format!("the image becomes a pixel tensor of shape [3, {height}, {width}], not [3, {size}, {size}]");
        Err(Error::new(ErrorKind::InvalidArgument, what))
    }

    /// The embedding of a pixel tensor, f32 (3, image_size, image_size).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape.
    #[cfg(feature = "candle")]
    pub fn embed_tensor(&self, pixels: &Tensor) -> Result<Vec<f32>> {
        only(self.finish(self.start(&[pixels])?)?)
    }

    fn embed_pixels(&self, pixels: &PixelTensor) -> Result<Vec<f32>> {
        only(self.finish(self.start_pixels(&[pixels])?)?)
    }

    /// Takes a pass to its end.
    fn finish(&self, mut pass: VisionPass) -> Result<Vec<Vec<f32>>> {
        loop {
            if let Some(embeddings) = self.step(&mut pass)? {
                return Ok(embeddings);
            }
        }
    }

    /// Begins to embed pixel tensors, each f32 (3, image_size, image_size), at least one, together in one forward pass.
    /// [`step`](Self::step) takes it on, a layer at a time: what lies between is the caller's, who may also drop it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for another shape, and for no tensors.
    #[cfg(feature = "candle")]
    pub fn start(&self, pixels: &[&Tensor]) -> Result<VisionPass> {
        self.tower.start_together(pixels)
    }

    /// [`start`](Self::start) with the values of pixel tensors, as [`measured_pixels`](Self::measured_pixels) gives them.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_pixels(&self, photos: &[&PixelTensor]) -> Result<VisionPass> {
        photos.iter().try_for_each(|pixels| self.check_size(pixels))?;
        let photos: Vec<&[f32]> = photos.iter().map(|pixels| pixels.data.as_slice()).collect();
        self.tower.start_pixels(&photos)
    }

    /// Takes a pass one layer on; the embeddings, in the order of the tensors, when it was the last.
    ///
    /// # Errors
    /// Those of [`VisionTower::step`].
    pub fn step(&self, pass: &mut VisionPass) -> Result<Option<Vec<Vec<f32>>>> {
        if self.tower.step(pass)? {
            return Ok(None);
        }
        let mut embeddings = pass.rows()?;
        if self.options.normalize {
            embeddings.iter_mut().for_each(|embedding| normalize(embedding));
        }
        Ok(Some(embeddings))
    }

    /// Length of an embedding.
    pub fn dimension(&self) -> usize {
        self.config().embedding_dim()
    }

    /// Height and width, in pixels, of what the model sees.
    pub fn image_size(&self) -> usize {
        self.config().image_size
    }

    /// The shape of the vision tower.
    pub fn config(&self) -> &VisionConfig {
        self.tower.config()
    }

    /// The vision tower, for its parts: unnormalised embeddings, activations.
    pub fn vision_tower(&self) -> &VisionTower {
        &self.tower
    }

    /// How the model was loaded.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// About the bytes that the vision tower's weights take in memory.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// The embedding of a single image or text.
fn only(mut embeddings: Vec<Vec<f32>>) -> Result<Vec<f32>> {
    embeddings.pop().ok_or_else(|| Error::new(ErrorKind::Compute, "the model gave no embedding"))
}

/// Divides by the L2 norm; a zero embedding stays zero.
fn normalize(embedding: &mut [f32]) {
    let norm = embedding.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        embedding.iter_mut().for_each(|x| *x /= norm);
    }
}
