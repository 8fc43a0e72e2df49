//! The allocator, which remembers what it could not give: Rust ends the instance where memory can't be had, and a
//! person is to read how much was wanted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use wasm_bindgen::prelude::wasm_bindgen;

/// Bytes of the last request that was refused.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Remembering = Remembering;

/// The system's allocator, and a note of every refusal.
struct Remembering;

impl Remembering {
    fn noted(pointer: *mut u8, bytes: usize) -> *mut u8 {
        if pointer.is_null() {
            REFUSED.store(bytes, Ordering::Relaxed);
        }
        pointer
    }
}

// SAFETY: every method hands its arguments to `System` unchanged and returns what `System` returned; a note in a static
// neither allocates nor unwinds.
unsafe impl GlobalAlloc for Remembering {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        Self::noted(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        Self::noted(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; `pointer` came from `System`, as every pointer that this allocator gives.
        Self::noted(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The bytes of the last request for memory that was refused; 0 while none was. It may be asked after the instance has
/// ended: it allocates nothing.
#[wasm_bindgen(js_name = refusedBytes)]
pub fn refused_bytes() -> f64 {
    REFUSED.load(Ordering::Relaxed) as f64
}
