//! ONNX files against onnxruntime, which computes in f32 with what each file's weights stand for.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::model::{ConvertOptions, Loader, StoredPrecision, convert};
use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options, Precision};
use common::{cosine, golden};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};

/// A new folder with the small files of a golden model, and of its ONNX files those that are named.
fn repository(from: &str, name: &str, files: &[&str]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("clip-vision-onnx-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("onnx")).unwrap();
    let from = golden(&format!("onnx/{from}"));
    for file in ["config.json", "preprocessor_config.json", "tokenizer.json"] {
        std::fs::copy(from.join(file), folder.join(file)).unwrap();
    }
    for file in files {
        std::fs::copy(from.join("onnx").join(file), folder.join("onnx").join(file)).unwrap();
    }
    folder
}

fn inputs(what: &str) -> Vec<String> {
    let inputs: serde_json::Value =
        serde_json::from_slice(&std::fs::read(golden("onnx/inputs.json")).unwrap()).unwrap();
    inputs[what].as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

/// The rows of a golden.
fn expected(key: &str) -> Vec<Vec<f32>> {
    let file = std::fs::read(golden("onnx/expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensor = tensors.tensor(key).unwrap();
    let values: Vec<f32> = tensor.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    values.chunks(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

fn images_of(clip: &ClipVision) -> Vec<Vec<f32>> {
    let image = |file: &String| clip.embed(Image::from_path(golden(&format!("images/{file}"))).drop_alpha()).unwrap();
    inputs("images").iter().map(image).collect()
}

fn texts_of(clip: &ClipVision) -> Vec<Vec<f32>> {
    inputs("texts").iter().map(|text| clip.embed_text(text).unwrap()).collect()
}

fn worst(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min)
}

const VARIANTS: [(&str, &str); 10] = [
    ("torchscript", ""),
    ("torchscript", "_fp16"),
    ("torchscript", "_quantized"),
    ("torchscript", "_int8"),
    ("torchscript", "_q4"),
    ("dynamo", ""),
    ("dynamo", "_fp16"),
    ("dynamo", "_uint8"),
    ("dynamo", "_q4"),
    ("external", ""),
];

#[test]
fn two_files_of_every_exporter_and_precision_are_what_onnxruntime_computes() {
    for (exporter, end) in VARIANTS {
        let [vision, text] = ["vision_model", "text_model"].map(|name| format!("{name}{end}.onnx"));
        let mut files = vec![vision.as_str(), text.as_str()];
        if exporter == "external" {
            files.extend(["vision_model.onnx_data", "text_model.onnx_data"]);
        }
        let folder = repository(exporter, &format!("two{exporter}{end}"), &files);
        let clip = ClipVision::from_dir(&folder, Options::default()).unwrap();
        // The external files are those of the other exporter, moved out.
        let of = if exporter == "external" { "dynamo" } else { exporter };
        let [images, texts] = [
            worst(&images_of(&clip), &expected(&format!("{of}/vision_model{end}/images"))),
            worst(&texts_of(&clip), &expected(&format!("{of}/text_model{end}/texts"))),
        ];
        println!("{exporter}{end}: images {images:.7}, texts {texts:.7}");
        assert!(images > 0.99999 && texts > 0.99999, "{exporter}{end}: {images} {texts}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
