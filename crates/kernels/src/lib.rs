//! The kernels: packed matrix products, layer norm, softmax attention and GELU on the CPU, natively and in WebAssembly.
//!
//! A vision transformer spends nineteen parts in twenty of its time in matrix products with constant weights, a few dozen
//! rows high. A general library packs both operands at each call, knows nothing of what follows, and in a browser is
//! compiled for a register file that isn't there. So here:
//!
//! - **Weights are packed once**, while they are read, into panels in the order in which the innermost loop wants them
//!   ([`PackedF32`], [`PackedInt8`]). A builder takes them row by row, so the model is never in memory twice.
//! - **What follows is fused**: bias, activation, the addition to the residual stream ([`Output`]).
//! - **Results go where the caller says.** No kernel allocates one: a model's buffers are used again layer by layer.
//! - **One algorithm, several instruction sets.** Each kernel is written once over a small vector trait (`simd.rs`);
//!   `scalar.rs`, `simd128.rs`, `relaxed.rs` and `x86/` implement it. In WebAssembly the build decides, since a module
//!   can't ask; on x86 the processor is asked once. [`Isa`] is the proof that it was: there is no other way to one.
//! - **Threads don't change the result.** A kernel hands a [`Pool`] tasks that write disjoint parts of the result; a sum
//!   is never split between tasks, so that 1 and 8 threads give the same bits.
//!
//! Everything works on plain row-major slices: `(rows, channels)`, a row a token. Lengths are checked at the entry of each
//! kernel, once; from there on it is pointers.

// Arrays of vectors stand for registers; they are walked by index, side by side.
#![allow(clippy::needless_range_loop)]

mod attention;
mod buffer;
mod error;
mod int8;
mod machine;
mod math;
mod matmul;
mod norm;
mod packed;
mod pool;
mod quantise;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
mod rotate;
mod scalar;
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(not(target_arch = "wasm32"), target_feature = "atomics"))]
mod stretch;
#[cfg(any(all(test, not(target_arch = "wasm32")), all(target_arch = "wasm32", target_feature = "atomics")))]
mod threads;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

pub use attention::Attention;
pub use buffer::Buffer;
pub use int8::{PackedInt8, PackedInt8Builder, Rotation};
pub use machine::POOL;
pub use math::Activation;
pub use matmul::{PackedF32, PackedF32Builder};
pub use norm::layer_norm;
pub use packed::{Layer, Packed, PackedBuilder, Packing, multiply};
pub use pool::{Pool, Serial};
pub use quantise::Quantiser;
#[cfg(any(all(test, not(target_arch = "wasm32")), all(target_arch = "wasm32", target_feature = "atomics")))]
pub use threads::Threads;

pub use error::{Error, Result};

/// What becomes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `activation(x · Wᵀ + bias)`, whatever was there before.
    Set(Activation),
    /// `x · Wᵀ + bias`, added to what is there: the residual stream.
    Add,
}

impl Output {
    fn activation(self) -> Activation {
        match self {
            Self::Set(activation) => activation,
            Self::Add => Activation::None,
        }
    }

    /// What the product is added to, where the result is `y`; null for nothing.
    fn addend(self, y: *mut f32) -> *const f32 {
        match self {
            Self::Set(_) => std::ptr::null(),
            Self::Add => y,
        }
    }
}

/// Memory that kernels need while they run: made once, grown on demand, used again by the next call.
pub struct Workspace {
    floats: Buffer<f32>,
    bytes: Buffer<u8>,
    ints: Buffer<i32>,
}

impl Workspace {
    /// Nothing as yet.
    pub const fn new() -> Self {
        Self { floats: Buffer::new(), bytes: Buffer::new(), ints: Buffer::new() }
    }
}

/// An instruction set that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed,
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Pairs,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Work that is written once over the vector trait.
pub(crate) trait Kernel {
    /// # Safety
    /// The processor has the instruction set `S`.
    unsafe fn run<S: simd::Simd>(self);
}

