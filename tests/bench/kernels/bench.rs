//! Timings of the kernels.
#[cfg(not(target_arch = "wasm32"))]
use crate::Serial;
use crate::kernels::*;

/// Seeded.
pub struct Rng(u64);
impl Rng {
    /// Seeded.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    /// Uniform in -1..1.
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 40) as f32) / 8388608.0 - 1.0
    }
    /// Many.
    pub fn vec(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| self.next() * scale).collect()
    }
}

/// Seconds, from anywhere.
pub type Clock = fn() -> f64;

/// Products with different weights one after the other, as in a model.
pub(crate) struct Products {
    weights: Vec<Packed>,
    x: Vec<f32>,
    y: Vec<f32>,
    rows: usize,
    workspace: Workspace,
}

impl Products {
    pub(crate) fn new(isa: Isa, int8: bool, m: usize, k: usize, n: usize, copies: usize) -> Self {
        let mut rng = Rng::new(1);
        let mut weights = vec![];
        for _ in 0..copies {
            let mut builder = if int8 {
                PackedBuilder::Int8(PackedInt8::builder(isa, n, k, Rotation::On).unwrap())
            } else {
                PackedBuilder::F32(PackedF32::builder(isa, n, k).unwrap())
            };
            for _ in 0..n {
                builder.push_row(&rng.vec(k, 0.05)).unwrap();
            }
            weights.push(builder.finish(Some(&rng.vec(n, 0.1))).unwrap());
        }
        Self { weights, x: rng.vec(m * k, 1.0), y: vec![0.0; m * n], rows: m, workspace: Workspace::new() }
    }

    pub(crate) fn run(&mut self) {
        let Self { weights, x, y, rows, workspace } = self;
        for weight in weights {
            let layer = Layer { weight, output: Output::Set(Activation::None), y };
            multiply(vec![layer], x, *rows, &[], workspace, &Serial).unwrap();
        }
    }
}

/// GMAC/s, best of rounds.
#[cfg(not(target_arch = "wasm32"))]
fn rate(isa: Isa, int8: bool, m: usize, k: usize, n: usize, rounds: usize) -> f64 {
    let mut products = Products::new(isa, int8, m, k, n, 1);
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let t = now();
        products.run();
        best = best.min(now() - t);
    }
    (m * n * k) as f64 / best / 1e9
}

#[cfg(not(target_arch = "wasm32"))]
fn now() -> f64 {
    static T: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    T.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

#[cfg(not(target_arch = "wasm32"))]
fn gemm_rate(m: usize, k: usize, n: usize, rounds: usize) -> f64 {
    let mut rng = Rng(1);
    let (w, x) = (rng.vec(n * k, 0.05), rng.vec(m * k, 1.0));
    let mut y = vec![0f32; m * n];
    let mut best = f64::MAX;
    for _ in 0..rounds {
        let t = now();
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                y.as_mut_ptr(),
                1,
                n as isize,
                false,
                x.as_ptr(),
                1,
                k as isize,
                w.as_ptr(),
                k as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        best = best.min(now() - t);
    }
    (m * n * k) as f64 / best / 1e9
}

/// Native.
#[cfg(not(target_arch = "wasm32"))]
pub fn main() {
    if std::env::args().nth(1).as_deref() == Some("tower") {
        for int8 in [false, true] {
            for isa in Isa::available() {
                println!("{}", crate::tower::report(now, isa, int8, 768, 12, 12, 32, 1, 20).unwrap());
            }
        }
        return;
    }
    for (m, k, n) in [
        (50, 768, 3072),
        (50, 3072, 768),
        (50, 768, 768),
        (50, 768, 2304),
        (400, 768, 3072),
        (257, 1024, 4096),
        (1, 768, 3072),
    ] {
        print!("m {m} k {k} n {n}:");
        for isa in Isa::available() {
            print!(" {} {:.1}", isa.name(), rate(isa, false, m, k, n, 15));
        }
        print!(" int8:");
        for isa in Isa::available() {
            print!(" {} {:.1}", isa.name(), rate(isa, true, m, k, n, 15));
        }
        println!(" gemm {:.1}", gemm_rate(m, k, n, 15));
    }
}
