//! One body for every machine: whether the model of `models/shapes` means what it says, from encoded photos and texts to
//! which belongs to which.

use clip_vision::{ClipVision, Image};
use safetensors::SafeTensors;
use serde_json::Value;

/// A caption, with the ids that transformers gives it.
pub struct Caption {
    pub text: String,
    pub ids: Vec<u32>,
}

/// `shapes.json` and `shapes.safetensors`: photos that training never saw, one of each shape in each color.
pub struct Photos<'a> {
    pub captions: Vec<Caption>,
    /// File name, and which caption is true of it.
    rows: Vec<(String, usize)>,
    files: SafeTensors<'a>,
}

impl<'a> Photos<'a> {
    pub fn new(json: &[u8], files: &'a [u8]) -> Self {
        let root: Value = serde_json::from_slice(json).unwrap();
        let captions: Vec<(String, Vec<u32>)> = serde_json::from_value(root["captions"].clone()).unwrap();
        Self {
            captions: captions.into_iter().map(|(text, ids)| Caption { text, ids }).collect(),
            rows: serde_json::from_value(root["pictures"].clone()).unwrap(),
            files: SafeTensors::deserialize(files).unwrap(),
        }
    }

    /// The encoded file of a photo.
    pub fn file(&self, name: &str) -> &'a [u8] {
        self.files.tensor(name).unwrap().data()
    }

    /// Both directions: of all captions the nearest to a photo, of all photos the nearest to a caption.
    pub fn check(&self, clip: &ClipVision) {
        let texts: Vec<Vec<f32>> = self.captions.iter().map(|one| clip.embed_tokens(&one.ids).unwrap()).collect();
        let images: Vec<Vec<f32>> =
            self.rows.iter().map(|(name, _)| clip.embed(Image::from_bytes(self.file(name))).unwrap()).collect();
        let right: Vec<usize> = self.rows.iter().map(|(_, caption)| *caption).collect();
        let labelled = (0..images.len()).filter(|at| nearest(&images[*at], &texts) == right[*at]).count();
        let found = (0..texts.len()).filter(|at| right[nearest(&texts[*at], &images)] == *at).count();
        println!("of {}: {labelled} photos labelled, {found} found by their captions", images.len());
        assert!(labelled * 100 >= images.len() * 95, "{labelled} of {} labelled", images.len());
        assert!(found * 100 >= texts.len() * 95, "{found} of {} found", texts.len());
    }
}

/// The index of the embedding with the largest cosine; all are of length 1.
pub fn nearest(to: &[f32], of: &[Vec<f32>]) -> usize {
    let cosine = |at: &usize| to.iter().zip(&of[*at]).map(|(x, y)| x * y).sum::<f32>();
    (0..of.len()).max_by(|a, b| cosine(a).total_cmp(&cosine(b))).unwrap()
}
