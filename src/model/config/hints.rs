//! Configurations of models that can't be read: what they are, and what to do.

use serde_json::{Map, Value};

/// What a configuration describes that is none of the families here, where that is known.
pub(super) fn unreadable(root: &Map<String, Value>) -> Option<&'static str> {
    let text = |path: &[&str]| {
        let (last, outer) = path.split_last()?;
        let keys = outer.iter().try_fold(root, |keys, key| keys.get(*key)?.as_object())?;
        keys.get(*last)?.as_str()
    };
    if root.contains_key("peft_type") {
        return Some(
            "it is that of a LoRA, which changes another model: merge the two (merge_and_unload of peft) and save that",
        );
    }
    let vision = root.get("vision_config").and_then(Value::as_object);
    if text(&["model_type"]) == Some("siglip2") && vision.is_some_and(|vision| vision.contains_key("num_patches")) {
        return Some(
            "it is SigLIP 2's NaFlex, which takes photos in their own shape; this reads SigLIP 2 of a fixed resolution, as google/siglip2-base-patch16-256",
        );
    }
    let towers = [
        text(&["model_type"]),
        text(&["vision_cfg", "timm_model_name"]),
        text(&["model_cfg", "vision_cfg", "timm_model_name"]),
    ];
    let is = |names: &[&str]| towers.iter().flatten().any(|tower| names.iter().any(|name| tower.starts_with(name)));
    if is(&["mobileclip", "fastvit"]) {
        return Some(
            "it is MobileCLIP's FastViT, which is made of convolutions; this reads vision transformers: a ViT-B/32 in int8 takes 90 MB",
        );
    }
    if is(&["convnext", "resnet"]) {
        return Some("its vision tower is made of convolutions; this reads vision transformers (ViT)");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_it_is_and_what_to_do() {
        let hint = |json: Value| json.as_object().and_then(unreadable);
        let cases = [
            (json!({ "peft_type": "LORA" }), "merge"),
            (json!({ "model_type": "siglip2", "vision_config": { "num_patches": 256 } }), "fixed resolution"),
            (json!({ "model_type": "mobileclip" }), "FastViT"),
            (json!({ "model_cfg": { "vision_cfg": { "timm_model_name": "fastvit_mci2" } } }), "FastViT"),
            (json!({ "vision_cfg": { "timm_model_name": "convnext_base" } }), "convolutions"),
        ];
        for (config, part) in cases {
            assert!(hint(config.clone()).is_some_and(|hint| hint.contains(part)), "{config}");
        }
        for config in
            [json!({}), json!({ "model_type": "clip" }), json!({ "model_type": "siglip2", "vision_config": {} })]
        {
            assert_eq!(hint(config.clone()), None, "{config}");
        }
    }
}
