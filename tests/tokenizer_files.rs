//! Tokenizers' files of strangers: what no CLIP has is refused with a message that names it, whatever the crate
//! `tokenizers` would make of it. The worker's tokenizer passes the same cases (tests/js/tokenizer.test.ts).
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::{ClipVision, Error, ErrorKind, ModelFiles, Options};
use common::golden;
use serde_json::{Value, json};

fn cases() -> Value {
    serde_json::from_slice(&std::fs::read(golden("tokenizers.json")).unwrap()).unwrap()
}

/// The base with `value` at a JSON pointer.
fn changed(base: &Value, at: &str, value: &Value) -> Value {
    let mut file = base.clone();
    let (parent, key) = at.rsplit_once('/').unwrap_or_default();
    match file.pointer_mut(parent).unwrap() {
        Value::Object(_) if value.is_null() && key == "type" => {
            file.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        }
        Value::Object(keys) if !at.is_empty() => {
            keys.insert(key.to_owned(), value.clone());
        }
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
        _ => {}
    }
    file
}

/// The ids of a text by a tokenizer, as a golden model that has it makes them.
fn ids(tokenizer: &[u8], text: &str) -> Result<Vec<u32>, Error> {
    let read = |file: &str| std::fs::read(golden("models/b32-tiny").join(file)).unwrap();
    let files = ModelFiles::new(read("config.json"), read("model.safetensors"));
    ClipVision::from_files(files.tokenizer(tokenizer), Options::default())?.text()?.tokenize(text)
}

#[test]
fn what_clip_models_have_is_read() {
    let cases = cases();
    for case in cases["accepted"].as_array().unwrap() {
        let file = changed(&cases["base"], case[1].as_str().unwrap(), &case[2]);
        let ids = ids(file.to_string().as_bytes(), "ab  A 1").unwrap();
        assert_eq!(ids, [6, 4, 2, 5, 7], "{}", case[0]);
    }
}

#[test]
fn what_no_clip_model_has_is_refused_by_name() {
    let cases = cases();
    for case in cases["refused"].as_array().unwrap() {
        let file = changed(&cases["base"], case[1].as_str().unwrap(), &case[2]);
        let error = ids(file.to_string().as_bytes(), "ab").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{}: {error:#}", case[0]);
        // The parts of the pattern in their order, without its escapes.
        let (message, says) = (error.to_string(), case[3].as_str().unwrap().replace('\\', ""));
        let end = says.split(".*").try_fold(0, |at, part| Some(at + message[at..].find(part)? + part.len()));
        assert!(end.is_some() || says.contains("(.*a)") && message.contains("(.*a){30}"), "{}: {message}", case[0]);
    }
}

#[test]
fn of_an_endless_text_the_beginning_is_read() {
    let base = cases()["base"].to_string();
    let ids = |spaces: usize| ids(base.as_bytes(), &(" ".repeat(spaces) + "ab")).unwrap();
    assert_eq!(ids(65_535), [6, 2, 7]);
    assert_eq!(ids(65_536), [6, 7]);
}

#[test]
fn what_is_deep_or_long_is_refused() {
    let base = cases()["base"].clone();
    let text = base.to_string();
    let deep = |open: &str, close: &str| {
        let nested = format!("{}null{}", open.repeat(100_000), close.repeat(100_000));
        text.replacen("\"decoder\":null", &format!("\"decoder\":{nested}"), 1)
    };
    let many: Vec<Value> = vec![base["added_tokens"][0].clone(); 5000];
    let files = [
        deep("[", "]"),
        deep("{\"type\":", "}"),
        changed(&base, "/added_tokens", &many.into()).to_string(),
        changed(&base, "/added_tokens/0/content", &"x".repeat(1000).into()).to_string(),
        changed(&base, "/normalizer", &json!({ "type": "x".repeat(1 << 20) })).to_string(),
    ];
    for file in files {
        let error = ids(file.as_bytes(), "ab").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:#}");
        assert!(error.to_string().len() < 500, "{} bytes", error.to_string().len());
    }
}
