//! Tokenizers of other families than CLIP's: the ids of 2,000 strings equal transformers'. The worker's tokenizer passes
//! the same (tests/js/tokenizers.test.ts).
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::model::TextModel;
use clip_vision::{ClipVision, ModelFiles, Options};
use common::golden;
use safetensors::SafeTensors;
use serde_json::Value;
use std::sync::Arc;

const NAMES: [&str; 8] = ["gemma", "siglip2", "siglip", "xlm-v", "mt5", "mt5-old", "bert-cased", "bert-uncased"];
/// The longest text of the model that the tokenizers are tried with.
const LONGEST: usize = 77;

fn read(name: &str) -> Vec<u8> {
    std::fs::read(golden(name)).unwrap()
}

/// A tokenizer's file, with the character map that three of them share.
fn file(name: &str) -> String {
    let charsmap = String::from_utf8(read("tokenizers/nmt_nfkc.txt")).unwrap();
    let file = String::from_utf8(read(&format!("tokenizers/{name}.json"))).unwrap();
    file.replace("\"nmt_nfkc\"", &format!("\"{}\"", charsmap.trim()))
}

fn text_model(tokenizer: &str) -> Arc<TextModel> {
    let read = |file: &str| read(&format!("models/b32-tiny/{file}"));
    let files = ModelFiles::new(read("config.json"), read("model.safetensors")).tokenizer(tokenizer);
    ClipVision::from_files(files, Options::default()).unwrap().text().unwrap()
}

/// The ids of each string, not cut.
fn expected(bytes: &[u8], name: &str) -> Vec<Vec<u32>> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let values = |part: &str| -> Vec<u32> {
        let tensor = tensors.tensor(&format!("{name}/{part}")).unwrap();
        tensor.data().as_chunks::<2>().0.iter().map(|bytes| u16::from_le_bytes(*bytes).into()).collect()
    };
    let (ids, mut at) = (values("ids"), 0);
    let row = |length: u32| {
        at += length as usize;
        ids[at - length as usize..at].to_vec()
    };
    values("lengths").into_iter().map(row).collect()
}

#[test]
fn ids_of_two_thousand_strings() {
    let strings: Value = serde_json::from_slice(&read("tokenizers/strings.json")).unwrap();
    let bytes = read("tokenizers/ids.safetensors");
    for name in NAMES {
        let model = text_model(&file(name));
        let rows = expected(&bytes, name);
        assert_eq!(rows.len(), 2000);
        for (string, mut ids) in strings["rows"].as_array().unwrap().iter().zip(rows) {
            if ids.len() > LONGEST {
                let end = ids.pop().unwrap();
                ids.truncate(LONGEST - 1);
                ids.push(end);
            }
            assert_eq!(model.tokenize(string.as_str().unwrap()).unwrap(), ids, "{name}: {string}");
        }
    }
}

#[test]
fn a_character_map_that_leads_out_of_itself_is_refused() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let map = STANDARD.decode(String::from_utf8(read("tokenizers/nmt_nfkc.txt")).unwrap().trim()).unwrap();
    let units = u32::from_le_bytes(map[..4].try_into().unwrap()) as usize / 4;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut map = map.clone();
        change(&mut map);
        let file = String::from_utf8(read("tokenizers/mt5.json")).unwrap();
        let file = file.replace("\"nmt_nfkc\"", &format!("\"{}\"", STANDARD.encode(map)));
        let read = |file: &str| read(&format!("models/b32-tiny/{file}"));
        let files = ModelFiles::new(read("config.json"), read("model.safetensors")).tokenizer(file.as_bytes());
        ClipVision::from_files(files, Options::default()).map(|_| ())
    };
    assert!(changed(&|_| ()).is_ok());
    let set = |map: &mut Vec<u8>, unit: usize, value: u32| {
        map[4 + 4 * unit..8 + 4 * unit].copy_from_slice(&value.to_le_bytes());
    };
    let first = |map: &[u8], what: &dyn Fn(u32) -> bool| {
        let unit = |at: usize| u32::from_le_bytes(map[4 + 4 * at..8 + 4 * at].try_into().unwrap());
        (0..units).find(|at| what(unit(*at))).unwrap()
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&str, Change<'_>); 6] = [
        ("no bytes", &|map| map.clear()),
        ("a length beyond the end", &|map| map[..4].copy_from_slice(&u32::MAX.to_le_bytes())),
        ("half of the units", &|map| drop(map.drain(4..4 + 2 * units))),
        ("a root that leads far", &|map| set(map, 0, 0x3fff_fc00)),
        ("a place beyond the texts", &|map| {
            let value = first(map, &|unit| unit >> 31 == 1);
            set(map, value, u32::MAX);
        }),
        ("a long text", &|map| map.extend([b'a'; 300])),
    ];
    for (name, change) in cases {
        let error = changed(change).expect_err(name).to_string();
        assert!(error.contains("precompiled_charsmap"), "{name}: {error}");
    }
}
