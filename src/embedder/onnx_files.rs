//! Which of a model's ONNX files are read. They stand in a folder `onnx`, named as transformers.js names them: one for each
//! tower or one for both, in several precisions that the names' ends tell.
//! <https://huggingface.co/docs/transformers.js/guides/dtypes>

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
pub(super) fn choices(wanted: Wanted, precision: Precision) -> Vec<Vec<String>> {
    let towers: &[&[&str]] = match wanted {
        Wanted::Vision => &[&["vision_model"], &["model"]],
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
        let first = |wanted, precision| choices(wanted, precision).swap_remove(0);
        assert_eq!(first(Wanted::Vision, Precision::Int8), ["onnx/vision_model_quantized.onnx"]);
        assert_eq!(first(Wanted::Text, Precision::F32), ["onnx/text_model.onnx"]);
        assert_eq!(first(Wanted::Both, Precision::Stored), ["onnx/vision_model.onnx", "onnx/text_model.onnx"]);
        assert_eq!(choices(Wanted::All, Precision::F32)[1], ["onnx/model.onnx"]);
    }
}
