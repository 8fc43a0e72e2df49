//! ONNX files of SigLIP and DINOv2 against onnxruntime, which computes in f32 with what each file's weights stand for.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::model::{ConvertOptions, Loader, StoredPrecision, convert};
use clip_vision::{ClipVision, ErrorKind, Image, Options, Precision};
use common::{cosine, golden, max_difference};
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};

const SMALL: [&str; 3] = ["config.json", "preprocessor_config.json", "tokenizer.json"];
const IMAGES: [&str; 3] = ["rgb-photo.png", "bits-text.png", "palette.png"];

/// A new folder with the small files of a golden model, and of its ONNX files those that are named.
struct Repository(PathBuf);

impl Repository {
    fn new(from: &str, name: &str, files: &[&str]) -> Self {
        let folder =
            std::env::temp_dir().join(format!("clip-vision-onnx-families-{}-{from}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("onnx")).unwrap();
        let from = golden(&format!("onnx_families/{from}"));
        for file in SMALL.into_iter().filter(|file| from.join(file).exists()) {
            std::fs::copy(from.join(file), folder.join(file)).unwrap();
        }
        for file in files {
            std::fs::copy(from.join("onnx").join(file), folder.join("onnx").join(file)).unwrap();
        }
        Self(folder)
    }

    fn load(&self, precision: Precision) -> ClipVision {
        ClipVision::from_dir(&self.0, Options::default().precision(precision)).unwrap()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn texts() -> Vec<String> {
    let inputs = std::fs::read(golden("onnx_families/inputs.json")).unwrap();
    let inputs: Value = serde_json::from_slice(&inputs).unwrap();
    inputs["texts"].as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

/// The rows of a golden.
fn expected(key: &str) -> Vec<Vec<f32>> {
    let file = std::fs::read(golden("onnx_families/expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensor = tensors.tensor(key).unwrap();
    let values: Vec<f32> = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    values.chunks(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

fn picture(name: &str) -> Image {
    Image::from_path(golden(&format!("images/{name}"))).drop_alpha()
}

fn images_of(clip: &ClipVision) -> Vec<Vec<f32>> {
    IMAGES.iter().map(|name| clip.embed(picture(name)).unwrap()).collect()
}

fn texts_of(clip: &ClipVision) -> Vec<Vec<f32>> {
    texts().iter().map(|text| clip.embed_text(text).unwrap()).collect()
}

fn worst(found: &[Vec<f32>], key: &str) -> f64 {
    let expected = expected(key);
    assert_eq!(found.len(), expected.len());
    found.iter().zip(&expected).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min)
}

const SIGLIPS: [(&str, &str); 9] = [
    ("siglip_torchscript", ""),
    ("siglip_torchscript", "_fp16"),
    ("siglip_torchscript", "_quantized"),
    ("siglip_torchscript", "_int8"),
    ("siglip_torchscript", "_q4"),
    ("siglip_dynamo", ""),
    ("siglip_dynamo", "_fp16"),
    ("siglip_dynamo", "_uint8"),
    ("siglip_dynamo", "_q4"),
];

const DINOV2S: [(&str, &str); 10] = [
    ("dinov2_torchscript", ""),
    ("dinov2_torchscript", "_fp16"),
    ("dinov2_torchscript", "_quantized"),
    ("dinov2_torchscript", "_int8"),
    ("dinov2_torchscript", "_q4"),
    ("dinov2_dynamo", ""),
    ("dinov2_dynamo", "_fp16"),
    ("dinov2_dynamo", "_uint8"),
    ("dinov2_dynamo", "_q4"),
    ("dinov2_any_size", ""),
];

#[test]
fn two_files_of_a_siglip_are_what_onnxruntime_computes() {
    for (exporter, end) in SIGLIPS {
        let [vision, text] = ["vision_model", "text_model"].map(|name| format!("{name}{end}.onnx"));
        let repository = Repository::new(exporter, &format!("two{end}"), &[&vision, &text]);
        let clip = repository.load(Precision::F32);
        let images = worst(&images_of(&clip), &format!("{exporter}/vision_model{end}/images"));
        let texts = worst(&texts_of(&clip), &format!("{exporter}/text_model{end}/texts"));
        println!("{exporter}{end}: 1 - cosine {:.1e} and {:.1e}", 1.0 - images, 1.0 - texts);
        assert!(images > 0.99999 && texts > 0.99999, "{exporter}{end}: {images} {texts}");
    }
}

#[test]
fn one_file_of_both_towers_of_a_siglip_has_its_scale_and_its_bias() {
    for (exporter, end) in [("siglip_torchscript", ""), ("siglip_torchscript", "_quantized"), ("siglip_dynamo", "")] {
        let repository = Repository::new(exporter, &format!("both{end}"), &[&format!("model{end}.onnx")]);
        let clip = repository.load(Precision::F32);
        let key = format!("{exporter}/model{end}");
        let images = worst(&images_of(&clip), &format!("{key}/images"));
        let worst_text = worst(&texts_of(&clip), &format!("{key}/texts"));
        println!("{key}: 1 - cosine {:.1e} and {:.1e}", 1.0 - images, 1.0 - worst_text);
        assert!(images > 0.99999 && worst_text > 0.99999, "{key}: {images} {worst_text}");
        for (name, right) in IMAGES.iter().zip(expected(&format!("{key}/probabilities"))) {
            let found = clip.classify(picture(name), &texts()).unwrap();
            assert!(max_difference(&found, &right) < 1e-5, "{key} {name}: {found:?} {right:?}");
        }
    }
}

#[test]
fn without_a_bias_there_are_no_probabilities_in_place_of_wrong_ones() {
    let repository = Repository::new("siglip_torchscript", "no bias", &["model.onnx"]);
    let file = repository.0.join("onnx/model.onnx");
    let mut bytes = std::fs::read(&file).unwrap();
    // The last sum of two is the one with the bias: `Sum` computes the same.
    let (from, to) = (b"\x22\x03Add", b"\x22\x03Sum");
    let at = bytes.windows(from.len()).rposition(|bytes| bytes == from).unwrap();
    bytes[at..][..to.len()].copy_from_slice(to);
    std::fs::remove_file(&file).unwrap(); // it may be a link
    std::fs::write(&file, bytes).unwrap();
    let clip = repository.load(Precision::F32);
    let error = clip.classify(picture("palette.png"), &["a", "b"]).unwrap_err();
    assert!(error.to_string().contains("logit_scale"), "{error}");
    assert!(worst(&texts_of(&clip), "siglip_torchscript/model/texts") > 0.99999);
}

#[test]
fn files_of_the_towers_alone_give_no_probabilities() {
    let repository = Repository::new("siglip_dynamo", "alone", &["vision_model.onnx", "text_model.onnx"]);
    let said = |clip: &ClipVision| {
        let error = clip.classify(picture("palette.png"), &["a", "b"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Weights);
        assert!(error.to_string().contains("onnx/model.onnx"), "{error}");
    };
    said(&repository.load(Precision::F32));
    let file = repository.0.join("converted.safetensors");
    convert(&repository.0, &file, &ConvertOptions::default()).unwrap();
    said(&ClipVision::from_file(&file, Options::default()).unwrap());
}

#[test]
fn a_dinov2_is_what_onnxruntime_computes_however_its_positions_stand() {
    for (exporter, end) in DINOV2S {
        let repository = Repository::new(exporter, &format!("one{end}"), &[&format!("model{end}.onnx")]);
        let clip = repository.load(Precision::F32);
        let images = worst(&images_of(&clip), &format!("{exporter}/model{end}/images"));
        println!("{exporter}{end}: 1 - cosine {:.1e}", 1.0 - images);
        assert!(images > 0.99999, "{exporter}{end}: {images}");
    }
}

#[test]
fn in_8_bits_they_are_near_what_the_file_stands_for() {
    for (exporter, end) in
        [("siglip_torchscript", "_quantized"), ("siglip_dynamo", "_fp16"), ("dinov2_dynamo", "_uint8")]
    {
        let is_siglip = exporter.starts_with("siglip");
        let names: &[&str] = if is_siglip { &["vision_model", "text_model"] } else { &["model"] };
        let files: Vec<String> = names.iter().map(|name| format!("{name}{end}.onnx")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let repository = Repository::new(exporter, &format!("int8{end}"), &files);
        let clip = repository.load(Precision::Int8);
        let images = worst(&images_of(&clip), &format!("{exporter}/{}{end}/images", names[0]));
        println!("{exporter}{end}, int8: {images:.6}");
        assert!(images > 0.998, "{exporter}{end}: {images}");
        if is_siglip {
            let texts = worst(&texts_of(&clip), &format!("{exporter}/text_model{end}/texts"));
            assert!(texts > 0.998, "{exporter}{end}: {texts}");
        }
    }
}

#[test]
fn they_are_converted_into_one_file_of_ours() {
    for (exporter, files) in [
        ("siglip_torchscript", vec!["model_quantized.onnx"]),
        ("siglip_dynamo", vec!["vision_model_q4.onnx", "text_model_q4.onnx"]),
        ("dinov2_torchscript", vec!["model_fp16.onnx"]),
        // Of positions that fit one size of photos already.
        ("dinov2_dynamo", vec!["model.onnx"]),
        ("dinov2_any_size", vec!["model.onnx"]),
    ] {
        let repository = Repository::new(exporter, "convert", &files);
        let file = repository.0.join("converted.safetensors");
        convert(&repository.0, &file, &ConvertOptions::default().precision(StoredPrecision::F16)).unwrap();
        let clip = ClipVision::from_file(&file, Options::default()).unwrap();
        let stem = |index: usize| files[index % files.len()].strip_suffix(".onnx").unwrap();
        let images = worst(&images_of(&clip), &format!("{exporter}/{}/images", stem(0)));
        assert!(images > 0.9999, "{exporter}: {images}");
        if exporter.starts_with("siglip") {
            let texts = worst(&texts_of(&clip), &format!("{exporter}/{}/texts", stem(1)));
            assert!(texts > 0.9999, "{exporter}: {texts}");
        }
    }
}

fn loader_of(folder: &Path) -> Loader {
    let [config, preprocessor] = [SMALL[0], SMALL[1]].map(|file| std::fs::read(folder.join(file)).unwrap());
    Loader::new(&config, Some(&preprocessor), Options::default()).unwrap()
}

#[test]
fn pieces_of_any_length_make_the_same_model() {
    for (exporter, file) in [("siglip_torchscript", "vision_model_int8.onnx"), ("dinov2_any_size", "model.onnx")] {
        let folder = golden(&format!("onnx_families/{exporter}"));
        let bytes = std::fs::read(folder.join("onnx").join(file)).unwrap();
        let embedding_by = |len: usize| {
            let mut loader = loader_of(&folder);
            bytes.chunks(len).for_each(|piece| loader.push(piece).unwrap());
            loader.finish().unwrap().embed(picture("palette.png")).unwrap()
        };
        let whole = embedding_by(bytes.len());
        for len in [7, 1 << 16] {
            assert_eq!(embedding_by(len), whole, "{exporter} in pieces of {len}");
        }
    }
}

#[test]
fn a_file_of_another_family_is_refused() {
    let families = [
        ("SigLIP", "onnx_families/siglip_torchscript", "vision_model.onnx"),
        ("DINOv2", "onnx_families/dinov2_torchscript", "model.onnx"),
        ("CLIP", "onnx/torchscript", "vision_model.onnx"),
    ];
    for (called, folder, _) in families {
        for (other, from, file) in families.iter().filter(|(other, ..)| *other != called) {
            let bytes = std::fs::read(golden(&format!("{from}/onnx/{file}"))).unwrap();
            let error = loader_of(&golden(folder)).push(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Weights);
            let expected = format!("the ONNX graph is that of no {called}: in its vision tower, in place of");
            assert!(error.to_string().contains(&expected), "{other} as {called}: {error}");
        }
    }
}

#[test]
fn positions_for_other_photos_than_they_were_made_for_are_refused() {
    let repository = Repository::new("dinov2_dynamo", "size", &["model.onnx"]);
    let file = repository.0.join("preprocessor_config.json");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replace(": 42", ": 49").replace(": 48", ": 52")).unwrap();
    let error = ClipVision::from_dir(&repository.0, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weights);
    let text = error.to_string();
    assert!(
        text.contains("position_embeddings") && text.contains("[1, 37, 36]") && text.contains("[50, 36]"),
        "{text}"
    );
}

#[test]
fn a_fused_weight_of_another_shape_is_refused() {
    let folder = golden("onnx_families/siglip_torchscript");
    let config = String::from_utf8(std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let config = config.replace("\"hidden_size\": 40", "\"hidden_size\": 44");
    let mut loader = Loader::new(config.as_bytes(), None, Options::default()).unwrap();
    let bytes = std::fs::read(folder.join("onnx/vision_model.onnx")).unwrap();
    let error = loader.push(&bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weights);
    assert!(error.to_string().contains("of shape"), "{error}");
}

#[test]
fn files_that_are_cut_or_damaged_are_errors_and_nothing_worse() {
    for (exporter, file) in [("siglip_torchscript", "vision_model_int8.onnx"), ("dinov2_any_size", "model.onnx")] {
        let folder = golden(&format!("onnx_families/{exporter}"));
        let bytes = std::fs::read(folder.join("onnx").join(file)).unwrap();
        let load = |bytes: &[u8]| {
            let mut loader = loader_of(&folder);
            loader.push(bytes).and_then(|()| loader.finish())
        };
        // What comes after the last initializer is not needed: types of values, which are many here.
        for end in (0..bytes.len() / 4 * 3).step_by(4999) {
            assert!(load(&bytes[..end]).is_err(), "{file} up to {end}");
        }
        let mut random = common::random::Random(0x0dd);
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..4 {
                let at = random.below(damaged.len().min(40_000));
                damaged[at] = random.below(256) as u8;
            }
            let _ = load(&damaged);
        }
    }
}
