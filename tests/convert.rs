//! Models in one file, as `clip-vision convert` writes it, and in several, as large models come.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::{ConvertOptions, Loader, StoredPrecision, convert};
use clip_vision::{ClipVision, ErrorKind, Image, Options, Precision};
use common::{cosine, golden, max_difference, model_dir};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that is gone when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("clip-vision-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn image() -> Image {
    Image::from_path(golden("images/rgb-photo.png"))
}

fn load(path: impl AsRef<Path>, precision: Precision) -> ClipVision {
    ClipVision::from_dir(path, Options::default().precision(precision)).unwrap()
}

fn converted(scratch: &Scratch, model: &str, precision: StoredPrecision, vision_only: bool) -> PathBuf {
    let file = scratch.join(&format!("{model}-{precision:?}-{vision_only}.clip.safetensors"));
    convert(model_dir(model), &file, &ConvertOptions::default().precision(precision).vision_only(vision_only)).unwrap();
    file
}

#[test]
fn int8_files_give_exactly_what_their_source_gives_in_int8() {
    let scratch = Scratch::new("convert-int8");
    for model in ["b32-tiny", "odd-widths", "patch14-gelu", "tanh-bf16", "no-preprocessor"] {
        let file = converted(&scratch, model, StoredPrecision::Int8, false);
        let expected = load(model_dir(model), Precision::Int8).embed(image()).unwrap();
        for precision in [Precision::Stored, Precision::Int8] {
            let clip = load(&file, precision);
            assert_eq!(clip.options().precision, Precision::Int8);
            assert_eq!(clip.embed(image()).unwrap(), expected, "{model}");
        }
        // In single precision the stored weights are restored: neither the original ones nor 8-bit arithmetic.
        let restored = load(&file, Precision::F32);
        let exact = load(model_dir(model), Precision::F32).embed(image()).unwrap();
        let embedding = restored.embed(image()).unwrap();
        assert!(embedding != expected && embedding != exact);
        assert!(cosine(&embedding, &exact) > 0.995, "{model}: {}", cosine(&embedding, &exact));
    }
}

#[test]
fn f16_files_are_half_as_large_and_as_good() {
    let scratch = Scratch::new("convert-f16");
    for model in ["odd-widths", "patch14-gelu"] {
        let file = converted(&scratch, model, StoredPrecision::F16, true);
        let whole = fs::metadata(model_dir(model).join("model.safetensors")).unwrap().len();
        assert!(fs::metadata(&file).unwrap().len() < whole * 2 / 3, "{model}");
        let clip = ClipVision::from_file(&file, Options::default()).unwrap();
        assert_eq!(clip.options().precision, Precision::F32);
        let exact = load(model_dir(model), Precision::F32).embed(image()).unwrap();
        assert!(max_difference(&clip.embed(image()).unwrap(), &exact) < 1e-3, "{model}");
        assert!(load(&file, Precision::Int8).embed(image()).is_ok());
    }
    // A model that is in half precision loses nothing.
    let file = converted(&scratch, "nearest-f16", StoredPrecision::F16, true);
    let exact = load(model_dir("nearest-f16"), Precision::F32).embed(image()).unwrap();
    assert_eq!(load(&file, Precision::F32).embed(image()).unwrap(), exact);
}

#[cfg(feature = "text")]
#[test]
fn texts_come_along_unless_told_otherwise() {
    let scratch = Scratch::new("convert-text");
    for model in ["b32-tiny", "patch14-gelu", "nearest-f16"] {
        let file = converted(&scratch, model, StoredPrecision::Int8, false);
        let expected = load(model_dir(model), Precision::Int8).embed_text("a photo of a dog").unwrap();
        assert_eq!(load(&file, Precision::Stored).embed_text("a photo of a dog").unwrap(), expected, "{model}");
        let vision = converted(&scratch, model, StoredPrecision::Int8, true);
        assert!(fs::metadata(&vision).unwrap().len() < fs::metadata(&file).unwrap().len());
        let error = load(&vision, Precision::Stored).embed_text("a photo of a dog").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Weights);
        assert!(error.to_string().contains("vision tower alone"), "{error}");
    }
}

