//! The kernels by themselves, for tuning tiles and loops: seconds to build, where the whole program takes minutes.
//!
//! ```text
//! cargo bench -p clip-vision-kernels               GMAC/s of single products, on every instruction set of this machine
//! cargo bench -p clip-vision-kernels -- tower      milliseconds of each part of a ViT-B/32
//! node crates/kernels/benches/kernels/browser.mjs  the same in Chromium, in WebAssembly
//! ```

mod products;
mod tower;
#[cfg(target_arch = "wasm32")]
mod web;

/// Seconds, from anywhere.
type Clock = fn() -> f64;

/// Numbers that are the same everywhere.
struct Rng(u64);

impl Rng {
    /// `n` values in `-scale..scale`.
    fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..n).map(|_| next() * scale).collect()
    }
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

/// In a browser, `browser.mjs` calls what `web.rs` exports.
#[cfg(target_arch = "wasm32")]
fn main() {}
