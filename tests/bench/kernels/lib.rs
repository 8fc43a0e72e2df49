//! The kernels without the crate around them, for `run.mjs`.
#![allow(dead_code, unused_imports, missing_docs, clippy::too_many_arguments, clippy::unwrap_used)]

mod error;
mod kernels;

/// The calling thread alone, which the kernels themselves need on one thread of WebAssembly only.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) struct Serial;

#[cfg(not(target_arch = "wasm32"))]
impl kernels::Pool for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

pub mod bench;
pub mod tower;

#[cfg(target_arch = "wasm32")]
mod web {
    use crate::kernels::Isa;

    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        fn seconds() -> f64;
        fn print(text: *const u8, len: usize);
    }

    fn now() -> f64 {
        // SAFETY: the host takes nothing.
        unsafe { seconds() }
    }

    fn say(line: &str) {
        // SAFETY: the host reads what is there.
        unsafe { print(line.as_ptr(), line.len()) }
    }

    static mut PRODUCTS: Option<crate::bench::Products> = None;

    #[unsafe(no_mangle)]
    extern "C" fn prepare(int8: bool, m: usize, k: usize, n: usize, copies: usize) {
        // SAFETY: there is one thread.
        unsafe { PRODUCTS = Some(crate::bench::Products::new(Isa::best(), int8, m, k, n, copies)) };
    }

    #[unsafe(no_mangle)]
    extern "C" fn multiply(rounds: usize) {
        // SAFETY: there is one thread.
        if let Some(products) = unsafe { (*(&raw mut PRODUCTS)).as_mut() } {
            (0..rounds).for_each(|_| products.run());
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn tower(int8: bool, batch: usize, rounds: usize) {
        say(&crate::tower::report(now, Isa::best(), int8, 768, 12, 12, 32, batch, rounds).unwrap());
    }
}
