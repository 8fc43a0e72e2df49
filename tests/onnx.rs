//! ONNX files against onnxruntime, which computes in f32 with what each file's weights stand for.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::model::{ConvertOptions, Loader, StoredPrecision, convert};
use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options, Precision};
use common::{cosine, golden, protobuf_number};
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

#[test]
fn one_file_of_both_towers_is_read_for_each() {
    for (exporter, end) in [("torchscript", ""), ("torchscript", "_quantized"), ("dynamo", "")] {
        let folder = repository(exporter, &format!("both{exporter}{end}"), &[&format!("model{end}.onnx")]);
        let clip = ClipVision::from_dir(&folder, Options::default()).unwrap();
        let key = format!("{exporter}/model{end}");
        let images = worst(&images_of(&clip), &expected(&format!("{key}/images")));
        let texts = worst(&texts_of(&clip), &expected(&format!("{key}/texts")));
        assert!(images > 0.99999 && texts > 0.99999, "{key}: {images} {texts}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// Probabilities of labels for an image, of embeddings and what cosines are multiplied by.
fn probabilities(image: &[f32], labels: &[Vec<f32>], scale: f64) -> Vec<f64> {
    let exponentials: Vec<f64> = labels.iter().map(|label| (scale * cosine(image, label)).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

#[test]
fn cosines_are_multiplied_by_what_the_file_says_or_by_what_training_ends_at() {
    let cases = [("model.onnx", None, 4f64.exp()), ("vision_model.onnx", Some("text_model.onnx"), 100.0)];
    for exporter in ["torchscript", "dynamo"] {
        for (file, other, scale) in cases {
            let files: Vec<&str> = std::iter::once(file).chain(other).collect();
            let folder = repository(exporter, &format!("scale{exporter}{file}"), &files);
            let clip = ClipVision::from_dir(&folder, Options::default()).unwrap();
            let image = || Image::from_path(golden("images/rgb-photo.png"));
            let labels = ["a photo of a cat", "two dogs on a beach"];
            let embedded = labels.map(|label| clip.embed_text(label).unwrap());
            let right = probabilities(&clip.embed(image()).unwrap(), &embedded, scale);
            let found = clip.classify(image(), &labels).unwrap();
            for (score, right) in found.iter().zip(right) {
                assert!((f64::from(*score) - right).abs() < 1e-3, "{exporter} {file}: {score} {right}");
            }
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

#[test]
fn the_precision_decides_which_file_is_read() {
    let all = ["vision_model.onnx", "vision_model_fp16.onnx", "vision_model_quantized.onnx", "vision_model_q4.onnx"];
    let folder = repository("torchscript", "choice", &all);
    let found = |precision| images_of(&ClipVision::from_dir(&folder, Options::default().precision(precision)).unwrap());
    let [exact, quantized] = ["", "_quantized"].map(|end| expected(&format!("torchscript/vision_model{end}/images")));
    assert!(worst(&found(Precision::F32), &exact) > 0.999999);
    let int8 = found(Precision::Int8);
    let (near, far) = (worst(&int8, &quantized), worst(&int8, &exact));
    println!("int8 of 8 bits: {near:.6} to them, {far:.6} to the original");
    assert!(near > 0.999 && near > far, "{near} {far}");
    std::fs::remove_file(folder.join("onnx/vision_model_quantized.onnx")).unwrap();
    let half = worst(&found(Precision::Int8), &exact);
    assert!(half > 0.999 && half > far, "now of half precision: {half}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn onnx_files_are_converted_into_one_file_of_ours() {
    for (exporter, files, key) in [
        ("torchscript", vec!["vision_model_fp16.onnx", "text_model_fp16.onnx"], "fp16"),
        (
            "external",
            vec!["vision_model.onnx", "vision_model.onnx_data", "text_model.onnx", "text_model.onnx_data"],
            "",
        ),
        ("torchscript", vec!["model_quantized.onnx"], "quantized"),
    ] {
        let folder = repository(exporter, &format!("convert{exporter}{key}"), &files);
        for (precision, least) in [(StoredPrecision::F16, 0.99999), (StoredPrecision::Int8, 0.999)] {
            let file = folder.join("converted.safetensors");
            convert(&folder, &file, &ConvertOptions::default().precision(precision)).unwrap();
            let clip = ClipVision::from_file(&file, Options::default()).unwrap();
            let of = if exporter == "external" { "dynamo" } else { exporter };
            let end = if key.is_empty() { String::new() } else { format!("_{key}") };
            let [vision, text] = if files.len() == 1 { ["model"; 2] } else { ["vision_model", "text_model"] };
            let images = worst(&images_of(&clip), &expected(&format!("{of}/{vision}{end}/images")));
            let texts = worst(&texts_of(&clip), &expected(&format!("{of}/{text}{end}/texts")));
            assert!(images > least && texts > least, "{exporter} {key} {precision:?}: {images} {texts}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}

fn loader_of(folder: &Path) -> Loader {
    let [config, preprocessor] =
        ["config.json", "preprocessor_config.json"].map(|file| std::fs::read(folder.join(file)).unwrap());
    Loader::new(&config, Some(&preprocessor), Options::default()).unwrap()
}

#[test]
fn pieces_of_any_length_make_the_same_model() {
    for file in ["torchscript/onnx/vision_model_quantized.onnx", "dynamo/onnx/vision_model_q4.onnx"] {
        let folder = golden("onnx/torchscript");
        let bytes = std::fs::read(golden(&format!("onnx/{file}"))).unwrap();
        let image = || Image::from_path(golden("images/rgb-photo.png"));
        let embedding_by = |len: usize| {
            let mut loader = loader_of(&folder);
            bytes.chunks(len).for_each(|piece| loader.push(piece).unwrap());
            loader.finish().unwrap().embed(image()).unwrap()
        };
        let whole = embedding_by(bytes.len());
        for len in [1, 7, 1000, 1 << 16] {
            assert_eq!(embedding_by(len), whole, "{file} in pieces of {len}");
        }
    }
}

/// A number of seven bits a byte, and how many bytes it has.
fn varint(bytes: &[u8]) -> (usize, usize) {
    let len = bytes.iter().position(|byte| byte & 128 == 0).unwrap() + 1;
    (bytes[..len].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 127)), len)
}

/// The fields of a message, each by number with its bytes, head included; ONNX's are numbers and messages here.
fn fields(message: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut at, mut fields) = (0, Vec::new());
    while at < message.len() {
        let (tag, tag_len) = varint(&message[at..]);
        let (value, value_len) = varint(&message[at + tag_len..]);
        let len = tag_len + value_len + if tag & 7 == 2 { value } else { 0 };
        fields.push((tag >> 3, &message[at..at + len]));
        at += len;
    }
    fields
}

/// The same file with another field in its graph, before the first of a number.
fn with_field(file: &[u8], before: usize, added: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    for (number, field) in fields(file) {
        if number != 7 {
            made.extend_from_slice(field);
            continue;
        }
        let start = 1 + varint(&field[1..]).1;
        let mut graph = Vec::new();
        let mut is_in = false;
        for (number, field) in fields(&field[start..]) {
            if number == before && !is_in {
                graph.extend_from_slice(added);
                is_in = true;
            }
            graph.extend_from_slice(field);
        }
        made.extend([&[0x3a][..], &protobuf_number(graph.len()), &graph].concat());
    }
    made
}

/// The same file with an initializer of so many bytes, which nothing uses, before those that are used.
fn with_unused(file: &[u8], bytes: usize) -> Vec<u8> {
    let data = [&[0x4a][..], &protobuf_number(bytes), &vec![0; bytes]].concat(); // raw_data
    let tensor = [&[0x08][..], &protobuf_number(bytes), &[0x10, 2, 0x42, 3], b"???", &data].concat(); // dims, u8, name
    with_field(file, 5, &[&[0x2a][..], &protobuf_number(tensor.len()), &tensor].concat())
}

/// The positions of a large model are not folded into one tensor: `Gather(positions, initializer)` stays in the graph, and the
/// quantizer puts it first.
#[test]
fn a_table_of_positions_looked_up_by_an_initializer_is_not_that_of_tokens() {
    let file = std::fs::read(golden("onnx/dynamo/onnx/vision_model.onnx")).unwrap();
    let file = replaced(file, "\n\tembedding\u{12}", "\n\tembeddinG\u{12}", true); // an input, and then an output
    let node = b"\n\tembedding\n\x0cposition_ids\x12\tembeddinG\x22\x06Gather";
    let file = with_field(&file, 1, &[&[0x0a][..], &protobuf_number(node.len()), node].concat());
    let config = std::fs::read(golden("onnx/dynamo/config.json")).unwrap();
    let preprocessor = std::fs::read(golden("onnx/dynamo/preprocessor_config.json")).unwrap();
    let files = ModelFiles::new(config, file).preprocessor(preprocessor);
    let clip = ClipVision::from_files(files, Options::default()).unwrap();
    assert!(worst(&images_of(&clip), &expected("dynamo/vision_model/images")) > 0.99999);
}

#[test]
fn long_initializers_that_are_not_wanted_are_not_read() {
    let unused = 4 << 20;
    let file = with_unused(&std::fs::read(golden("onnx/torchscript/onnx/vision_model.onnx")).unwrap(), unused);
    let mut loader = loader_of(&golden("onnx/torchscript"));
    loader.set_size(file.len() as u64).unwrap();
    let mut read = 0;
    while let Some(range) = loader.wanted() {
        let piece = &file[range.start as usize..file.len().min(range.end as usize)];
        read += piece.len();
        loader.push_at(range.start, piece).unwrap();
    }
    assert!(read < file.len() - unused / 2, "{read} of {}", file.len());
    let found = loader.finish().unwrap().embed(Image::from_path(golden("images/rgb-photo.png"))).unwrap();
    assert!(cosine(&found, &expected("torchscript/vision_model/images")[0]) > 0.99999);
}

/// What loading a file, after something was done to it, fails with.
fn refused(file: &str, mend: impl FnOnce(Vec<u8>) -> Vec<u8>) -> clip_vision::Error {
    let bytes = mend(std::fs::read(golden(&format!("onnx/{file}"))).unwrap());
    let config = std::fs::read(golden("onnx/torchscript/config.json")).unwrap();
    ClipVision::from_files(ModelFiles::new(config, bytes), Options::default()).unwrap_err()
}

/// Replaces the last place of some bytes, or all.
fn replaced(mut bytes: Vec<u8>, from: &str, to: &str, is_all: bool) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let found = |bytes: &[u8]| bytes.windows(from.len()).rposition(|window| window == from.as_bytes());
    let mut at = found(&bytes);
    assert!(at.is_some(), "{from} is there");
    while let Some(place) = at {
        bytes[place..place + from.len()].copy_from_slice(to.as_bytes());
        at = if is_all { found(&bytes) } else { None };
    }
    bytes
}

#[test]
fn a_quantized_file_without_scales_is_refused() {
    let error = refused("torchscript/onnx/vision_model_quantized.onnx", |bytes| {
        replaced(bytes, "_scale", "_skale", false) // the last place is that of an initializer
    });
    assert_eq!(error.kind(), ErrorKind::Weights);
    assert!(error.to_string().contains(": its scale, the initializer "), "{error}");
}

#[test]
fn a_graph_of_no_known_family_is_refused() {
    let error = refused("torchscript/onnx/vision_model.onnx", |bytes| replaced(bytes, "Softmax", "Softmix", true));
    assert_eq!(error.kind(), ErrorKind::Weights);
    let text = error.to_string();
    assert!(text.contains("the ONNX graph is that of no CLIP: in its vision tower, in place of"), "{text}");
    let error = refused("torchscript/onnx/text_model.onnx", |bytes| bytes);
    assert!(error.to_string().contains("no tensor vis"), "a text tower alone: {error}");
}

#[test]
fn external_data_that_lacks_or_is_cut_short_is_said() {
    let folder = repository("external", "lacks", &["vision_model.onnx"]);
    let error = ClipVision::from_dir(&folder, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert!(error.to_string().contains("vision_model.onnx_data"), "{error}");
    let data = std::fs::read(golden("onnx/external/onnx/vision_model.onnx_data")).unwrap();
    std::fs::write(folder.join("onnx/vision_model.onnx_data"), &data[..data.len() / 2]).unwrap();
    let error = ClipVision::from_dir(&folder, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weights);
    assert!(error.to_string().contains("cut short"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_model_of_another_shape_than_its_configuration_is_refused() {
    for (from, to, what) in [
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "no tensor vision_model.encoder.layers.2"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "vision_model.encoder.layers.1"),
        ("\"intermediate_size\": 72", "\"intermediate_size\": 80", "of shape"),
    ] {
        let folder = repository("torchscript", "other", &["vision_model_int8.onnx"]);
        let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
        assert!(config.contains(from));
        std::fs::write(folder.join("config.json"), config.replace(from, to)).unwrap();
        let error = ClipVision::from_dir(&folder, Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Weights);
        assert!(error.to_string().contains(what), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn files_that_are_cut_or_damaged_are_errors_and_nothing_worse() {
    let config = std::fs::read(golden("onnx/torchscript/config.json")).unwrap();
    let load =
        |bytes: &[u8]| ClipVision::from_files(ModelFiles::new(config.clone(), bytes.to_vec()), Options::default());
    for file in ["vision_model.onnx", "vision_model_q4.onnx", "vision_model_quantized.onnx"] {
        let bytes = std::fs::read(golden(&format!("onnx/torchscript/onnx/{file}"))).unwrap();
        // What comes after the last initializer is not needed.
        for end in (0..bytes.len() - 5000).step_by(4999) {
            assert!(load(&bytes[..end]).is_err(), "{file} up to {end}");
        }
        let mut random = 12345u32;
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..4 {
                random = random.wrapping_mul(1664525).wrapping_add(1013904223);
                let at = random as usize % damaged.len().min(40_000);
                damaged[at] = (random >> 24) as u8;
            }
            let _ = load(&damaged);
        }
    }
}
