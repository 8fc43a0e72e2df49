//! JPEG pixels equal Pillow's (libjpeg-turbo's): every value of every golden picture.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::image::PixelTensor;
use clip_vision::{ErrorKind, Image};
use common::sources::{fnv1a64, golden_bytes, golden_json, rgb8};

/// Width, height and the values, 0 to 255, of the decoded picture: red, green and blue planes.
fn decode(bytes: Vec<u8>) -> (usize, usize, Vec<f32>) {
    let PixelTensor { data, height, width } = Image::from_bytes(bytes).to_pixel_tensor().unwrap();
    (width, height, data)
}

#[test]
fn golden_pictures_equal_pillows() {
    let index = golden_json("images.json");
    let mut compared = 0;
    for row in index["images"].as_array().unwrap().iter().filter(|row| row["format"] == "jpeg") {
        let file = row["file"].as_str().unwrap();
        let (width, height, values) = decode(golden_bytes(&format!("images/{file}")));
        // Pillow's pixels, upright, as a PNG.
        let (expected_width, expected_height, expected) = decode(golden_bytes(row["decoded"].as_str().unwrap()));
        assert_eq!((width, height), (expected_width, expected_height), "{file}");
        let wrong = values.iter().zip(&expected).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(wrong, 0, "{file}: {wrong} of {} values differ", values.len());
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} pictures");
}

#[test]
fn truncated_pictures_are_refused() {
    let whole = golden_bytes("images/photo-420.jpg");
    // Cut anywhere but in the end marker, something is missing.
    for length in (0..whole.len() - 3).step_by(97) {
        let error = Image::from_bytes(&whole[..length]).to_pixel_tensor().unwrap_err();
        let expected = if length < 3 { ErrorKind::UnsupportedFormat } else { ErrorKind::Decode };
        assert_eq!(error.kind(), expected, "{length} bytes: {error}");
    }
}

#[test]
fn every_kind_of_jpeg_equals_pillow() {
    let index = golden_json("jpeg.json");
    let mut compared = 0;
    for case in index["cases"].as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let image = Image::from_bytes(golden_bytes(&format!("jpeg/{file}")));
        let expected = &case["1/1"];
        if expected.is_null() {
            let kind = image.to_pixel_tensor().unwrap_err().kind();
            assert!([ErrorKind::Decode, ErrorKind::UnsupportedFormat].contains(&kind), "{file}: {kind:?}");
            continue;
        }
        let (pixels, (height, width)) = rgb8(image);
        assert_eq!(
            (width as u64, height as u64),
            (expected[0].as_u64().unwrap(), expected[1].as_u64().unwrap()),
            "{file}"
        );
        assert_eq!(fnv1a64(pixels), expected[2].as_str().unwrap(), "{file}");
        compared += 1;
    }
    assert!(compared >= 90, "only {compared} compared");
}