#[test]
fn what_cannot_be_converted_leaves_no_file() {
    let scratch = Scratch::new("convert-wrong");
    let out = scratch.join("out.safetensors");
    let dir = scratch.join("model");
    fs::create_dir_all(&dir).unwrap();
    let refused = |kind: ErrorKind, part: &str| {
        let error = convert(&dir, &out, &ConvertOptions::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "{error}");
    };
    refused(ErrorKind::Fetch, "config.json");
    fs::copy(model_dir("odd-widths").join("config.json"), dir.join("config.json")).unwrap();
    refused(ErrorKind::Fetch, "model.safetensors");
    let weights = fs::read(model_dir("odd-widths").join("model.safetensors")).unwrap();
    fs::write(dir.join("model.safetensors"), &weights[..weights.len() - 1]).unwrap();
    refused(ErrorKind::Weights, "cut short");
    // What was converted in 8 bits can't be brought back to 16.
    fs::copy(converted(&scratch, "odd-widths", StoredPrecision::Int8, true), dir.join("model.safetensors")).unwrap();
    fs::remove_file(scratch.join("odd-widths-Int8-true.clip.safetensors")).unwrap();
    refused(ErrorKind::Weights, "8 bits already");
    let nowhere = scratch.join("not/there.safetensors");
    assert_eq!(convert(&dir, nowhere, &ConvertOptions::default()).unwrap_err().kind(), ErrorKind::Fetch);
}

