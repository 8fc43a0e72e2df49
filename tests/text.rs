//! Texts against transformers: token ids, embeddings, probabilities; and texts that cannot be embedded.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::{EndToken, Loader};
use clip_vision::{ClipVision, ErrorKind, Image, ModelFiles, Options, Precision};
use common::texts::{Expected, MODELS, rows};
use common::{golden, max_difference, model_dir};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn load(dir: impl AsRef<Path>) -> ClipVision {
    ClipVision::from_dir(dir, Options::default()).unwrap()
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

/// A copy of a model's directory, which goes with the value.
struct Copy(PathBuf);

impl Copy {
    fn of(model: &str, name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("clip-vision-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for file in std::fs::read_dir(model_dir(model)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
        }
        Self(dir)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn token_ids_of_a_thousand_texts() {
    let root: Value = serde_json::from_slice(&read("tokens.json")).unwrap();
    let text = load(model_dir(root["model"].as_str().unwrap())).text().unwrap();
    let rows = root["rows"].as_array().unwrap();
    assert!(rows.len() > 1000);
    for row in rows {
        let times = row.get(2).map_or(1, |times| times.as_u64().unwrap());
        let repeated = row[0].as_str().unwrap().repeat(times as usize);
        let expected: Vec<u32> = serde_json::from_value(row[1].clone()).unwrap();
        assert_eq!(text.tokenize(&repeated).unwrap(), expected, "{} × {times}", row[0]);
    }
}

#[test]
fn every_form_of_tokenizer_and_both_end_tokens() {
    let texts = read("texts.json");
    for name in MODELS {
        let clip = load(model_dir(name));
        let bytes = read(&format!("expected_text/{name}.safetensors"));
        let expected = Expected::new(&bytes);
        let rows = rows(&texts, name);
        let model = clip.text().unwrap();
        for row in &rows {
            assert_eq!(model.tokenize(&row.text).unwrap(), row.ids, "{name} {:?}", row.text);
        }
        let all: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let embeddings = clip.embed_texts(&all).unwrap();
        println!("{name}: worst cosine of {} texts {:.7}", all.len(), expected.check_embeddings(&embeddings));
        for (row, together) in rows.iter().zip(&embeddings) {
            assert_eq!(together.len(), clip.dimension());
            for alone in [clip.embed_text(&row.text).unwrap(), clip.embed_tokens(&row.ids).unwrap()] {
                assert!(max_difference(&alone, together) < 1e-5, "{name} {:?}", row.text);
            }
        }
        assert!((model.logit_scale() / expected.logit_scale() - 1.0).abs() < 1e-3);
        for file in ["rgb-photo.png", "bits-text.png"] {
            expected.check_probabilities(&clip, &embeddings, file, &read(&format!("images/{file}")));
        }
        let photo = || Image::from_path(golden("images/rgb-photo.png"));
        let direct = clip.classify(photo(), &all).unwrap();
        let by_hand = model.probabilities(&clip.embed(photo()).unwrap(), &embeddings).unwrap();
        assert_eq!(direct, by_hand);
    }
    let end = |name: &str| load(model_dir(name)).text().unwrap().config().end_token;
    assert_eq!(end("b32-tiny"), EndToken::Largest);
    assert!(matches!(end("patch14-gelu"), EndToken::Id(_)));
}

#[test]
fn texts_go_through_the_tower_in_steps() {
    let model = load(model_dir("b32-tiny")).text().unwrap();
    let ids = ["a photo of a dog", "a", "two cats on a red sofa"].map(|text| model.tokenize(text).unwrap());
    let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
    let (mut pass, mut layers) = (model.start(&ids).unwrap(), 0);
    let embeddings = loop {
        let mut other = model.start(&ids[..1]).unwrap(); // a pass beside it, given up half-way
        assert!(other.step().unwrap().is_none());
        match pass.step().unwrap() {
            Some(embeddings) => break embeddings,
            None => layers += 1,
        }
    };
    assert_eq!(layers, model.config().num_hidden_layers);
    assert_eq!(embeddings, model.embed_tokens(&ids).unwrap());
    assert_eq!(pass.step().unwrap().unwrap(), embeddings, "a pass that has ended stays as it is");
    assert_eq!(model.start(&[]).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn the_old_files_and_the_new_one_make_the_same_tokenizer() {
    let copy = Copy::of("patch14-gelu", "both");
    std::fs::copy(model_dir("b32-tiny").join("tokenizer.json"), copy.0.join("tokenizer.json")).unwrap();
    let (new, old) = (load(&copy.0).text().unwrap(), load(model_dir("patch14-gelu")).text().unwrap());
    let root: Value = serde_json::from_slice(&read("tokens.json")).unwrap();
    for row in root["rows"].as_array().unwrap() {
        let text = row[0].as_str().unwrap();
        assert_eq!(new.tokenize(text).unwrap(), old.tokenize(text).unwrap(), "{text:?}");
    }
}

#[test]
fn merges_may_have_a_version_line_and_go_on_beyond_their_vocabulary() {
    let [config, weights, vocab, merges] = ["config.json", "model.safetensors", "vocab.json", "merges.txt"]
        .map(|file| read(&format!("models/patch14-gelu/{file}")));
    let load = |merges: &str| {
        let files = ModelFiles::new(config.clone(), weights.clone()).vocab(vocab.clone(), merges);
        ClipVision::from_files(files, Options::default()).and_then(|clip| clip.text())
    };
    let merges = String::from_utf8(merges).unwrap();
    let lines: Vec<&str> = merges.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let joined = |parts: &[&[&str]]| parts.concat().join("\n");
    let version: &[&str] = &["#version: 0.2"];
    let beyond: &[&str] = &["zq zq</w>", "qz q</w>"];
    let expected = load(&joined(&[&lines])).unwrap();
    for merges in [joined(&[version, &lines, &[""]]), joined(&[&lines, beyond]), joined(&[version, &lines, beyond])] {
        let model = load(&merges).unwrap();
        for text in ["a photo of a dog", "Ein großer Hund", "浜辺にいる犬"] {
            assert_eq!(model.tokenize(text).unwrap(), expected.tokenize(text).unwrap(), "{text}");
        }
    }
    let error = load(&joined(&[&lines[..9], beyond, &lines[9..]])).map(|_| ()).unwrap_err();
    assert!(format!("{error:#}").contains("zq"), "{error:#}");
}

#[test]
fn files_in_memory_bring_their_text_tower_with_a_tokenizer() {
    let files = |name: &str| {
        let read = |file: &str| read(&format!("models/{name}/{file}"));
        let files = ModelFiles::new(read("config.json"), read("model.safetensors"));
        files.preprocessor(read("preprocessor_config.json"))
    };
    let tiny = || files("b32-tiny");
    let tokenizer = read("models/b32-tiny/tokenizer.json");
    let clip = ClipVision::from_files(tiny().tokenizer(tokenizer), Options::default()).unwrap();
    let from_dir = load(model_dir("b32-tiny"));
    assert_eq!(clip.embed_text("a dog").unwrap(), from_dir.embed_text("a dog").unwrap());

    let without = ClipVision::from_files(tiny(), Options::default()).unwrap();
    assert_eq!(without.embed_text("a dog").unwrap_err().kind(), ErrorKind::InvalidArgument);
    let error = ClipVision::from_files(tiny().tokenizer(b"{}"), Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);

    let [vocab, merges] = ["vocab.json", "merges.txt"].map(|file| read(&format!("models/patch14-gelu/{file}")));
    let mut old = files("patch14-gelu").vocab(vocab, merges);
    let clip = ClipVision::from_files(old.clone(), Options::default()).unwrap();
    let from_dir = load(model_dir("patch14-gelu"));
    assert_eq!(clip.embed_text("a dog").unwrap(), from_dir.embed_text("a dog").unwrap());
    old.merges = None;
    let half = ClipVision::from_files(old, Options::default()).unwrap();
    assert_eq!(half.embed_text("a dog").unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn int8_texts_stay_close_to_transformers() {
    let texts = read("texts.json");
    for name in MODELS {
        let int8 = Options::default().precision(Precision::Int8);
        let (f32, int8) = (load(model_dir(name)), ClipVision::from_dir(model_dir(name), int8).unwrap());
        let bytes = read(&format!("expected_text/{name}.safetensors"));
        let ids: Vec<Vec<u32>> = rows(&texts, name).into_iter().map(|row| row.ids).collect();
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let embeddings = int8.text().unwrap().embed_tokens(&ids).unwrap();
        assert_ne!(embeddings, f32.text().unwrap().embed_tokens(&ids).unwrap(), "{name}: int8 was not used");
        let worst = Expected::new(&bytes).lowest_cosine(&embeddings);
        println!("{name}: worst cosine of int8 to transformers' f32 {worst:.5}");
        assert!(worst > 0.995, "{name}: {worst}");
    }
}

#[test]
fn a_text_tower_can_stream_in() {
    let weights = read("models/b32-tiny/model.safetensors");
    let reference = load(model_dir("b32-tiny"));
    let files = ModelFiles::new(read("models/b32-tiny/config.json"), weights.clone());
    let clip = ClipVision::from_files(files, Options::default()).unwrap();
    let mut loader = clip.text_loader().unwrap();
    let pieces = weights.chunks(1000);
    let all = pieces.len();
    let read = pieces.take_while(|piece| {
        let missing = loader.wanted().is_some();
        loader.push(piece).unwrap();
        missing
    });
    let read = read.count();
    // In a file sorted by name the vision tower comes after the text's.
    assert!(read < all, "{read} of {all}");
    clip.set_text(loader.finish_text().unwrap());
    let ids = reference.text().unwrap().tokenize("a dog").unwrap();
    assert_eq!(clip.embed_tokens(&ids).unwrap(), reference.embed_tokens(&ids).unwrap());
    assert_eq!(clip.embed_text("a dog").unwrap_err().kind(), ErrorKind::Config, "no tokenizer");
}

#[test]
fn both_towers_stream_in_at_once_and_no_loader_gives_the_other_one() {
    let (config, weights) = (read("models/b32-tiny/config.json"), read("models/b32-tiny/model.safetensors"));
    let reference = load(model_dir("b32-tiny"));
    let vision = || Loader::new(&config, None, Options::default()).unwrap();
    let read = |mut loader: Loader| {
        loader.push(&weights).unwrap();
        loader
    };
    let clip = read(vision().with_text([const { None }; 3])).finish().unwrap();
    let ids = reference.text().unwrap().tokenize("a dog").unwrap();
    assert_eq!(clip.embed_tokens(&ids).unwrap(), reference.embed_tokens(&ids).unwrap());
    let image = || Image::from_path(golden("images/rgb-photo.png"));
    assert_eq!(clip.embed(image()).unwrap(), reference.embed(image()).unwrap());

    let error = read(vision()).finish_text().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let error = read(clip.text_loader().unwrap()).finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[test]
fn a_tower_is_read_once_however_many_ask() {
    let clip = load(model_dir("b32-tiny"));
    let models: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| clip.text().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(models.windows(2).all(|pair| std::sync::Arc::ptr_eq(&pair[0], &pair[1])));
}

#[test]
fn normalization_can_be_left_out() {
    let raw = Options::default().normalize(false);
    let raw = ClipVision::from_dir(model_dir("b32-tiny"), raw).unwrap();
    let unit = load(model_dir("b32-tiny"));
    let (long, short) = (raw.embed_text("a dog").unwrap(), unit.embed_text("a dog").unwrap());
    let length = long.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1);
    assert!(max_difference(&long.iter().map(|x| x / length).collect::<Vec<_>>(), &short) < 1e-6);
    // Probabilities are of cosines, whatever the embeddings' lengths.
    let photo = || Image::from_path(golden("images/rgb-photo.png"));
    let labels = ["a dog", "a cat", "123"];
    assert!(max_difference(&raw.classify(photo(), &labels).unwrap(), &unit.classify(photo(), &labels).unwrap()) < 1e-5);
    assert!(unit.classify(photo(), &[] as &[&str]).unwrap().is_empty());
}

#[test]
fn texts_and_models_that_do_not_fit() {
    let clip = load(model_dir("nearest-f16"));
    let (start, end) = (1179, 1180);
    assert!(clip.embed_tokens(&[start, end]).is_ok());
    let cases: [(&[u32], &str); 4] = [
        (&[], "without tokens"),
        (&[start; 33], "33 tokens"),
        (&[start, 1181, end], "no token 1181"),
        (&[start, 5], "end token"),
    ];
    for (ids, part) in cases {
        let error = clip.embed_tokens(ids).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{ids:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = clip.text().unwrap().probabilities(&[1.0], &[vec![1.0]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);

    let error = load(model_dir("odd-widths")).embed_text("a dog").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("vision tower alone"), "{error}");
}

#[test]
fn text_files_that_are_wrong() {
    let refused = |name: &str, change: &dyn Fn(&Path), kind: ErrorKind, part: &str| {
        let copy = Copy::of("b32-tiny", name);
        change(&copy.0);
        let clip = load(&copy.0); // photos can be embedded all the same
        let error = clip.embed_text("a dog").unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    let remove = |dir: &Path| std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
    refused("none", &remove, ErrorKind::Config, "no tokenizer");
    let half = |dir: &Path| std::fs::write(dir.join("tokenizer.json"), "{\"model\":").unwrap();
    refused("half", &half, ErrorKind::Config, "tokenizer.json");
    let huge = |dir: &Path| std::fs::File::create(dir.join("tokenizer.json")).unwrap().set_len((64 << 20) + 1).unwrap();
    refused("huge", &huge, ErrorKind::Config, "over the limit of 67108864");
    let old = |dir: &Path| {
        remove(dir);
        std::fs::write(dir.join("vocab.json"), r#"{"a": 0}"#).unwrap();
        std::fs::write(dir.join("merges.txt"), "#version: 0.2\n").unwrap();
    };
    refused("old", &old, ErrorKind::Config, "<|startoftext|>");
    let vision_only = |dir: &Path| {
        let bytes = std::fs::read(dir.join("model.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().filter(|(name, _)| name.starts_with("vis"));
        std::fs::write(dir.join("model.safetensors"), safetensors::serialize(tensors, None).unwrap()).unwrap();
    };
    refused("vision-only", &vision_only, ErrorKind::Weights, "no text tower");
}
