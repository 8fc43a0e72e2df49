//! Directories of models that can't be loaded: what they hold, and what to do.

use super::files::{INDEX, transformer};
use crate::error::shortened;
use crate::model::bundle::CONFIG;
use crate::model::sentence_transformers::MODULES;
use serde_json::{Map, Value};
use std::path::Path;

/// Weights as pickles, or for other frameworks.
const OTHERS: [&str; 5] =
    ["pytorch_model.bin", "pytorch_model.bin.index.json", OPEN_CLIP, "tf_model.h5", "flax_model.msgpack"];
/// open_clip's pickle, which transformers does not read.
const OPEN_CLIP: &str = "open_clip_pytorch_model.bin";

/// Of sentence-transformers' directories without a `config.json`, whose first module is no transformer.
const IN_FOLDERS: &str = "modules.json is there without a config.json beside it: of sentence-transformers' clip-ViT-B-32 and its like load the \
     model that it was made of (openai/clip-vit-base-patch32); a Transformer is read in the folder that modules.json gives it";

/// What a directory holds in place of weights that are read, where that is known.
pub(super) fn of_directory(dir: &Path) -> Option<String> {
    let there = |name: &str| dir.join(name).exists();
    let transformer = transformer(dir).ok()?;
    if transformer != dir {
        return of_directory(&transformer).map(|hint| format!("{}: {hint}", transformer.display()));
    }
    if there(MODULES) && !there(CONFIG) {
        return Some(IN_FOLDERS.to_owned());
    }
    if there("model.safetensors") || there(INDEX) {
        return None;
    }
    if there("adapter_config.json") {
        let config = super::files::read_optional(&dir.join("adapter_config.json")).ok().flatten();
        return Some(lora(config.as_deref().unwrap_or_default()));
    }
    OTHERS.into_iter().find(|name| there(name)).map(pickle)
}

/// Of a LoRA, by its `adapter_config.json`.
fn lora(config: &[u8]) -> String {
    let keys: Map<String, Value> = serde_json::from_slice(config).unwrap_or_default();
    let base = keys.get("base_model_name_or_path").and_then(Value::as_str);
    let base = base.map(|base| format!(" of {}", shortened(base))).unwrap_or_default();
    format!(
        "this is a LoRA{base} (adapter_config.json), which changes another model: merge the two with peft (merge_and_unload) and save that"
    )
}

fn pickle(name: &str) -> String {
    if name == OPEN_CLIP {
        return format!(
            "there is no open_clip_model.safetensors, and {name} is not read: save the weights as safetensors, with \
             safetensors.torch.save_file(torch.load(\"{name}\", weights_only=True), \"open_clip_model.safetensors\")"
        );
    }
    format!(
        "there is no model.safetensors, and {name} is not read: save the model as safetensors, with transformers \
         AutoModel.from_pretrained(DIR).save_pretrained(OUT)"
    )
}
