//! Bytes of any kind into the decoders: pixels or an error, never a panic, and in time.
#![no_main]

mod time;

use libfuzzer_sys::fuzz_target;
use pixels::{Image, Limits};

fuzz_target!(|bytes: &[u8]| {
    // Small pictures only: what is large is not more interesting, but slower.
    let limits = Limits { max_pixels: 1 << 16, max_alloc: 8 << 20, ..Limits::default() };
    let decoded = time::bounded(bytes, || Image::from_bytes(bytes).limits(limits).decode_sync());
    if let Ok(image) = decoded {
        let (width, height) = image.size().unwrap();
        assert!(width > 0 && height > 0 && width * height <= 1 << 16);
    }
});
