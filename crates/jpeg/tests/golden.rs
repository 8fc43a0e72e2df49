//! Pixels equal Pillow's: every kind of JPEG, whole and in parts, at every scale.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Noise, SCALES, decode, golden};
use jpeg::{Area, Decoder, Error, ErrorKind, Scale};

fn fnv1a64(bytes: impl Iterator<Item = u8>) -> String {
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[test]
fn every_kind_equals_pillow_at_every_scale() {
    let index: serde_json::Value = serde_json::from_slice(&golden("jpeg.json")).unwrap();
    let mut compared = 0;
    for case in index["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let bytes = golden(&format!("jpeg/{file}"));
        for (name, scale) in ["1/1", "1/2", "1/4", "1/8"].into_iter().zip(SCALES) {
            // A lossless picture has one size.
            let Some(expected) = case.get(name) else { continue };
            let found = decode(&bytes, scale);
            if expected.is_null() {
                assert!(found.is_err(), "{file} at {name}: Pillow refuses it");
                continue;
            }
            let found = found.unwrap_or_else(|error| panic!("{file} at {name}: {error}"));
            let decoder = Decoder::new(&bytes).unwrap();
            let (width, height) = decoder.size(scale);
            assert_eq!(serde_json::json!([width, height]), serde_json::json!([expected[0], expected[1]]), "{file}");
            let times = 3 / decoder.channels();
            let rgb = found.into_iter().flat_map(|value| std::iter::repeat_n(value, times));
            assert_eq!(fnv1a64(rgb), expected[2].as_str().unwrap(), "{file} at {name}");
            compared += 1;
        }
    }
    assert!(compared >= 500, "only {compared} compared");
}

fn decode_area(bytes: &[u8], scale: Scale, area: Area) -> jpeg::Result<Vec<u8>> {
    let decoder = Decoder::new(bytes)?;
    let (height, row_length) = (area.rows.len(), area.columns.len() * decoder.channels());
    let mut out = Vec::new();
    decoder.decode(scale, area, |rows| {
        assert!(!rows.is_empty() && rows.len().is_multiple_of(row_length));
        out.extend_from_slice(rows);
        Ok::<(), Error>(())
    })?;
    assert_eq!(out.len(), row_length * height);
    Ok(out)
}

#[test]
fn a_part_is_what_it_is_in_the_whole() {
    let mut noise = Noise(5);
    let names = ["2x2-1x1-1x1", "2x1-1x1-1x1", "1x2-1x1-1x1", "4x1-1x1-1x1", "3x2-1x1-1x1", "2x2-1x2-2x1"];
    let sampled = names.map(|name| format!("sampling-{name}"));
    let others = ["unfinished-2", "unfinished-9", "gray-2x2", "cmyk", "size-33x2-2x2"].map(String::from);
    for name in sampled.iter().chain(&others) {
        let bytes = golden(&format!("jpeg/{name}.jpg"));
        for scale in SCALES {
            let whole = decode(&bytes, scale).unwrap();
            let decoder = Decoder::new(&bytes).unwrap();
            let ((width, height), channels) = (decoder.size(scale), decoder.channels());
            for _ in 0..40 {
                let (left, top) = (noise.below(width), noise.below(height));
                let right = left + 1 + noise.below(width - left);
                let area = Area { columns: left..right, rows: top..top + 1 + noise.below(height - top) };
                let part = decode_area(&bytes, scale, area.clone()).unwrap();
                let rows = whole.chunks(width * channels).skip(top).take(area.rows.len());
                let expected: Vec<u8> = rows.flat_map(|row| &row[left * channels..right * channels]).copied().collect();
                assert_eq!(part, expected, "{name} at {scale:?}: {area:?}");
            }
            for (columns, rows) in [(0..0, 0..1), (0..1, 1..1), (0..width + 1, 0..1), (0..1, 0..height + 1)] {
                let error = decode_area(&bytes, scale, Area { columns, rows }).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidArea);
            }
        }
    }
}

#[test]
fn scales_are_chosen_as_draft_chooses() {
    let bytes = golden("jpeg/quality-30.jpg");
    let decoder = Decoder::new(&bytes).unwrap();
    for (size, scale) in [
        ((45, 35), Scale::Full),
        ((23, 18), Scale::Full),
        ((22, 17), Scale::Half),
        ((11, 9), Scale::Half),
        ((11, 8), Scale::Quarter),
        ((5, 5), Scale::Quarter),
        ((5, 4), Scale::Eighth),
        ((0, 0), Scale::Eighth),
        ((1000, 1), Scale::Full),
    ] {
        assert_eq!(decoder.scale_for(size.0, size.1), scale, "{size:?}");
    }
}

#[test]
fn errors_of_the_sink_end_decoding() {
    #[derive(Debug, PartialEq)]
    enum Stop {
        Full,
        Jpeg(Error),
    }
    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            Self::Jpeg(error)
        }
    }
    let bytes = golden("jpeg/quality-30.jpg");
    let decoder = Decoder::new(&bytes).unwrap();
    let (width, height) = decoder.size(Scale::Full);
    let mut calls = 0;
    let stopped = decoder.decode(Scale::Full, Area { columns: 0..width, rows: 0..height }, |_| {
        calls += 1;
        Err(Stop::Full)
    });
    assert_eq!((stopped, calls), (Err(Stop::Full), 1));
}
