//! Which of a model's ONNX files are read. They stand in a folder `onnx`, named as transformers.js names them: one for each
//! tower or one for both, in several precisions that the names' ends tell.
//! <https://huggingface.co/docs/transformers.js/guides/dtypes>

use crate::model::config::Family;
use crate::precision::Precision;

/// Names' ends, the closest to the original weights first: f32, half precision, 8 bits in three ways, 4 bits in two.
const CLOSEST: [&str; 7] = ["", "_fp16", "_quantized", "_int8", "_uint8", "_q4", "_q4f16"];
/// For a model that computes in 8 bits anyway: what has that many, and then what is the smallest that loses nothing more.
const EIGHT_BITS: [&str; 7] = ["_quantized", "_int8", "_uint8", "_fp16", "", "_q4", "_q4f16"];

/// The towers that files are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Vision,
    Text,
    Both,
    /// The vision tower, and the text tower if there is one.
    All,
}

/// Lists of files to be read one after the other, the best list first: whoever has the files takes the first list of which
/// he has all.
pub(super) fn choices(wanted: Wanted, precision: Precision, family: Option<Family>) -> Vec<Vec<String>> {
    let is_siglip = family == Some(Family::Siglip);
    let towers: &[&[&str]] = match wanted {
        // It has but one.
        _ if family == Some(Family::Dinov2) => &[&["model"], &["vision_model"]],
        Wanted::Vision => &[&["vision_model"], &["model"]],
        // What a SigLIP's probabilities need, its scale and its bias, stands in the file of both towers alone.
        Wanted::Text if is_siglip => &[&["model"], &["text_model"]],
        Wanted::Both if is_siglip => &[&["model"], &["vision_model", "text_model"]],
        Wanted::All if is_siglip => &[&["model"], &["vision_model", "text_model"], &["vision_model"]],
        Wanted::Text => &[&["text_model"], &["model"]],
        Wanted::Both => &[&["vision_model", "text_model"], &["model"]],
        Wanted::All => &[&["vision_model", "text_model"], &["model"], &["vision_model"]],
    };
    let ends = if precision == Precision::Int8 { EIGHT_BITS } else { CLOSEST };
    let files = |names: &[&str], end| names.iter().map(|name| format!("onnx/{name}{end}.onnx")).collect();
    ends.iter().flat_map(|end| towers.iter().map(move |names| files(names, end))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_are_taken_for_eight_bits_and_the_original_for_f32() {
        let first = |wanted, precision| choices(wanted, precision, Some(Family::Clip)).swap_remove(0);
        assert_eq!(first(Wanted::Vision, Precision::Int8), ["onnx/vision_model_quantized.onnx"]);
        assert_eq!(first(Wanted::Text, Precision::F32), ["onnx/text_model.onnx"]);
        assert_eq!(first(Wanted::Both, Precision::Stored), ["onnx/vision_model.onnx", "onnx/text_model.onnx"]);
        assert_eq!(choices(Wanted::All, Precision::F32, None)[1], ["onnx/model.onnx"]);
    }

    #[test]
    fn a_siglips_texts_come_of_the_file_that_has_its_scale_and_a_dinov2_is_one_file() {
        let first = |wanted, family| choices(wanted, Precision::Int8, Some(family)).swap_remove(0);
        assert_eq!(first(Wanted::Vision, Family::Siglip), ["onnx/vision_model_quantized.onnx"]);
        for wanted in [Wanted::Text, Wanted::Both, Wanted::All] {
            assert_eq!(first(wanted, Family::Siglip), ["onnx/model_quantized.onnx"]);
        }
        assert_eq!(first(Wanted::Vision, Family::Dinov2), ["onnx/model_quantized.onnx"]);
    }
}
