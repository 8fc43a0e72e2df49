//! Model files that are wrong, each a clear error with its kind.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options};
use common::{golden, model_dir};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

const MODEL: &str = "b32-tiny";

fn files() -> ModelFiles {
    let read = |name: &str| std::fs::read(model_dir(MODEL).join(name)).unwrap();
    ModelFiles::new(read("config.json"), read("model.safetensors")).preprocessor(read("preprocessor_config.json"))
}

fn load(files: ModelFiles) -> Result<ClipVision, clip_vision::Error> {
    ClipVision::from_files(files, Options::default())
}

/// The model's tensors, changed by `change`: name, type, shape, bytes.
fn with_tensors(change: impl Fn(&mut Vec<(String, Dtype, Vec<usize>, Vec<u8>)>)) -> ModelFiles {
    let mut files = files();
    let parsed = SafeTensors::deserialize(&files.weights).unwrap();
    let mut tensors: Vec<_> = parsed
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        .collect();
    change(&mut tensors);
    let views =
        tensors.iter().map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    files.weights = safetensors::serialize(views, None).unwrap();
    files
}

fn with_config(change: impl Fn(&mut Value)) -> ModelFiles {
    let mut files = files();
    let mut config: Value = serde_json::from_slice(&files.config).unwrap();
    change(&mut config);
    files.config = config.to_string().into_bytes();
    files
}

/// Sets a key of the vision tower, wherever this form of the file has it.
fn vision_key(config: &mut Value, key: &str, value: Value) {
    match config.get_mut("vision_config") {
        Some(vision) if vision.is_object() => vision[key] = value,
        _ => config[key] = value,
    }
}

#[track_caller]
fn refused(files: ModelFiles, kind: ErrorKind, parts: &[&str]) -> clip_vision::Error {
    let error = load(files).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    assert!(parts.iter().all(|part| text.contains(part)), "{text} lacks one of {parts:?}");
    error
}

#[test]
fn the_files_as_they_are_load() {
    load(files()).unwrap();
    load(with_tensors(|_| ())).unwrap();
    load(with_config(|_| ())).unwrap();
}

#[test]
fn wrong_weights() {
    let gone = "vision_model.encoder.layers.1.mlp.fc2.bias";
    refused(with_tensors(|tensors| tensors.retain(|(name, ..)| name != gone)), ErrorKind::Weights, &[gone]);
    let reshaped = "vision_model.encoder.layers.0.self_attn.q_proj.bias";
    let files = with_tensors(|tensors| {
        let tensor = tensors.iter_mut().find(|(name, ..)| name == reshaped).unwrap();
        tensor.2 = vec![2, tensor.2[0] / 2];
    });
    let error = refused(files, ErrorKind::Weights, &[reshaped, "shape [2, "]);
    let detail = error.detail().unwrap();
    assert_eq!(detail.tensor.as_deref(), Some(reshaped));
    let (expected, actual) = (detail.expected_shape.as_ref().unwrap(), detail.actual_shape.as_ref().unwrap());
    assert_eq!(*actual, [2, expected[0] / 2]);
    let nan = "vision_model.post_layernorm.weight";
    let files = with_tensors(|tensors| {
        let tensor = tensors.iter_mut().find(|(name, ..)| name == nan).unwrap();
        tensor.3[..4].fill(0xff);
    });
    refused(files, ErrorKind::Weights, &[nan, "not finite: value 0"]);
    let surplus = "vision_model.encoder.layers.77.mlp.fc2.bias";
    let files = with_tensors(|tensors| {
        let copy = tensors.iter().find(|(name, ..)| name == gone).unwrap().clone();
        tensors.push((surplus.to_owned(), copy.1, copy.2, copy.3));
    });
    refused(files, ErrorKind::Weights, &[surplus]);
}

#[test]
fn weights_that_are_no_weights() {
    let with = |weights: &[u8]| {
        let mut files = files();
        files.weights = weights.to_vec();
        files
    };
    refused(with(b""), ErrorKind::Weights, &["0 bytes"]);
    refused(with(b"<!DOCTYPE html><html><body>Not found</body></html>"), ErrorKind::Weights, &["HTML"]);
    refused(with(b"version https://git-lfs.github.com/spec/v1\noid sha256:0"), ErrorKind::Weights, &["LFS"]);
    let whole = files().weights;
    for cut in [1, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        refused(with(&whole[..cut]), ErrorKind::Weights, &[]);
    }
    refused(with(&whole[..whole.len() - 1]), ErrorKind::Weights, &["cut short", &whole.len().to_string()]);
}

