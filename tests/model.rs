//! Whole models against transformers: pixel tensors, activations stage by stage, embeddings.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use clip_vision::image::Limits;
use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options, Precision};
use common::goldens::{Golden, MODELS};
use common::{cosine, golden, max_difference, model_dir};

fn read(path: &str) -> Vec<u8> {
    std::fs::read(golden(path)).unwrap()
}

fn files(name: &str) -> ModelFiles {
    let [config, weights] = ["config.json", "model.safetensors"].map(|file| read(&format!("models/{name}/{file}")));
    let mut files = ModelFiles::new(config, weights);
    files.preprocessor = std::fs::read(model_dir(name).join("preprocessor_config.json")).ok();
    files
}

/// The manifest's images: file name, and whether decoders may differ on it.
fn images() -> Vec<(String, bool)> {
    let manifest: serde_json::Value = serde_json::from_slice(&read("images.json")).unwrap();
    let row = |row: &serde_json::Value| (row["file"].as_str().unwrap().to_owned(), row["lossy"].as_bool().unwrap());
    manifest["images"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn every_golden_model_and_image() {
    let images = images();
    assert!(images.len() > 40);
    for name in MODELS {
        let expected = read(&format!("expected/{name}.safetensors"));
        let golden = Golden::new(name, files(name), &expected);
        let mut worst: f64 = 1.0;
        for (file, lossy) in &images {
            let bytes = read(&format!("images/{file}"));
            worst = worst.min(golden.check_embedding(file, &bytes, *lossy));
            if !lossy {
                golden.check_pixels(file, &bytes);
            }
        }
        println!("{name}: worst cosine of {} images {worst:.7}", images.len());
    }
}

#[test]
#[cfg(feature = "candle")]
fn every_stage_of_every_golden_model() {
    for name in MODELS {
        let expected = read(&format!("expected/{name}.safetensors"));
        let golden = Golden::new(name, files(name), &expected);
        let compared: usize = ["rgb-photo.png", "bits-text.png"]
            .map(|file| golden.check_stages(file, &read(&format!("images/{file}"))))
            .iter()
            .sum();
        let layers = golden.clip.config().unwrap().num_hidden_layers;
        assert_eq!(compared, 2 * (layers + 4), "{name}");
    }
}

#[test]
fn a_directory_and_its_bytes_are_the_same_model() {
    for name in MODELS {
        let from_dir = ClipVision::from_dir(model_dir(name), Options::default()).unwrap();
        let from_files = ClipVision::from_files(files(name), Options::default()).unwrap();
        let image = || Image::from_path(golden("images/rgb-photo.png"));
        assert_eq!(from_dir.embed(image()).unwrap(), from_files.embed(image()).unwrap(), "{name}");
        assert_eq!(from_dir.dimension(), from_files.embed(image()).unwrap().len());
    }
}

#[test]
fn normalization_can_be_left_out() {
    let unit = ClipVision::from_dir(model_dir("odd-widths"), Options::default()).unwrap();
    let raw = Options::default().normalize(false);
    let raw = ClipVision::from_dir(model_dir("odd-widths"), raw).unwrap();
    let image = || Image::from_path(golden("images/rgb-photo.png"));
    let (unit, raw) = (unit.embed(image()).unwrap(), raw.embed(image()).unwrap());
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length(&unit) - 1.0).abs() < 1e-6);
    assert!((length(&raw) - 1.0).abs() > 0.1);
    let scaled: Vec<f32> = raw.iter().map(|x| x / length(&raw)).collect();
    assert!(max_difference(&scaled, &unit) < 1e-6);
}

#[test]
fn int8_embeddings_stay_close_to_f32() {
    for name in MODELS {
        let load = |precision| ClipVision::from_dir(model_dir(name), Options::default().precision(precision)).unwrap();
        let (f32, int8) = (load(Precision::F32), load(Precision::Int8));
        assert!(int8.weight_bytes() < f32.weight_bytes() * 2 / 3, "{name}");
        let mut worst: f64 = 1.0;
        for (file, _) in images() {
            let image = || Image::from_path(golden(&format!("images/{file}")));
            let (exact, close) = (f32.embed(image()).unwrap(), int8.embed(image()).unwrap());
            assert_ne!(exact, close, "{name} {file}: int8 was not used");
            worst = worst.min(cosine(&exact, &close));
        }
        println!("{name}: worst cosine of int8 to f32 {worst:.5}");
        assert!(worst > 0.995, "{name}: {worst}");
    }
}

#[test]
fn a_batch_is_its_images_one_by_one() {
    let clip = ClipVision::from_dir(model_dir("patch14-gelu"), Options::default()).unwrap();
    let paths: Vec<_> = images().into_iter().map(|(file, _)| golden(&format!("images/{file}"))).collect();
    let mut batch: Vec<Image> = paths.iter().map(Image::from_path).collect();
    batch.insert(3, Image::from_path(golden("broken/truncated.png")));
    batch.insert(19, Image::from_bytes(Vec::new()));
    let mut results = clip.embed_batch(batch);
    assert!(results.remove(19).is_err());
    assert!(results.remove(3).is_err());
    assert_eq!(results.len(), paths.len());
    for (path, result) in paths.iter().zip(results) {
        let alone = clip.embed(Image::from_path(path)).unwrap();
        assert!(max_difference(&result.unwrap(), &alone) < 1e-5, "{}", path.display());
    }
    assert!(clip.embed_batch(Vec::new()).is_empty());
}

