//! A tokenizer's files and a text: ids, as many as the model takes, or an error.
#![no_main]

#[path = "../../crates/pixels/fuzz/fuzz_targets/time.rs"]
mod time;

mod data;
mod parts;
mod weights;

use clip_vision::model::{Loader, TextModel};
use clip_vision::{ClipVision, ModelFiles, Options, Result};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use parts::Parts;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// tokenizer.json, or vocab.json and merges.txt, or vocab.txt and tokenizer_config.json; and a text.
type Input = Parts<3>;

/// Tokens of the longest text.
const LONGEST: usize = 24;

/// The files of a model with next to no weights.
fn tiny() -> &'static (Vec<u8>, Vec<u8>) {
    static TINY: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    TINY.get_or_init(|| {
        let tower = |more: Value| {
            let mut tower = json!({
                "hidden_size": 1, "intermediate_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1,
                "image_size": 1, "patch_size": 1, "vocab_size": 16, "max_position_embeddings": LONGEST, "eos_token_id": 7,
            });
            tower.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            tower
        };
        let config = json!({
            "model_type": "clip", "projection_dim": 1, "text_config": tower(json!({})), "vision_config": tower(json!({})),
        });
        let mut header = Map::new();
        let mut tensor = |name: String, shape: &[usize]| header.insert(name, json!({ "dtype": "F32", "shape": shape }));
        for (tower, embedded) in [
            ("vision_model", [("class_embedding", &[1][..]), ("patch_embedding.weight", &[1, 3, 1, 1]), ("position_embedding.weight", &[2, 1])].to_vec()),
            ("text_model", [("token_embedding.weight", &[16, 1][..]), ("position_embedding.weight", &[LONGEST, 1])].to_vec()),
        ] {
            embedded.iter().for_each(|(name, shape)| drop(tensor(format!("{tower}.embeddings.{name}"), shape)));
            for part in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"] {
                tensor(format!("{tower}.encoder.layers.0.{part}.weight"), &[1, 1]);
                tensor(format!("{tower}.encoder.layers.0.{part}.bias"), &[1]);
            }
            for part in ["encoder.layers.0.layer_norm1", "encoder.layers.0.layer_norm2", "pre_layrnorm", "post_layernorm", "final_layer_norm"] {
                if part.starts_with("encoder") || part.starts_with("final") == (tower == "text_model") {
                    tensor(format!("{tower}.{part}.weight"), &[1]);
                    tensor(format!("{tower}.{part}.bias"), &[1]);
                }
            }
        }
        tensor("visual_projection.weight".to_owned(), &[1, 1]);
        tensor("text_projection.weight".to_owned(), &[1, 1]);
        tensor("logit_scale".to_owned(), &[]);
        let header = Value::Object(header).to_string();
        (config.to_string().into_bytes(), weights::file(header.as_bytes(), &[], true))
    })
}

/// The text tower without a tokenizer.
fn text_model() -> Result<TextModel> {
    let (config, weights) = tiny();
    let mut loader = Loader::new(config, None, Options::default().threads(1))?.with_text([None, None, None]);
    loader.push(weights)?;
    loader.finish_text()
}

/// The model with a `vocab.txt`, and with a `tokenizer_config.json` if that is not empty.
fn with_lines(lines: &[u8], config: &[u8]) -> Result<ClipVision> {
    let (model, weights) = tiny();
    let files = ModelFiles::new(&model[..], &weights[..]).other("vocab.txt", lines);
    let files = if config.is_empty() { files } else { files.other("tokenizer_config.json", config) };
    ClipVision::from_files(files, Options::default().threads(1))
}

/// Panics of the crate `tokenizers` are caught by who calls it; libFuzzer's hook would end the program before. One that is
/// not caught ends it still.
fn let_panics_be_caught() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
}

fuzz_target!(|bytes: &[u8]| {
    let_panics_be_caught();
    let Input { choices, parts: [first, second, text] } = Input::of(bytes);
    let text = String::from_utf8_lossy(&text);
    time::bounded(bytes, || {
        if choices[0] & 2 == 2 {
            let Ok(clip) = with_lines(&first, &second) else { return };
            return check(&clip.text().expect("a tokenizer was given"), &text);
        }
        let model = text_model().expect("the tiny model is sound");
        let model = match choices[0] & 1 {
            0 => model.with_tokenizer(&first),
            _ => model.with_vocab(&first, &second),
        };
        if let Ok(model) = model {
            check(&model, &text);
        }
    });
});

fn check(model: &TextModel, text: &str) {
    for text in [text, "", "it's a red circle, é 12 <|endoftext|>"] {
        let Ok(ids) = model.tokenize(text) else { continue };
        assert!(ids.len() <= LONGEST, "{} ids", ids.len());
        assert_eq!(Some(&ids), model.tokenize(text).ok().as_ref(), "other ids the second time");
        let _ = model.embed_tokens(&[&ids]);
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    Input::mutate(data, size, max_size, seed, [6, 2, 4], parts::change)
});
