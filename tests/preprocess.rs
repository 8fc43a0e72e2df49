//! `preprocessor_config.json` in its published forms, against the tensors that transformers makes with them.
#![allow(clippy::unwrap_used)]

mod common;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

use clip_vision::image::PreprocessConfig;
use clip_vision::{ErrorKind, Image, ResizeFilter};
use common::sources::{golden_bytes, golden_json};
use safetensors::SafeTensors;

#[test]
fn every_form_gives_transformers_tensor() {
    let goldens = golden_json("preprocess.json");
    let expected = golden_bytes("preprocess.safetensors");
    let expected = SafeTensors::deserialize(&expected).unwrap();
    let mut compared = 0;
    for (name, json) in goldens["configs"].as_object().unwrap() {
        let config = PreprocessConfig::from_json(json.to_string().as_bytes()).unwrap();
        for file in goldens["images"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            let image = config.apply(Image::from_bytes(golden_bytes(&format!("images/{file}"))));
            let tensor = image.to_pixel_tensor().unwrap();
            let view = expected.tensor(&format!("{name}/{file}")).unwrap();
            assert_eq!([3, tensor.height, tensor.width], view.shape(), "{name} {file}");
            if let Some(size) = config.output_size() {
                assert_eq!((tensor.height, tensor.width), size, "{name}");
            }
            let wanted = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let differ = tensor.data.into_iter().zip(wanted).filter(|(got, wanted)| got != wanted).count();
            assert_eq!(differ, 0, "values of {name} {file}");
            compared += 1;
        }
    }
    assert!(compared > 30);
}

#[test]
fn what_is_absent_or_null_is_clips_default() {
    let null = r#"{"size": null, "crop_size": null, "do_resize": null, "resample": null, "image_mean": null,
        "image_std": null, "do_rescale": null, "rescale_factor": null, "do_normalize": null, "extra": {"a": []}}"#;
    for json in
        ["{}", null, r#"{"size": 224, "crop_size": 224, "resample": 3}"#, r#"{"image_processor": {"size": 224}}"#]
    {
        assert_eq!(PreprocessConfig::from_json(json.as_bytes()).unwrap(), PreprocessConfig::default(), "{json}");
    }
    assert_eq!(PreprocessConfig::default().output_size(), Some((224, 224)));
}

#[test]
fn the_default_is_the_operations_that_it_says() {
    let mean = [0.48145466_f64, 0.4578275, 0.40821073].map(|mean| mean as f32);
    let std = [0.26862954_f64, 0.26130258, 0.27577711].map(|std| std as f32);
    let image = Image::from_bytes(golden_bytes("images/rgb-photo.png"));
    let by_hand = image
        .clone()
        .resize_shortest_edge(224, ResizeFilter::CatmullRom)
        .center_crop(224, 224)
        .normalize_unsigned()
        .normalize_with(mean, std);
    let by_default = PreprocessConfig::default().apply(image);
    assert_eq!(by_hand.to_pixel_tensor().unwrap(), by_default.to_pixel_tensor().unwrap());
}

#[test]
fn output_sizes() {
    let cases = [
        (r#"{"size": 24, "crop_size": {"height": 20, "width": 18}}"#, Some((20, 18))),
        (r#"{"size": 24, "do_center_crop": false}"#, None),
        (r#"{"size": {"height": 5, "width": 7}, "do_center_crop": false}"#, Some((5, 7))),
        (r#"{"size": [5, 7], "do_center_crop": false}"#, Some((5, 7))),
        (r#"{"size": 24.0, "use_square_size": true, "do_center_crop": false}"#, Some((24, 24))),
        (r#"{"size": 24, "default_to_square": true, "do_center_crop": false}"#, Some((24, 24))),
        (r#"{"do_resize": false}"#, Some((224, 224))),
        (r#"{"do_resize": false, "do_center_crop": false}"#, None),
    ];
    for (json, size) in cases {
        assert_eq!(PreprocessConfig::from_json(json.as_bytes()).unwrap().output_size(), size, "{json}");
    }
}

#[test]
fn nonsense_is_an_error_that_names_the_key() {
    let cases = [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("<!doctype html>", "not valid JSON"),
        (r#"{"size": 0}"#, "size"),
        (r#"{"size": -3}"#, "size"),
        (r#"{"size": 2.5}"#, "size"),
        (r#"{"size": 1e300}"#, "size"),
        (r#"{"size": "224"}"#, "size"),
        (r#"{"size": {}}"#, "size"),
        (r#"{"size": {"height": 3}}"#, "size"),
        (r#"{"size": {"longest_edge": 3}}"#, "longest_edge"),
        (r#"{"size": {"shortest_edge": 3, "longest_edge": 9}}"#, "longest_edge"),
        (r#"{"size": {"shortest_edge": 3, "height": 9, "width": 9}}"#, "size"),
        (r#"{"size": [1, 2, 3]}"#, "size"),
        (r#"{"crop_size": {"shortest_edge": 3}}"#, "crop_size"),
        (r#"{"crop_size": {"height": 3, "width": 0}}"#, "crop_size"),
        (r#"{"resample": 4}"#, "BOX"),
        (r#"{"resample": 5}"#, "HAMMING"),
        (r#"{"resample": 6}"#, "resample"),
        (r#"{"resample": "bicubic"}"#, "resample"),
        (r#"{"do_resize": 1}"#, "do_resize"),
        (r#"{"image_mean": [1, 2]}"#, "image_mean"),
        (r#"{"image_mean": ["a", 2, 3]}"#, "image_mean"),
        (r#"{"image_std": [1, 0, 1]}"#, "image_std"),
        (r#"{"image_std": [1, 1e99, 1]}"#, "image_std"),
        (r#"{"rescale_factor": 1e99}"#, "rescale_factor"),
        (r#"{"rescale_factor": true}"#, "rescale_factor"),
    ];
    for (json, name) in cases {
        let error = PreprocessConfig::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{json}");
        assert!(error.to_string().contains(name), "{json}: {error}");
    }
}
