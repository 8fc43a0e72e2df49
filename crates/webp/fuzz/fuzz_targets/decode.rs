//! Bytes of any kind: pixels or an error, never a panic; and rows of a picture are what they are in the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use webp::{Decoder, Error};

/// What is large is not more interesting, but slower.
const MOST_PIXELS: usize = 1 << 14;
const MOST_TABLES: u64 = 16 << 20;

fuzz_target!(|bytes: &[u8]| {
    // Choices are taken from the end, so that any WebP is a seed: behind its end there may be anything.
    let Some((_, &[first, count])) = bytes.split_last_chunk() else { return };
    let Ok(decoder) = Decoder::new(bytes) else { return };
    let ((width, height), channels) = (decoder.size(), decoder.channels());
    if width * height > MOST_PIXELS {
        return;
    }
    let whole = decoder.with_table_limit(MOST_TABLES).decode_whole();
    if let Ok(whole) = &whole {
        assert_eq!(whole.len(), width * height * channels);
    }
    // The second time as a part.
    let Ok(decoder) = Decoder::new(bytes) else { unreachable!("it was read just now") };
    let start = usize::from(first) * height / 256;
    let end = start + 1 + usize::from(count) * (height - start - 1) / 255;
    let mut found = Vec::new();
    let result = decoder.with_table_limit(MOST_TABLES).decode(start..end, |rows| {
        found.extend_from_slice(rows);
        Ok::<(), Error>(())
    });
    let Ok(whole) = whole else { return assert!(result.is_err()) };
    assert_eq!(result, Ok(()));
    assert!(found == whole[start * width * channels..end * width * channels]);
});
