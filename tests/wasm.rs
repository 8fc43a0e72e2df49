//! The core in a browser's worker: the same embeddings as natively, from the same body of tests.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::Loader;
use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options, Precision};
use common::goldens::Golden;
use common::shapes::Photos;
use common::texts::{self, Expected};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

macro_rules! model {
    ($name:literal, $preprocessor:expr) => {
        (
            $name,
            {
                let mut files = ModelFiles::new(
                    include_bytes!(concat!("golden/models/", $name, "/config.json")),
                    include_bytes!(concat!("golden/models/", $name, "/model.safetensors")),
                );
                files.preprocessor = $preprocessor;
                files
            },
            &include_bytes!(concat!("golden/expected/", $name, ".safetensors"))[..],
        )
    };
    ($name:literal) => {
        model!($name, Some(include_bytes!(concat!("golden/models/", $name, "/preprocessor_config.json")).to_vec()))
    };
}

fn models() -> Vec<(&'static str, ModelFiles, &'static [u8])> {
    vec![
        model!("b32-tiny"),
        model!("no-preprocessor", None),
        model!("odd-widths"),
        model!("patch14-gelu"),
        model!("nearest-f16"),
        model!("tanh-bf16"),
        model!("crop-only"),
    ]
}

macro_rules! image {
    ($file:literal, $lossy:literal) => {
        ($file, include_bytes!(concat!("golden/images/", $file)) as &[u8], $lossy)
    };
}

const IMAGES: [(&str, &[u8], bool); 12] = [
    image!("rgb-photo.png", false),
    image!("bits-text.png", false),
    image!("rgb-500x375.png", false),
    image!("rgb-3x500.png", false),
    image!("rgb-1x1.png", false),
    image!("rgba.png", false),
    image!("gray16.png", false),
    image!("lossless.webp", false),
    image!("animated.gif", false),
    image!("rgb.bmp", false),
    image!("photo-420.jpg", true),
    image!("exif-6.jpg", true),
];

#[wasm_bindgen_test]
fn embeddings_equal_transformers() {
    for (name, files, expected) in models() {
        let golden = Golden::new(name, files, expected);
        for (file, bytes, lossy) in IMAGES {
            golden.check_embedding(file, bytes, lossy);
            if !lossy {
                golden.check_pixels(file, bytes);
            }
        }
    }
}

#[wasm_bindgen_test]
fn stages_equal_transformers() {
    for (name, files, expected) in models() {
        let golden = Golden::new(name, files, expected);
        assert!(golden.check_stages(IMAGES[0].0, IMAGES[0].1) > 4);
    }
}

const TEXTS: &[u8] = include_bytes!("golden/texts.json");
const EXPECTED_TEXTS: [(&str, &[u8]); 3] = [
    ("b32-tiny", include_bytes!("golden/expected_text/b32-tiny.safetensors")),
    ("patch14-gelu", include_bytes!("golden/expected_text/patch14-gelu.safetensors")),
    ("nearest-f16", include_bytes!("golden/expected_text/nearest-f16.safetensors")),
];

/// The text tower streams in as the worker has it, a second time through the file; token ids are the worker's affair.
#[wasm_bindgen_test]
fn texts_equal_transformers() {
    for (name, expected) in EXPECTED_TEXTS {
        let (_, files, _) = models().into_iter().find(|(model, ..)| *model == name).unwrap();
        let clip = ClipVision::from_files(files.clone(), Options::default()).unwrap();
        let mut loader = clip.text_loader().unwrap();
        for piece in files.weights.chunks(4096) {
            loader.push(piece).unwrap();
        }
        clip.set_text(loader.finish_text().unwrap());
        let expected = Expected::new(expected);
        let rows = texts::rows(TEXTS, name);
        let embeddings: Vec<Vec<f32>> = rows.iter().map(|row| clip.embed_tokens(&row.ids).unwrap()).collect();
        expected.check_embeddings(&embeddings);
        for (file, bytes, _) in &IMAGES[..2] {
            expected.check_probabilities(&clip, &embeddings, file, bytes);
        }
    }
}

/// The shapes model means here what it says, in both precisions.
#[wasm_bindgen_test]
fn photos_and_captions_find_each_other() {
    let photos = Photos::new(include_bytes!("golden/shapes.json"), include_bytes!("golden/shapes.safetensors"));
    for precision in [Precision::F32, Precision::Int8] {
        let config = include_bytes!("../models/shapes/config.json");
        let files = ModelFiles::new(config, include_bytes!("../models/shapes/model.safetensors"))
            .preprocessor(include_bytes!("../models/shapes/preprocessor_config.json"))
            .tokenizer([]); // not read here, but with it the text tower is
        let clip = ClipVision::from_files(files, Options::default().precision(precision)).unwrap();
        photos.check(&clip);
    }
}

#[wasm_bindgen_test]
fn errors_are_errors_here_too() {
    let (_, mut files, _) = models().remove(0);
    let clip = ClipVision::from_files(files.clone(), Options::default()).unwrap();
    let kind = |bytes: &[u8]| clip.embed(Image::from_bytes(bytes)).unwrap_err().kind();
    assert_eq!(kind(b"no image"), ErrorKind::UnsupportedFormat);
    assert_eq!(kind(&IMAGES[0].1[..300]), ErrorKind::Decode);
    files.weights.truncate(5000);
    assert_eq!(ClipVision::from_files(files, Options::default()).unwrap_err().kind(), ErrorKind::Weights);
}

/// SigLIP 2's table of tokens has more bits than 32 bits can count, and a large model's file more bytes: what is not wanted of a file may be
/// as long as it likes.
#[wasm_bindgen_test]
fn tensors_and_files_beyond_32_bits_are_read_around() {
    let small = include_bytes!("golden/models/b32-tiny/model.safetensors");
    let header_len = 8 + u64::from_le_bytes(small[..8].try_into().unwrap()) as usize;
    let (header, data) = (std::str::from_utf8(&small[8..header_len]).unwrap(), &small[header_len..]);
    let (start, rows) = (data.len() as u64, 2_000_000);
    let end = start + rows * 768 * 4;
    let open = header.trim_end().strip_suffix('}').unwrap();
    let tensor = format!(r#""large":{{"dtype":"F32","shape":[{rows},768],"data_offsets":[{start},{end}]}}"#);
    let header = format!("{open},{tensor}}}");
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();

    let config = include_bytes!("golden/models/b32-tiny/config.json");
    let preprocessor = include_bytes!("golden/models/b32-tiny/preprocessor_config.json");
    let mut loader = Loader::new(config, Some(preprocessor), Options::default()).unwrap();
    loader.set_size(8 + header.len() as u64 + end).unwrap();
    while let Some(range) = loader.wanted() {
        let piece = &file[range.start as usize..file.len().min(range.end as usize)];
        loader.push_at(range.start, piece).unwrap();
    }
    let image = || Image::from_bytes(include_bytes!("golden/images/rgb-photo.png").to_vec());
    let found = loader.finish().unwrap().embed(image()).unwrap();
    let files = ModelFiles::new(config, small).preprocessor(preprocessor);
    assert_eq!(found, ClipVision::from_files(files, Options::default()).unwrap().embed(image()).unwrap());
}
