//! One body for every machine: a golden model's embeddings of texts, and probabilities, against transformers'.

use super::{cosine, max_difference};
use clip_vision::{ClipVision, Image};
use safetensors::SafeTensors;
use serde_json::Value;

/// The golden models that have a text tower: of both ways to find the end token, and of all forms of tokenizers.
pub const MODELS: [&str; 3] = ["b32-tiny", "patch14-gelu", "nearest-f16"];

/// Largest difference of a unit embedding's value, and of a probability.
const TOLERANCE: f32 = 1e-4;
const COSINE: f64 = 0.9999;

/// A text with its token ids in one model.
pub struct Row {
    pub text: String,
    pub ids: Vec<u32>,
}

/// The rows of `texts.json` for a model.
pub fn rows(texts_json: &[u8], model: &str) -> Vec<Row> {
    let root: Value = serde_json::from_slice(texts_json).unwrap();
    let column = root["models"].as_array().unwrap().iter().position(|name| *name == model).unwrap();
    let row = |row: &Value| Row {
        text: row[0].as_str().unwrap().to_owned(),
        ids: serde_json::from_value(row[column + 1].clone()).unwrap(),
    };
    root["rows"].as_array().unwrap().iter().map(row).collect()
}

/// `expected_text/<model>.safetensors`.
pub struct Expected<'a>(SafeTensors<'a>);

impl<'a> Expected<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    fn values(&self, name: &str) -> Vec<f32> {
        let view = self.0.tensor(name).unwrap();
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    pub fn logit_scale(&self) -> f32 {
        self.values("logit_scale")[0]
    }

    /// The lowest cosine of embeddings, one text after the other, to transformers'.
    pub fn lowest_cosine(&self, embeddings: &[Vec<f32>]) -> f64 {
        let expected = self.values("embeddings");
        let expected = expected.chunks(expected.len() / embeddings.len());
        embeddings.iter().zip(expected).map(|(embedding, expected)| cosine(embedding, expected)).fold(1.0, f64::min)
    }

    /// The embeddings equal transformers', one text after the other; returns the lowest cosine.
    pub fn check_embeddings(&self, embeddings: &[Vec<f32>]) -> f64 {
        let difference = max_difference(&embeddings.concat(), &self.values("embeddings"));
        assert!(difference <= TOLERANCE, "off by {difference}");
        let worst = self.lowest_cosine(embeddings);
        assert!(worst >= COSINE, "cosine {worst}");
        worst
    }

    /// The probabilities of the texts for a photo equal transformers'.
    pub fn check_probabilities(&self, clip: &ClipVision, texts: &[Vec<f32>], file: &str, photo: &[u8]) {
        let image = clip.embed(Image::from_bytes(photo)).unwrap();
        let probabilities = clip.text().unwrap().probabilities(&image, texts).unwrap();
        let difference = max_difference(&probabilities, &self.values(&format!("probabilities/{file}")));
        // An embedding's error times the scale, 100, is the logit's.
        assert!(difference <= 1e-3, "{file}: off by {difference}");
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
