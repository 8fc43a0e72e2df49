//! Where the goldens are, and how vectors are compared.

use std::path::{Path, PathBuf};

/// The repository's root: the tests of every crate share its goldens. On another machine than they were built on
/// CLIP_VISION_ROOT names it (scripts/cuda.mjs).
pub fn root() -> PathBuf {
    if let Some(root) = std::env::var_os("CLIP_VISION_ROOT") {
        return root.into();
    }
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.filter(|folder| folder.join("tests/golden").is_dir()).last().unwrap().to_owned()
}

/// A file under `tests/golden`.
pub fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(name)
}

/// The directory of a golden model.
pub fn model_dir(name: &str) -> PathBuf {
    golden("models").join(name)
}

/// The cosine of the angle between two vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The largest difference between values at the same place.
pub fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

/// A number as protobuf writes it: seven bits a byte, the lowest first.
pub fn protobuf_number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
