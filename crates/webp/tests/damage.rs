//! What is damaged, cut short or hostile: pixels, or an error that says why not; and parts of a picture are what they are
//! in the whole. That pixels equal Pillow's, and that what Pillow refuses is refused, is tested over `tests/golden/odd`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use webp::{Decoder, Error, ErrorKind};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// All files of ours, by name, from the small ones on.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["odd/webp", "formats"] {
        for entry in std::fs::read_dir(golden().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "webp") {
                files.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort_by_key(|(_, bytes)| bytes.len());
    files
}

fn whole(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    Decoder::new(bytes)?.decode_whole()
}

#[test]
fn what_pillow_refuses_is_refused_and_nothing_else() {
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(golden().join("odd/webp.json")).unwrap()).unwrap();
    assert!(rows.len() > 200);
    for row in rows {
        let bytes = std::fs::read(golden().join("odd/webp").join(row["file"].as_str().unwrap())).unwrap();
        let result = whole(&bytes);
        assert_eq!(result.is_err(), row["refused"] == true, "{row}: {:?}", result.err());
        if let Err(error) = result {
            assert!(matches!(error.kind(), ErrorKind::Broken | ErrorKind::CutShort), "{row}: {error}");
        }
    }
}

#[test]
fn a_part_is_what_it_is_in_the_whole() {
    for (name, bytes) in files() {
        let Ok(pixels) = whole(&bytes) else { continue };
        let decoder = Decoder::new(&bytes).unwrap();
        let (width, height) = decoder.size();
        let row = width * decoder.channels();
        for start in 0..height {
            for end in [start + 1, (start + 7).min(height), height] {
                let mut part = Vec::new();
                let result = Decoder::new(&bytes).unwrap().decode(start..end, |rows| {
                    assert_eq!(rows.len() % row, 0);
                    part.extend_from_slice(rows);
                    Ok::<(), Error>(())
                });
                assert_eq!(result, Ok(()));
                assert!(part == pixels[start * row..end * row], "{name}, rows {start} to {end}");
            }
        }
        for rows in [0..0, height..height + 1, 0..height + 1] {
            let error = Decoder::new(&bytes).unwrap().decode(rows, |_| Ok::<(), Error>(())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArea);
        }
    }
}

#[test]
fn every_cut_and_every_byte_gives_pixels_or_an_error() {
    let mut state = 1u32;
    let (mut read, mut refused) = (0, 0);
    for (_, bytes) in files().into_iter().take(120) {
        for length in 0..bytes.len().min(200) {
            assert!(whole(&bytes[..length]).is_err());
        }
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 150) {
            let mut damaged = bytes.clone();
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            damaged[at] ^= (state >> 24) as u8 | 1;
            let Ok(decoder) = Decoder::new(&damaged) else { continue };
            let (width, height) = decoder.size();
            let length = width * height * decoder.channels();
            if length >= 1 << 20 {
                continue;
            }
            match decoder.decode_whole() {
                Ok(pixels) => {
                    assert_eq!(pixels.len(), length);
                    read += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::Broken, ErrorKind::CutShort, ErrorKind::TooLarge];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}

#[test]
fn an_error_of_the_sink_ends_it() {
    let bytes = std::fs::read(golden().join("formats/coarse.webp")).unwrap();
    let mut calls = 0;
    let result = Decoder::new(&bytes).unwrap().decode(0..31, |_| {
        calls += 1;
        Err(Stop)
    });
    assert!(result.is_err() && calls == 1);

    struct Stop;
    impl From<Error> for Stop {
        fn from(_: Error) -> Self {
            Stop
        }
    }
}

/// A lossless picture of 16383x16383 pixels in 36 bytes: what it takes is known before any of it is taken.
#[test]
fn memory_is_known_from_the_header() {
    let mut bits = vec![0u8; 16];
    bits[0] = 0x2f;
    let size = 16382u32 | 16382 << 14;
    bits[1..5].copy_from_slice(&size.to_le_bytes());
    // No transform, no cache, no groups, and five codes of one symbol.
    bits[5] = 0b0000_1000;
    let mut file = b"RIFF\0\0\0\0WEBPVP8L".to_vec();
    file.extend((bits.len() as u32).to_le_bytes());
    file.extend(bits);
    let length = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    let decoder = Decoder::new(&file).unwrap();
    assert_eq!(decoder.size(), (16383, 16383));
    assert!(decoder.memory() >= 4 * 16383 * 16383);
}

#[test]
fn tables_of_codes_keep_to_their_limit() {
    let bytes = std::fs::read(golden().join("odd/webp/lossless-method-6.webp")).unwrap();
    let decode = |limit| Decoder::new(&bytes).unwrap().with_table_limit(limit).decode_whole();
    assert_eq!(decode(100).unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(decode(1 << 16).is_ok());
}
