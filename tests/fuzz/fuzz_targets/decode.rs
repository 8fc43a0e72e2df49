//! Bytes of any kind into the decoders: pixels or an error, never a panic.
#![no_main]

use clip_vision::image::Limits;
use clip_vision::Image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Small pictures only: what is large is not more interesting, but slower.
    let limits = Limits { max_pixels: 1 << 18, max_alloc: 16 << 20, ..Limits::default() };
    let decoded = Image::from_bytes(bytes).limits(limits).decode_sync();
    if let Ok(image) = decoded {
        let (width, height) = image.size().unwrap();
        assert!(width > 0 && height > 0 && width * height <= 1 << 18);
    }
});
