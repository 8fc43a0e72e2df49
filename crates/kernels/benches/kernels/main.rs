//! The kernels by themselves, for tuning tiles and loops: seconds to build, where the whole program takes minutes.
//!
//! ```text
//! cargo bench -p clip-vision-kernels               GMAC/s of single products, on every instruction set of this machine
//! cargo bench -p clip-vision-kernels -- tower      milliseconds of each part of a ViT-B/32
//! node tests/bench/kernels.mjs                     the same in Chromium, in WebAssembly
//! ```

mod products;
mod tower;
#[cfg(target_arch = "wasm32")]
mod web;

use simd::testing::Rng;

/// Seconds, from anywhere.
type Clock = fn() -> f64;

/// `n` random values in `-scale..scale`.
fn values(rng: &mut Rng, n: usize, scale: f32) -> Vec<f32> {
    rng.values(n).into_iter().map(|value| value * scale).collect()
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> kernels::Result<()> {
    fn now() -> f64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
    }
    match std::env::args().any(|argument| argument == "tower") {
        true => tower::report_all(now),
        false => products::report_all(now),
    }
}

/// In a browser, `tests/bench/kernels.mjs` calls what `web.rs` exports.
#[cfg(target_arch = "wasm32")]
fn main() {}