#[test]
fn wrong_configs() {
    let with = |config: &[u8]| {
        let mut files = files();
        files.config = config.to_vec();
        files
    };
    refused(with(b""), ErrorKind::Config, &["config.json", "empty"]);
    refused(with(b"<html>"), ErrorKind::Config, &["config.json", "not JSON"]);
    refused(with(&vec![b' '; (64 << 20) + 1]), ErrorKind::Config, &["config.json", "over the limit of 67108864"]);
    refused(
        with_config(|c| vision_key(c, "image_size", json!(65536))),
        ErrorKind::Config,
        &["image_size is 65536", "4096"],
    );
    refused(with_config(|c| c["model_type"] = json!("blip")), ErrorKind::Config, &["blip"]);
    refused(with_config(|c| vision_key(c, "hidden_act", json!("swish"))), ErrorKind::Config, &["hidden_act", "swish"]);
    refused(
        with_config(|c| vision_key(c, "num_hidden_layers", json!(9))),
        ErrorKind::Weights,
        &["no tensor", "layers."],
    );
    refused(with_config(|c| vision_key(c, "num_hidden_layers", json!(1))), ErrorKind::Weights, &["layers.1."]);
    refused(with_config(|c| vision_key(c, "patch_size", json!(16))), ErrorKind::Weights, &["shape"]);
    refused(with_config(|c| vision_key(c, "image_size", json!(192))), ErrorKind::Config, &["224", "192"]);
    let mut files = files();
    files.preprocessor = Some(b"{\"size\": \"large\"}".to_vec());
    refused(files, ErrorKind::Config, &["size"]);
}

