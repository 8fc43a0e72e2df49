//! What pictures of 48 megapixels cost in memory: natively counted by an allocator of our own, in a browser by how much
//! the WebAssembly memory grows.
#![allow(clippy::unwrap_used)]

mod common;

use clip_vision::Image;
use clip_vision::image::{Decode, PixelTensor, PreprocessConfig};
use common::giants;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[cfg(target_arch = "wasm32")]
mod memory {
    /// The bytes by which the memory, which never shrinks, grows through `work`.
    pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
        const PAGE: usize = 1 << 16;
        let before = core::arch::wasm32::memory_size(0);
        let result = work();
        (result, (core::arch::wasm32::memory_size(0) - before) * PAGE)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod memory {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The system's allocator, which remembers how much was taken at most.
    struct Counting;

    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);

    fn taken(size: usize) {
        let now = NOW.fetch_add(size, Ordering::Relaxed) + size;
        MOST.fetch_max(now, Ordering::Relaxed);
    }

    // SAFETY: all is handed on to the system's allocator.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            taken(layout.size());
            // SAFETY: the caller's promises are the system's.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            taken(layout.size());
            // SAFETY: the caller's promises are the system's.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            NOW.fetch_sub(layout.size(), Ordering::Relaxed);
            // SAFETY: the caller's promises are the system's.
            unsafe { System.dealloc(at, layout) }
        }
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    /// The most bytes that were taken at a time during `work`, by all threads.
    pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
        let before = NOW.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let result = work();
        (result, MOST.load(Ordering::Relaxed) - before)
    }
}

/// CLIP's tensor of `file`, and the bytes that making it took, `file` itself not counted.
fn tensor(file: &[u8], decode: Decode) -> (PixelTensor, usize) {
    let image = PreprocessConfig::clip(224).apply(Image::from_bytes(file).decode(decode));
    memory::peak(|| image.to_pixel_tensor().unwrap())
}

const WIDTH: u16 = 8000;
const HEIGHT: u16 = 6000;
const MEGABYTE: usize = 1_000_000;

/// One test, for what is counted is everybody's.
#[test]
fn pictures_of_48_megapixels_are_never_held_as_a_whole() {
    let decoded = usize::from(WIDTH) * usize::from(HEIGHT) * 3;
    let upright = giants::baseline_jpeg(WIDTH, HEIGHT, 1);
    let sideways = giants::baseline_jpeg(WIDTH, HEIGHT, 6);
    let png = giants::png(WIDTH.into(), HEIGHT.into());
    let progressive = giants::progressive_jpeg(WIDTH, HEIGHT, 0x22);
    let complete = [0x22, 0x11].map(|sampling| giants::complete_progressive_jpeg(WIDTH, HEIGHT, sampling));
    let cases = [
        ("baseline", &upright, Decode::Exact, 8 * MEGABYTE),
        ("baseline, sideways", &sideways, Decode::Exact, 12 * MEGABYTE),
        ("baseline, fast", &upright, Decode::Fast, 4 * MEGABYTE),
        ("PNG", &png, Decode::Exact, 8 * MEGABYTE),
        ("progressive", &complete[0], Decode::Exact, 8 * MEGABYTE),
        ("progressive, fast", &complete[0], Decode::Fast, 8 * MEGABYTE),
        ("progressive, 4:4:4", &complete[1], Decode::Exact, 8 * MEGABYTE),
        // What lacks scans is smoothed, and so its coefficients are held: two bytes for each of 1.5 samples a pixel.
        ("progressive, incomplete", &progressive, Decode::Exact, decoded + 8 * MEGABYTE),
    ];
    for (name, file, decode, allowed) in cases {
        let (tensor, most) = tensor(file, decode);
        println!("{name}: {:.1} MB, of {:.1} MB decoded", most as f64 / 1e6, decoded as f64 / 1e6);
        assert!(most <= allowed, "{name} took {most} bytes, not {allowed}");
        assert_eq!([tensor.height, tensor.width], [224, 224]);
        let red = &tensor.data[..224 * 224];
        assert!(red.iter().all(|&value| value == red[0]), "{name}");
        let level: f32 = if name == "PNG" { 0.0 } else { 128.0 / 255.0 };
        assert!((red[0] - (level - 0.481_454_66) / 0.268_629_54).abs() < 1e-5, "{name}: {}", red[0]);
    }
}
