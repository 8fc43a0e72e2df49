//! The kernels without the crate around them, for `run.mjs`.
#![allow(dead_code, missing_docs, clippy::too_many_arguments, clippy::unwrap_used)]

mod error;
mod kernels;

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

    #[unsafe(no_mangle)]
    extern "C" fn product(int8: bool, m: usize, k: usize, n: usize, rounds: usize) -> f64 {
        let rate = if int8 { crate::bench::int8_rate } else { crate::bench::f32_rate };
        rate(now, Isa::best(), m, k, n, (1 << 26) / (n * k * m.min(4)) + 1, rounds)
    }

    #[unsafe(no_mangle)]
    extern "C" fn tower(int8: bool, batch: usize, rounds: usize) {
        say(&crate::tower::report(now, Isa::best(), int8, 768, 12, 12, 32, batch, rounds).unwrap());
    }
}