/// A model's directory with its weights in two files.
fn sharded(scratch: &Scratch, model: &str) -> PathBuf {
    let dir = scratch.join(model);
    fs::create_dir_all(&dir).unwrap();
    for entry in fs::read_dir(model_dir(model)).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "model.safetensors" {
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
    }
    let bytes = fs::read(model_dir(model).join("model.safetensors")).unwrap();
    let whole = SafeTensors::deserialize(&bytes).unwrap();
    let mut map = BTreeMap::new();
    for shard in [1, 2] {
        let name = format!("model-0000{shard}-of-00002.safetensors");
        let mine = |tensor: &str| (tensor.len() + tensor.bytes().map(usize::from).sum::<usize>()) % 2 + 1 == shard;
        let tensors: Vec<_> = whole.iter().filter(|(tensor, _)| mine(tensor)).collect();
        map.extend(tensors.iter().map(|(tensor, _)| ((*tensor).to_owned(), name.clone())));
        fs::write(dir.join(&name), safetensors::serialize(tensors, None).unwrap()).unwrap();
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    fs::write(dir.join("model.safetensors.index.json"), index.to_string()).unwrap();
    dir
}

#[test]
fn weights_in_several_files_are_one_model() {
    let scratch = Scratch::new("sharded");
    for model in ["b32-tiny", "odd-widths"] {
        let dir = sharded(&scratch, model);
        let expected = load(model_dir(model), Precision::F32);
        assert_eq!(load(&dir, Precision::F32).embed(image()).unwrap(), expected.embed(image()).unwrap());
        #[cfg(feature = "text")]
        if model == "b32-tiny" {
            let text = "a photo of a dog";
            assert_eq!(load(&dir, Precision::F32).embed_text(text).unwrap(), expected.embed_text(text).unwrap());
        }
        let file = scratch.join("one.safetensors");
        convert(&dir, &file, &ConvertOptions::default().precision(StoredPrecision::Int8).vision_only(false)).unwrap();
        let expected = load(model_dir(model), Precision::Int8).embed(image()).unwrap();
        assert_eq!(load(&file, Precision::Stored).embed(image()).unwrap(), expected);
    }
    let dir = scratch.join("odd-widths");
    fs::remove_file(dir.join("model-00002-of-00002.safetensors")).unwrap();
    let error = ClipVision::from_dir(&dir, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert!(error.to_string().contains("model-00002-of-00002"), "{error}");
}

#[test]
fn only_what_the_vision_tower_needs_is_asked_for() {
    let dir = model_dir("b32-tiny");
    let file = fs::read(dir.join("model.safetensors")).unwrap();
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let preprocessor = read("preprocessor_config.json");
    let mut loader = Loader::new(&read("config.json"), Some(&preprocessor), Options::default()).unwrap();
    let mut asked = 0;
    while let Some(range) = loader.wanted() {
        // No more at a time than a network gives.
        let end = range.end.min(range.start + 5000).min(file.len() as u64);
        loader.push_at(range.start, &file[range.start as usize..end as usize]).unwrap();
        asked += end - range.start;
    }
    assert!(asked < file.len() as u64, "{asked} of {}", file.len());
    let embedding = loader.finish().unwrap().embed(image()).unwrap();
    assert_eq!(embedding, load(&dir, Precision::F32).embed(image()).unwrap());
}

/// The stored header of a file, changed as text; its length is made to fit.
fn with_header(file: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let len = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = change(std::str::from_utf8(&file[8..8 + len]).unwrap());
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &file[8 + len..]].concat()
}

#[test]
fn files_that_lie_are_errors_and_never_panic() {
    let scratch = Scratch::new("lying");
    let good = fs::read(converted(&scratch, "odd-widths", StoredPrecision::Int8, true)).unwrap();
    let path = scratch.join("bad.safetensors");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let error = ClipVision::from_file(&path, Options::default()).err();
        let error = error.unwrap_or_else(|| panic!("{what} was loaded"));
        assert!(matches!(error.kind(), ErrorKind::Weights | ErrorKind::Config), "{what}: {error}");
        error.to_string()
    };
    assert!(
        refused(&with_header(&good, |h| h.replace("clip_vision.version", "else")), "no version")
            .contains("config.json")
    );
    refused(
        &with_header(&good, |h| h.replace("\"clip_vision.version\":\"1\"", "\"clip_vision.version\":\"2\"")),
        "version",
    );
    refused(&with_header(&good, |h| h.replace("_step", "_steq")), "no steps");
    refused(&with_header(&good, |h| h.replace("\"I8\"", "\"I16\"")), "a type of another size");
    refused(&with_header(&good, |h| h.replace("\"I8\"", "\"U8\"")), "a type that is none of weights");
    refused(&with_header(&good, |h| h.replacen("[0,", "[1,", 1)), "a gap");
    refused(&with_header(&good, |h| h.replacen("[0,", "[99999999999,", 1)), "out of the file");
    refused(&with_header(&good, |h| h.replacen("\"shape\":[", "\"shape\":[4611686018427387904,", 1)), "overflow");
    refused(&with_header(&good, |h| h.replace("hidden_size", "hidden_sizes")), "a configuration of another shape");
    refused(&[&u64::MAX.to_le_bytes()[..], &good].concat(), "a huge header");
    refused(&[good.as_slice(), b"more"].concat(), "a surplus");
    for cut in (0..good.len()).step_by(997) {
        refused(&good[..cut], "a cut");
    }
    // Any byte of the header changed: an error, or a model, but never a panic.
    let header_len = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for at in (0..header_len).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x15;
        fs::write(&path, &bytes).unwrap();
        let _ = ClipVision::from_file(&path, Options::default());
    }
}

#[test]
fn python_reads_the_files_too() {
    let scratch = Scratch::new("readable");
    let bytes = fs::read(converted(&scratch, "b32-tiny", StoredPrecision::Int8, false)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let weight = file.tensor("vision_model.encoder.layers.0.mlp.fc1.weight").unwrap();
    let step = file.tensor("vision_model.encoder.layers.0.mlp.fc1.weight_step").unwrap();
    let shape = |view: &TensorView<'_>| (view.dtype(), view.shape().to_vec());
    assert_eq!(shape(&weight), (Dtype::I8, vec![128, 64]));
    assert_eq!(shape(&step), (Dtype::F32, vec![128]));
    let tokenizer = file.tensor("tokenizer.json").unwrap();
    assert_eq!(tokenizer.data(), fs::read(model_dir("b32-tiny").join("tokenizer.json")).unwrap());
}