/// With enough of them each thread computes some by itself (models/shapes: from six on, on two threads).
#[test]
fn photos_have_the_same_embedding_however_many_there_are() {
    for (precision, threads) in [(Precision::F32, 0), (Precision::F32, 2), (Precision::Int8, 2)] {
        let options = Options::default().precision(precision).threads(threads);
        let clip = ClipVision::from_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/models/shapes"), options).unwrap();
        let names = ["rgb-500x375.png", "photo-420.jpg", "gray.png", "lossy.webp", "photo-cmyk.jpg"];
        let pixels = names.map(|name| {
            let image = Image::from_path(golden("images").join(name));
            clip.measured_pixels(image, || 0.0).unwrap().tensor
        });
        let alone = pixels.each_ref().map(|pixels| clip.start_pixels(&[pixels]).unwrap().finish().unwrap().concat());
        for count in [0, 1, 5, 6, 7, 12, 13, 20] {
            let many: Vec<_> = (0..count).map(|at| &pixels[at % names.len()]).collect();
            let embeddings = clip.embed_pixels_batch(&many);
            assert_eq!(embeddings.len(), count);
            for (at, embedding) in embeddings.into_iter().enumerate() {
                assert_eq!(embedding.unwrap(), alone[at % names.len()], "{at} of {count}, {precision:?}");
            }
        }

        let mut small = pixels[0].clone();
        small.height -= 1;
        let mut many: Vec<_> = (0..16).map(|at| &pixels[at % names.len()]).collect();
        many[9] = &small;
        for (at, embedding) in clip.embed_pixels_batch(&many).into_iter().enumerate() {
            match embedding {
                Ok(embedding) => assert_eq!(embedding, alone[at % names.len()], "{at}"),
                Err(error) => assert_eq!((at, error.kind()), (9, ErrorKind::InvalidArgument), "{error}"),
            }
        }
    }
}

#[test]
fn a_pass_can_be_taken_step_by_step_and_be_dropped_at_any() {
    let clip = ClipVision::from_dir(model_dir("patch14-gelu"), Options::default()).unwrap();
    let image = |file: &str| Image::from_path(golden(&format!("images/{file}")));
    let files = ["rgb-photo.png", "gray.png", "rgb.bmp"];
    let tensors = files.map(|file| clip.measured_pixels(image(file), || 0.0).unwrap().tensor);
    let tensors: Vec<_> = tensors.iter().collect();
    let (mut pass, mut steps) = (clip.start_pixels(&tensors).unwrap(), 1);
    let embeddings = loop {
        let mut other = clip.start_pixels(&tensors[..1]).unwrap(); // a pass beside it, given up half-way
        other.step().unwrap();
        if let Some(embeddings) = pass.step().unwrap() {
            break embeddings;
        }
        steps += 1;
    };
    // The norm before the layers, each layer, the norm after them, the projection.
    assert_eq!(steps, clip.config().unwrap().num_hidden_layers + 3);
    assert_eq!(embeddings.len(), files.len());
    assert_eq!(clip.start_pixels(&tensors).unwrap().finish().unwrap(), embeddings);
    for (file, embedding) in files.iter().zip(&embeddings) {
        assert!(max_difference(embedding, &clip.embed(image(file)).unwrap()) < 1e-5, "{file}");
    }
    assert_eq!(pass.step().unwrap().unwrap(), embeddings, "a pass that has ended stays as it is");
    assert_eq!(clip.start_pixels(&[]).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn fewer_threads_give_the_same_bits() {
    let load = |threads| ClipVision::from_dir(model_dir("b32-tiny"), Options::default().threads(threads)).unwrap();
    let embed = |clip: ClipVision| clip.embed(Image::from_path(golden("images/rgb-photo.png"))).unwrap();
    let all = embed(load(0));
    for threads in 1..4 {
        assert_eq!(embed(load(threads)), all, "{threads}");
    }
}

#[test]
fn the_limits_of_a_model_hold_for_photos_without_their_own() {
    let mut limits = Limits::none();
    limits.max_pixels = 100;
    let clip = ClipVision::from_dir(model_dir("b32-tiny"), Options::default().limits(limits)).unwrap();
    let photo = || Image::from_path(golden("images/rgb-photo.png"));
    assert_eq!(clip.embed(photo()).unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(clip.embed(photo().limits(Limits::default())).is_ok());
}

#[test]
fn an_image_of_another_size_is_refused() {
    let clip = ClipVision::from_dir(model_dir("patch14-gelu"), Options::default()).unwrap();
    let image = Image::from_path(golden("images/rgb-photo.png")).resize(43, 42, clip_vision::ResizeFilter::Nearest);
    let error = clip.embed(image.normalize_unsigned()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("42"), "{error}");
    assert_eq!(error.detail().unwrap().actual_shape.as_deref(), Some(&[3, 42, 43][..]));
}
