//! The command line, run as a person runs it.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/common/basics.rs"]
#[allow(dead_code, reason = "this takes a part of it")]
mod common;

use clip_vision::{ClipVision, Image, Options};
use common::{golden, max_difference, model_dir};
use serde_json::Value;
use std::process::{Command, Output};

const MODEL: &str = "b32-tiny";

fn embed(arguments: &[&str]) -> Output {
    run("embed", arguments)
}

fn run(command: &str, arguments: &[&str]) -> Output {
    let model = model_dir(MODEL);
    Command::new(env!("CARGO_BIN_EXE_clip-vision"))
        .args([command, "--model"])
        .arg(model)
        .args(arguments)
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_of_json_an_image_in_their_order() {
    let photos: Vec<String> = ["rgb-500x375.png", "gray.png", "photo-420.jpg"]
        .iter()
        .map(|name| golden(&format!("images/{name}")).display().to_string())
        .collect();
    let output = embed(&["--json", "--precision", "f32", &photos[0], &photos[1], &photos[2]]);
    assert!(output.status.success(), "{output:?}");
    let clip = ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    for (line, path) in lines.iter().zip(&photos) {
        assert_eq!(line["path"], **path);
        let embedding: Vec<f32> = serde_json::from_value(line["embedding"].clone()).unwrap();
        let expected = clip.embed(Image::from_path(path)).unwrap();
        assert!(max_difference(&embedding, &expected) < 1e-6, "{path}");
    }
}

#[test]
fn what_is_transparent_lies_over_a_color_or_loses_its_opacity() {
    let photo = golden("images/rgba.png").display().to_string();
    let clip = ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap();
    let image = || Image::from_path(&photo);
    let cases = [
        (None, image()),
        (Some("ffffff"), image()),
        (Some("#0A141e"), image().background([10, 20, 30])),
        (Some("drop"), image().drop_alpha()),
    ];
    let expected = cases.map(|(argument, image)| (argument, clip.embed(image).unwrap()));
    assert_ne!(expected[0].1, expected[2].1);
    assert_ne!(expected[0].1, expected[3].1);
    for (argument, expected) in expected {
        let background = argument.map_or(Vec::new(), |argument| vec!["--background", argument]);
        let output = embed(&[&["--json", "--precision", "f32", &photo], background.as_slice()].concat());
        let embedding: Vec<f32> = serde_json::from_value(lines(&output)[0]["embedding"].clone()).unwrap();
        assert!(max_difference(&embedding, &expected) < 1e-6, "{argument:?}");
    }
    for wrong in ["white", "fff", "+12345", "1234567", "é1234", ""] {
        assert_eq!(embed(&["--background", wrong, &photo]).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn a_failed_image_has_its_error_on_its_line_and_the_status_says_so() {
    let good = golden("images/gray.png").display().to_string();
    let bad = golden("broken/not-an-image.jpg").display().to_string();
    let output = embed(&["--json", &bad, &good, "not/there.png"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["path"], *bad);
    assert!(lines[0]["error"].is_string() && lines[0].get("embedding").is_none());
    assert!(lines[1]["embedding"].is_array() && lines[1].get("error").is_none());
    assert!(lines[2]["error"].as_str().unwrap().contains("not/there.png"));
}

#[test]
fn a_model_that_is_not_there_is_said_on_stderr() {
    let output = Command::new(env!("CARGO_BIN_EXE_clip-vision"))
        .args(["embed", "--model", "no/such/model", "--json", "cat.jpg"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/model"));
}

#[test]
fn a_device_that_is_not_built_in_says_how_to_build_it() {
    let output = embed(&["--device", "cuda", "cat.jpg"]);
    if cfg!(feature = "cuda") {
        return;
    }
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features cuda"));
}

#[cfg(feature = "wgpu")]
#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn a_gpu_embeds_as_the_processor_does() {
    let photo = golden("images/photo-420.jpg").display().to_string();
    let [cpu, gpu] = ["cpu", "gpu"].map(|device| embed(&["--json", "--device", device, &photo]));
    assert!(gpu.status.success(), "{gpu:?}");
    let embedding = |output| -> Vec<f32> { serde_json::from_value(lines(output)[0]["embedding"].clone()).unwrap() };
    assert!(max_difference(&embedding(&cpu), &embedding(&gpu)) < 1e-6);
    let output = embed(&["--device", "gpu:99", &photo]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("there are: "), "{output:?}");
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_gpu_that_is_not_built_in_says_how_to_build_it() {
    let output = embed(&["--device", "gpu", "cat.jpg"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features wgpu"), "{output:?}");
}

#[test]
fn a_line_of_json_a_text() {
    let texts = ["a photo of a dog", "", "犬"];
    let output = run("embed-text", &["--json", texts[0], texts[1], texts[2]]);
    assert!(output.status.success(), "{output:?}");
    let clip = ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap();
    let lines = lines(&output);
    assert_eq!(lines.len(), 3);
    for (line, text) in lines.iter().zip(texts) {
        assert_eq!(line["text"], *text);
        let embedding: Vec<f32> = serde_json::from_value(line["embedding"].clone()).unwrap();
        assert!(max_difference(&embedding, &clip.embed_text(text).unwrap()) < 1e-6, "{text}");
    }
    let plain = run("embed-text", &["--no-normalize", "a dog"]);
    assert!(String::from_utf8(plain.stdout).unwrap().starts_with("a dog\t"));
    assert_eq!(run("embed-text", &[]).status.code(), Some(2));

    let vision_alone = ["embed-text", "--json", "--model", &model_dir("odd-widths").display().to_string(), "a dog"];
    let output = Command::new(env!("CARGO_BIN_EXE_clip-vision")).args(vision_alone).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("vision tower alone"), "{output:?}");
}

#[test]
fn a_model_becomes_one_file_that_takes_its_place() {
    let file = std::env::temp_dir().join(format!("clip-vision-cli-{}.safetensors", std::process::id()));
    let path = file.display().to_string();
    let photo = golden("images/gray.png").display().to_string();
    let output = run("convert", &["--precision", "int8", "--vision-only", "--out", &path]);
    assert!(output.status.success(), "{output:?}");
    let embed_with = |model: &str| {
        let arguments = ["embed", "--model", model, "--json", &photo];
        let output = Command::new(env!("CARGO_BIN_EXE_clip-vision")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        lines(&output).remove(0)
    };
    assert_eq!(embed_with(&path), lines(&embed(&["--json", "--precision", "int8", &photo])).remove(0));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(run("convert", &["--precision", "f32", "--out", &path]).status.code(), Some(2));
    assert!(!file.exists());
}

#[test]
fn a_line_of_json_a_classified_image() {
    let good = golden("images/rgb-photo.png").display().to_string();
    let bad = golden("broken/not-an-image.jpg").display().to_string();
    let output = run("classify", &["--labels", "dog,cat", "--labels", "a bird", "--json", &bad, &good]);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert_eq!(lines.len(), 2);
    assert!(lines[0]["error"].is_string() && lines[0].get("label").is_none());
    let clip = ClipVision::from_dir(model_dir(MODEL), Options::default()).unwrap();
    let captions = ["a photo of a dog", "a photo of a cat", "a photo of a a bird"];
    let expected = clip.classify(Image::from_path(&good), &captions).unwrap();
    let probabilities: Vec<f32> = serde_json::from_value(lines[1]["probabilities"].clone()).unwrap();
    assert!(max_difference(&probabilities, &expected) < 1e-6);
    let best = (0..3).max_by(|a, b| expected[*a].total_cmp(&expected[*b])).unwrap();
    assert_eq!(lines[1]["label"], ["dog", "cat", "a bird"][best]);

    // For people, the likeliest first.
    let plain = run("classify", &["--labels", "dog,cat", "--template", "{}", &good]);
    let plain = String::from_utf8(plain.stdout).unwrap();
    let expected = clip.classify(Image::from_path(&good), &["dog", "cat"]).unwrap();
    let first = if expected[0] > expected[1] { "dog 0." } else { "cat 0." };
    assert!(plain.starts_with(&format!("{good}\t{first}")), "{plain}");
}

#[test]
fn usage_errors_leave_with_two() {
    assert_eq!(run("classify", &["cat.jpg"]).status.code(), Some(2));
    assert_eq!(run("classify", &["--labels", "dog", "--template", "a photo", "cat.jpg"]).status.code(), Some(2));
    assert_eq!(embed(&["--precision", "f128", "cat.jpg"]).status.code(), Some(2));
    assert_eq!(embed(&[]).status.code(), Some(2));
}
