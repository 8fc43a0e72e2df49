//! Safetensors files of a header and of whatever data belong to it.

use crate::data;
use serde_json::{Value, json};

/// A file of this header and these data, which are filled up with small numbers to what the header wants. `repaired`: the
/// tensors lie one behind the other, each as long as its type and shape say.
pub fn file(header: &[u8], data: &[u8], repaired: bool) -> Vec<u8> {
    let mut parsed = serde_json::from_slice::<Value>(header).ok();
    let mut end = 0_u64;
    if let Some(Value::Object(tensors)) = &mut parsed {
        for (_, tensor) in tensors.iter_mut().filter(|(name, _)| *name != "__metadata__") {
            if repaired && let Some(len) = length(tensor) {
                tensor["data_offsets"] = json!([end, end.saturating_add(len)]);
            }
            let last = tensor.get("data_offsets").and_then(|offsets| offsets.get(1)).and_then(Value::as_u64);
            end = end.max(last.unwrap_or(0));
        }
    }
    let repaired = parsed.filter(|_| repaired).map(|header| header.to_string().into_bytes());
    let header = repaired.as_deref().unwrap_or(header);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    let mut data = data.to_vec();
    data::fill(&mut data, end);
    file.extend(data);
    file
}

/// Bytes of a tensor.
fn length(tensor: &Value) -> Option<u64> {
    let bytes = match tensor.get("dtype")?.as_str()? {
        "F32" | "I32" => 4,
        "F16" | "BF16" => 2,
        "I64" | "F64" => 8,
        _ => 1,
    };
    let shape = tensor.get("shape")?.as_array()?;
    let values = shape.iter().try_fold(1u64, |values, size| values.checked_mul(size.as_u64()?))?;
    values.checked_mul(bytes).filter(|bytes| *bytes < 1 << 40)
}
