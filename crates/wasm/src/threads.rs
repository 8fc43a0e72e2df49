//! The worker's threads: more workers, each with an instance of this module on the same memory. JavaScript starts them and
//! tells a failure (`web/worker/threads.ts`); the work itself is handed out in Rust (`kernels/threads.rs`).

use kernels::POOL;
use wasm_bindgen::prelude::*;

/// Called once by each thread: takes part in the work, and never returns.
#[wasm_bindgen(js_name = helpThreads)]
pub fn help_threads() {
    POOL.help()
}

/// Says how many threads may help the calling one at the same time.
#[wasm_bindgen(js_name = setHelpers)]
pub fn set_helpers(helpers: usize) {
    POOL.set_helpers(helpers);
}

/// Says that a thread stopped in the middle of its work: the call that waits for it fails instead of waiting forever.
#[wasm_bindgen(js_name = failThreads)]
pub fn fail_threads() {
    POOL.fail();
}
