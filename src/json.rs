//! JSON as Python reads it: with `NaN`, `Infinity` and `-Infinity`, which Python also writes.

use serde::de::DeserializeOwned;

const NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Reads JSON; a number that JSON does not have becomes a text of its name, which is no value of a key that is looked at.
///
/// # Errors
/// Those of the JSON without such numbers.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).or_else(|error| match quoted(json) {
        Some(json) => serde_json::from_slice(&json),
        None => Err(error),
    })
}

/// The same with such numbers as texts; `None` where there are none.
fn quoted(json: &[u8]) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    let (mut rest, mut in_text, mut found) = (json, false, false);
    while let Some((byte, after)) = rest.split_first() {
        let number = NUMBERS.iter().find(|name| !in_text && rest.starts_with(name.as_bytes()));
        if let Some(name) = number {
            found = true;
            made.extend([b"\"", name.as_bytes(), b"\""].concat());
            rest = rest.get(name.len()..).unwrap_or_default();
            continue;
        }
        made.push(*byte);
        rest = after;
        match (byte, rest.split_first()) {
            (b'"', _) => in_text = !in_text,
            (b'\\', Some((escaped, after))) if in_text => {
                made.push(*escaped);
                rest = after;
            }
            _ => {}
        }
    }
    found.then_some(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_that_only_python_has_become_texts() {
        let read = |json: &str| read::<Value>(json.as_bytes());
        let json = r#"{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \\\" NaN", "NaN": 1}"#;
        let expected = json!({ "a": "NaN", "b": ["-Infinity", "Infinity"], "c": "NaN \\\" NaN", "NaN": 1 });
        assert_eq!(read(json).unwrap(), expected);
        assert_eq!(read("{}").unwrap(), json!({}));
        for wrong in ["{\"a\": nan}", "[NaN", "{\"a\": \"NaN", "NaNNaN", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
