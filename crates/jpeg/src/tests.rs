//! Tests of what the public interface does not show; the others are in `tests/`.

#[path = "../tests/common/noise.rs"]
mod noise;

pub(crate) use noise::Noise;
use simd::Isa;

use super::*;
use crate::script::Order;

/// The golden pictures of all kinds.
fn golden() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/jpeg");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect();
    files.sort();
    assert!(files.len() >= 90);
    files
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
    Decoder::new(bytes)?.decode_whole(Scale::Full)
}

/// What comes of `bytes`, their scans decoded one after the other.
fn decode_one_by_one(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(bytes)?;
    decoder.order = Order::OneByOne;
    decoder.decode_whole(Scale::Full)
}

fn is_side_by_side(bytes: &[u8]) -> bool {
    Decoder::new(bytes).is_ok_and(|decoder| matches!(decoder.order, Order::SideBySide(_)))
}

#[test]
fn pixels_are_the_same_on_every_instruction_set() {
    for (file, bytes) in golden() {
        for scale in [Scale::Full, Scale::Half] {
            let decode = |isa| {
                let mut decoder = Decoder::new(&bytes)?;
                decoder.isa = isa;
                decoder.decode_whole(scale)
            };
            let expected = decode(Isa::best());
            for isa in Isa::available() {
                assert!(decode(isa) == expected, "{file} on {}", isa.name());
            }
        }
    }
}

#[test]
fn scans_side_by_side_give_what_they_give_one_by_one() {
    let mut noise = Noise(9);
    let (mut whole, mut damaged) = (0, 0);
    for (file, original) in golden() {
        if !is_side_by_side(&original) {
            continue;
        }
        whole += 1;
        let mut bytes = original.clone();
        for changes in 0..60 {
            if changes > 0 {
                // A bit, or a marker of any kind: in the data for the most part.
                let at = 2 + noise.below(bytes.len() - 3);
                match noise.below(4) {
                    0 => bytes[at..at + 2].copy_from_slice(&[0xff, noise.next() as u8]),
                    _ => bytes[at] ^= 1 << noise.below(8),
                }
            }
            let (together, one_by_one) = (decode(&bytes), decode_one_by_one(&bytes));
            match (&together, &one_by_one) {
                (Ok(together), Ok(one_by_one)) => assert!(together == one_by_one, "{file} after {changes} changes"),
                (Err(_), Err(_)) => {}
                (one, other) => panic!("{file} after {changes} changes: {:?}, {:?}", one.is_ok(), other.is_ok()),
            }
            damaged += usize::from(changes > 0 && together.is_ok() && is_side_by_side(&bytes));
            if together.is_err() {
                bytes.clone_from(&original);
            }
        }
    }
    assert!(whole >= 10 && damaged >= 100, "only {whole} files, {damaged} damaged ones that are read");
}

#[test]
fn blocks_of_one_coefficient_are_all_the_same() {
    let mut noise = Noise(3);
    for _ in 0..20_000 {
        let (mut block, mut quantizers) = ([0i16; 64], [0i16; 64]);
        // Wild ones too: what overflows has to overflow alike.
        (block[0], quantizers[0]) = (noise.next() as i16, (noise.next() as i16) >> noise.below(16));
        let mut out = [0; 16];
        idct::idct_2x2(&block, &quantizers, &mut out, 8);
        let expected = idct::dc_sample_2x2(block[0], quantizers[0]);
        assert_eq!([out[0], out[1], out[8], out[9]], [expected; 4], "{} times {}", block[0], quantizers[0]);
    }
}
