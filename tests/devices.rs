//! One body for every device: what a model computes there, against transformers and against the CPU. A device that is not there
//! is reported as skipped.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(all(feature = "candle", feature = "text"))]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::{ClipVision, Device, ErrorKind, Image, ModelFiles, Options, Precision, device_from_name};
use common::goldens::{Golden, MODELS};
use common::{golden, max_difference, model_dir, root};
use std::io::Write;

const DEVICES: [&str; 3] = ["cpu", "cuda:0", "cuda:1"];
const IMAGES: [&str; 3] = ["rgb-photo.png", "gray.png", "rgba.png"];
/// Largest difference of a unit embedding's value from the CPU's: another order of sums.
const TOLERANCE: f32 = 1e-4;

/// Says it past the test harness, which keeps what a test prints to itself.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn every_device_that_is_there_computes_what_transformers_computes() {
    for name in DEVICES {
        match device_from_name(name) {
            Ok(device) => {
                check(name, &device);
                report(&format!("{name}: passed"));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Device, "{error:#}");
                assert_ne!(name, "cpu", "{error:#}");
                report(&format!("{name}: skipped: {error:#}"));
            }
        }
    }
}

fn check(name: &str, device: &Device) {
    let options = || Options::default().device(device.clone());
    let read = |path: &str| std::fs::read(golden(path)).unwrap();
    for model in MODELS {
        let [config, weights] =
            ["config.json", "model.safetensors"].map(|file| read(&format!("models/{model}/{file}")));
        let mut files = ModelFiles::new(config, weights);
        files.preprocessor = std::fs::read(model_dir(model).join("preprocessor_config.json")).ok();
        let expected = read(&format!("expected/{model}.safetensors"));
        let golden = Golden::with(model, files, &expected, options());
        for file in IMAGES {
            golden.check_embedding(file, &read(&format!("images/{file}")), false);
        }
    }

    // Photos together, and texts, as on the CPU.
    let load = |options| ClipVision::from_dir(root().join("models/shapes"), options).unwrap();
    let (here, on_cpu) = (load(options()), load(Options::default()));
    let images = || IMAGES.map(|file| Image::from_path(golden(&format!("images/{file}")))).to_vec();
    for (here, on_cpu) in here.embed_batch(images()).into_iter().zip(on_cpu.embed_batch(images())) {
        let difference = max_difference(&here.unwrap(), &on_cpu.unwrap());
        assert!(difference < TOLERANCE, "{name}: photos together are off by {difference}");
    }
    for (precision, least) in [(Precision::F16, 0.9999), (Precision::Bf16, 0.999)] {
        let asked = options().precision(precision);
        if device.is_cpu() {
            let error = ClipVision::from_dir(root().join("models/shapes"), asked).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error:#}");
            assert!(error.to_string().contains("NVIDIA GPUs only"), "{error:#}");
            continue;
        }
        let both = load(asked).embed_batch(images()).into_iter().zip(on_cpu.embed_batch(images()));
        for (here, on_cpu) in both {
            let cosine: f32 = here.unwrap().iter().zip(on_cpu.unwrap()).map(|(a, b)| a * b).sum();
            assert!(cosine > least, "{name}, {}: cosine {cosine}", precision.name());
        }
    }
    let texts = ["a red heart", "a blue ring", ""];
    let both = here.embed_texts(&texts).unwrap().into_iter().zip(on_cpu.embed_texts(&texts).unwrap());
    for (here, on_cpu) in both {
        let difference = max_difference(&here, &on_cpu);
        assert!(difference < TOLERANCE, "{name}: texts are off by {difference}");
    }
}