/// Runs a kernel in an instruction set that needs no attribute: in WebAssembly those of a module are all there. A function for
/// each, so that a browser, which compiles whole functions, compiles the one that is used.
///
/// # Safety
/// As for [`Kernel::run`].
#[cfg_attr(target_arch = "wasm32", inline(never))]
unsafe fn run_in<S: simd::Simd, K: Kernel>(kernel: K) {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<S>() }
}

impl Isa {
    /// The fastest one here.
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self(Kind::Scalar)))
    }

    /// All that can run here, the fastest last.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut kinds = vec![Kind::Scalar];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        kinds.push(Kind::Simd128);
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        if relaxed::has_dot_product() {
            kinds.extend([Kind::Pairs, Kind::Relaxed]);
        } else {
            kinds.extend([Kind::Relaxed, Kind::Pairs]);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            kinds.push(Kind::Avx2);
            if is_x86_feature_detected!("avxvnni") {
                kinds.push(Kind::AvxVnni);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                kinds.push(Kind::Avx512);
            }
        }
        kinds.into_iter().map(Self).collect()
    }

    /// A word for logs and `info`: `scalar`, `simd128`, `relaxed-simd`, `relaxed-simd-pairs`, `avx2`, `avx-vnni`, `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => "simd128",
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Kind::Relaxed => "relaxed-simd",
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Kind::Pairs => "relaxed-simd-pairs",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Runs the kernel in code that is compiled for this instruction set.
    fn run<K: Kernel>(self, kernel: K) {
        // SAFETY: a Kind is only made by `available`, which found the instruction set; those of WebAssembly are a
        // property of the whole module.
        unsafe {
            match self.0 {
                Kind::Scalar => run_in::<scalar::Scalar, K>(kernel),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                Kind::Simd128 => run_in::<simd128::Simd128, K>(kernel),
                #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
                Kind::Relaxed => run_in::<relaxed::Relaxed, K>(kernel),
                #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
                Kind::Pairs => run_in::<relaxed::Pairs, K>(kernel),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx2 => x86::avx2::run_avx2(kernel),
                #[cfg(target_arch = "x86_64")]
                Kind::AvxVnni => x86::avx2::run_vnni(kernel),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => x86::avx512::run(kernel),
            }
        }
    }

    /// The shape of this instruction set.
    fn shape(self) -> Shape {
        const fn of<S: simd::Simd>() -> Shape {
            Shape {
                f32_rows: S::TILE_F32.0,
                f32_columns: S::TILE_F32.1 * S::LANES,
                int8_rows: S::TILE_INT8.0,
                int8_columns: S::TILE_INT8.1 * S::LANES,
                group: S::GROUP,
                lanes: S::LANES,
            }
        }
        match self.0 {
            Kind::Scalar => of::<scalar::Scalar>(),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Kind::Simd128 => of::<simd128::Simd128>(),
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Kind::Relaxed => of::<relaxed::Relaxed>(),
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Kind::Pairs => of::<relaxed::Pairs>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => of::<x86::avx2::Avx2>(),
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => of::<x86::avx2::AvxVnni>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => of::<x86::avx512::Avx512>(),
        }
    }
}

/// The tiles of an instruction set, in elements.
#[derive(Clone, Copy)]
struct Shape {
    f32_rows: usize,
    f32_columns: usize,
    int8_rows: usize,
    int8_columns: usize,
    group: usize,
    lanes: usize,
}

impl Shape {
    /// Inputs of a product in 8 bits, filled up to whole vectors and an even number of groups.
    fn int8_depth(self, inputs: usize) -> usize {
        inputs.next_multiple_of(self.lanes.max(2 * self.group))
    }
}

/// An error unless `len` is `rows · columns`.
fn check(what: &str, len: usize, rows: usize, columns: usize) -> Result<()> {
    if rows.checked_mul(columns) == Some(len) {
        return Ok(());
    }
    Err(Error::Compute(format!("kernels: {what} has {len} values, not {rows} × {columns}")))
}
