//! What the tests share; each takes what it needs.

#![allow(dead_code, unused_imports)]

mod noise;

pub use noise::Noise;

pub fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

pub fn decode(bytes: &[u8], scale: jpeg::Scale) -> jpeg::Result<Vec<u8>> {
    jpeg::Decoder::new(bytes)?.decode_whole(scale)
}

/// All that there are.
pub const SCALES: [jpeg::Scale; 4] = [jpeg::Scale::Full, jpeg::Scale::Half, jpeg::Scale::Quarter, jpeg::Scale::Eighth];