#[test]
fn a_directory_without_a_file_says_which() {
    let dir = std::env::temp_dir().join(format!("clip-vision-dir-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let load = || ClipVision::from_dir(&dir, Options::default()).unwrap_err();
    assert_eq!(load().kind(), ErrorKind::Fetch);
    assert!(load().to_string().contains("config.json"));
    std::fs::write(dir.join("config.json"), files().config).unwrap();
    assert_eq!(load().kind(), ErrorKind::Fetch);
    assert!(load().to_string().contains("model.safetensors"));
    std::fs::write(dir.join("model.safetensors"), &files().weights[..1000]).unwrap();
    assert_eq!(load().kind(), ErrorKind::Weights);
    assert!(load().to_string().contains("model.safetensors"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn the_preprocessing_is_read_from_the_files_that_transformers_reads() {
    let plain = std::fs::read(model_dir("odd-widths").join("preprocessor_config.json")).unwrap();
    let mut settings: Value = serde_json::from_slice(&plain).unwrap();
    // Not CLIP's own, which is what is used without a file.
    settings["image_mean"] = json!([0.1, 0.2, 0.3]);
    let plain = settings.to_string().into_bytes();
    // As CLIPProcessor.save_pretrained of transformers 5 writes it.
    let nested = json!({"image_processor": settings, "processor_class": "CLIPProcessor"}).to_string().into_bytes();
    // As it was written before, beside a preprocessor_config.json.
    let empty = br#"{"processor_class": "CLIPProcessor"}"#.to_vec();
    let other = json!({"image_mean": [0.9, 0.9, 0.9], "size": 30, "crop_size": 30}).to_string().into_bytes();

    let read = |name: &str| std::fs::read(model_dir("odd-widths").join(name)).unwrap();
    let load_with = |processor: Option<&Vec<u8>>, preprocessor: Option<&Vec<u8>>| {
        let mut files = ModelFiles::new(read("config.json"), read("model.safetensors"));
        (files.processor, files.preprocessor) = (processor.cloned(), preprocessor.cloned());
        load(files).unwrap()
    };
    let embed = |clip: &ClipVision| clip.embed(Image::from_path(golden("images/photo-444.jpg"))).unwrap();
    let expected = embed(&load_with(None, Some(&plain)));
    for (what, processor, preprocessor) in [
        ("nested", Some(&nested), None),
        ("flat", Some(&plain), None),
        ("nested before another", Some(&nested), Some(&other)),
        ("beside an empty one", Some(&empty), Some(&plain)),
        ("beside a flat one", Some(&other), Some(&plain)),
    ] {
        let clip = load_with(processor, preprocessor);
        assert_eq!(embed(&clip), expected, "{what}");
        assert!(!clip.has_default_preprocessing(), "{what}");
    }
    for processor in [None, Some(&empty)] {
        let clip = load_with(processor, None);
        assert!(clip.has_default_preprocessing());
        assert_ne!(embed(&clip), expected);
    }

    let dir = std::env::temp_dir().join(format!("clip-vision-processor-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::write(dir.join(name), read(name)).unwrap();
    }
    std::fs::write(dir.join("processor_config.json"), &nested).unwrap();
    let clip = ClipVision::from_dir(&dir, Options::default()).unwrap();
    assert_eq!(embed(&clip), expected);
    std::fs::remove_dir_all(&dir).unwrap();

    let mut broken = files().processor(b"<!DOCTYPE html>");
    broken.preprocessor = None;
    refused(broken, ErrorKind::Config, &["JSON"]);
}

#[test]
fn weights_in_double_precision_are_read_as_python_reads_them() {
    let embed =
        |files: ModelFiles| load(files).unwrap().embed(Image::from_path(golden("images/photo-444.jpg"))).unwrap();
    let doubled = with_tensors(|tensors| {
        for (_, dtype, _, data) in tensors {
            if *dtype == Dtype::F16 {
                let halves = data.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes));
                *data = halves.flat_map(|half| half.to_f64().to_le_bytes()).collect();
                *dtype = Dtype::F64;
            }
        }
    });
    assert!(doubled.weights.len() > 3 * files().weights.len());
    assert_eq!(embed(doubled), embed(files()));

    let too_large = with_tensors(|tensors| {
        let tensor = tensors.iter_mut().find(|tensor| tensor.0 == "vision_model.post_layernorm.bias").unwrap();
        let values = tensor.2[0];
        *tensor = (tensor.0.clone(), Dtype::F64, tensor.2.clone(), 1e300_f64.to_le_bytes().repeat(values));
    });
    refused(too_large, ErrorKind::Weights, &["vision_model.post_layernorm.bias", "not finite"]);
}

#[test]
fn numbers_that_only_python_writes_are_read_where_nobody_looks_at_them() {
    let with = |config: &str, preprocessor: &str| {
        let begin = |json: Vec<u8>, key: &str| String::from_utf8(json).unwrap().replacen('{', &format!("{{{key},"), 1);
        let mut files = files();
        files.config = begin(files.config, config).into_bytes();
        files.preprocessor = files.preprocessor.map(|json| begin(json, preprocessor).into_bytes());
        files
    };
    load(with(r#""initializer_range": NaN, "limits": [-Infinity, Infinity]"#, r#""what": NaN"#)).unwrap();
    refused(files().preprocessor(br#"{"image_mean": [NaN, 0.5, 0.5]}"#), ErrorKind::Config, &["image_mean"]);
}

#[test]
fn what_cannot_be_loaded_says_what_it_is_and_what_to_do() {
    let dir = std::env::temp_dir().join(format!("clip-vision-hints-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let refused = |parts: &[&str]| {
        for error in [
            ClipVision::from_dir(&dir, Options::default()).unwrap_err(),
            clip_vision::model::convert(&dir, dir.join("out"), &Default::default()).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Fetch, "{error}");
            parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{error}"));
        }
    };
    refused(&["config.json"]);
    std::fs::write(dir.join("modules.json"), "[]").unwrap();
    refused(&["modules.json", "openai/clip-vit-base-patch32"]);
    std::fs::remove_file(dir.join("modules.json")).unwrap();
    std::fs::write(dir.join("adapter_config.json"), r#"{"base_model_name_or_path": "some/clip"}"#).unwrap();
    refused(&["LoRA of some/clip (", "merge_and_unload"]);
    let long = format!(r#"{{"base_model_name_or_path": "{}"}}"#, "é".repeat(1000));
    std::fs::write(dir.join("adapter_config.json"), long).unwrap();
    refused(&[&format!("LoRA of {}… (", "é".repeat(100))]);
    std::fs::write(dir.join("adapter_config.json"), "not JSON").unwrap();
    refused(&["LoRA (adapter_config.json)"]);
    std::fs::remove_file(dir.join("adapter_config.json")).unwrap();
    std::fs::copy(model_dir(MODEL).join("config.json"), dir.join("config.json")).unwrap();
    refused(&["model.safetensors"]);
    std::fs::write(dir.join("pytorch_model.bin"), "pickle").unwrap();
    refused(&["there is no model.safetensors, and pytorch_model.bin is not read", "save_pretrained"]);
    std::fs::rename(dir.join("pytorch_model.bin"), dir.join("open_clip_pytorch_model.bin")).unwrap();
    refused(&[
        "there is no open_clip_model.safetensors, and open_clip_pytorch_model.bin is not read",
        "save_file(torch.load(",
    ]);
    std::fs::remove_dir_all(&dir).unwrap();
}
