//! Resizes and crops against Pillow's and transformers': every value of every case, natively and in a browser.
#![allow(clippy::unwrap_used)]

mod common;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

use clip_vision::{Image, ResizeFilter};
use common::sources::{self, filter, fnv1a64, golden_bytes, golden_json, number, rgb8, source};
use safetensors::SafeTensors;

#[test]
fn every_resize_equals_pillows() {
    let goldens = golden_json("resize.json");
    let tensors = golden_bytes("resize.safetensors");
    let tensors = SafeTensors::deserialize(&tensors).unwrap();
    let cases = goldens["cases"].as_array().unwrap();
    assert!(cases.len() >= 1000);
    let mut wrong = Vec::new();
    for case in cases {
        let (width, height) = (number(case, "new_width"), number(case, "new_height"));
        let (bytes, size) = rgb8(source(case).resize(width, height, filter(case)));
        assert_eq!(size, (height, width), "{case}");
        if let Some(name) = case["tensor"].as_str() {
            assert_eq!(tensors.tensor(&format!("{name}/out")).unwrap().data(), bytes, "{case}");
        }
        if fnv1a64(bytes) != case["fnv1a64"].as_str().unwrap() {
            wrong.push(case.to_string());
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_center_crop_equals_transformers() {
    for case in golden_json("crops.json")["cases"].as_array().unwrap() {
        let (width, height) = (number(case, "crop_width"), number(case, "crop_height"));
        let (bytes, size) = rgb8(source(case).center_crop(width, height));
        assert_eq!(size, (height, width), "{case}");
        assert_eq!(fnv1a64(bytes), case["fnv1a64"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn every_resize_and_crop_equals_transformers() {
    for case in golden_json("resize_and_crop.json")["cases"].as_array().unwrap() {
        let (width, height) = (number(case, "crop_width"), number(case, "crop_height"));
        let resized = source(case).resize_shortest_edge(number(case, "edge"), filter(case));
        let (bytes, size) = rgb8(resized.center_crop(width, height));
        assert_eq!(size, (height, width), "{case}");
        assert_eq!(fnv1a64(bytes), case["fnv1a64"].as_str().unwrap(), "{case}");
    }
}

const FILTERS: [ResizeFilter; 4] =
    [ResizeFilter::Nearest, ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

/// What is not computed because a crop throws it away must not change what is kept.
#[test]
fn a_crop_is_a_part_of_the_whole() {
    let sizes =
        [((61, 47), (90, 33)), ((61, 47), (30, 80)), ((20, 90), (64, 33)), ((90, 20), (33, 64)), ((7, 300), (5, 9))];
    for filter in FILTERS {
        for ((width, height), (new_width, new_height)) in sizes {
            let image = Image::from_rgb8(width, height, sources::pixels("bits", 7, width, height));
            let resized = image.clone().resize(new_width, new_height, filter);
            let (whole, _) = rgb8(resized.clone());
            for (crop_width, crop_height) in [(1, 1), (new_width, 3), (4, new_height), (5, 6)] {
                let (part, _) = rgb8(resized.clone().center_crop(crop_width, crop_height));
                let (left, top) = ((new_width - crop_width) / 2, (new_height - crop_height) / 2);
                for (y, row) in part.chunks_exact(crop_width * 3).enumerate() {
                    let start = ((top + y) * new_width + left) * 3;
                    assert_eq!(row, &whole[start..start + crop_width * 3], "{filter:?} {width}x{height}");
                }
            }
        }
    }
}

#[test]
fn operations_run_in_the_order_written() {
    let image = || Image::from_rgb8(40, 30, sources::pixels("noise", 3, 40, 30));
    let filter = ResizeFilter::CatmullRom;
    for (first, second) in [((11, 17), (23, 9)), ((60, 80), (7, 7)), ((50, 20), (45, 33))] {
        // One after the other is what two images one after the other give.
        let at_once = rgb8(image().resize(first.0, first.1, filter).resize(second.0, second.1, filter));
        let (middle, _) = rgb8(image().resize(first.0, first.1, filter));
        let stepwise = Image::from_rgb8(first.0, first.1, middle).resize(second.0, second.1, filter);
        assert_eq!(at_once, rgb8(stepwise));

        let at_once = rgb8(image().center_crop(first.0, first.1).resize(second.0, second.1, filter));
        let (middle, _) = rgb8(image().center_crop(first.0, first.1));
        let stepwise = Image::from_rgb8(first.0, first.1, middle).resize(second.0, second.1, filter);
        assert_eq!(at_once, rgb8(stepwise));
    }
}

#[test]
fn a_size_that_fits_already_changes_nothing() {
    let pixels = sources::pixels("noise", 5, 31, 17);
    for filter in FILTERS {
        let image = || Image::from_rgb8(31, 17, pixels.clone());
        assert_eq!(rgb8(image().resize(31, 17, filter)).0, pixels);
        assert_eq!(rgb8(image().resize_shortest_edge(17, filter)).0, pixels);
        assert_eq!(rgb8(image().center_crop(31, 17)).0, pixels);
    }
}
