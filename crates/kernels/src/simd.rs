//! The vector trait: what an instruction set has to offer so that every kernel in this folder runs on it.
//!
//! The kernels are written once, generic over [`Simd`]; an instruction set is one sibling file that implements it. The
//! trait is small on purpose: a new processor needs some forty one-line functions, and no kernel is touched. What differs
//! in substance between processors is here as constants, above all the shape of the tile that the matrix products
//! keep in registers (see `tile.rs`).
//!
//! **How it becomes machine code.** On x86 the features are found at run time, and the compiler emits AVX only inside
//! functions marked `#[target_feature]`. So [`Isa::run`](super::Isa::run) calls one such function for each
//! instruction set, and everything below it is `#[inline(always)]`, so that all of it ends up in that function's body. (In
//! WebAssembly there is nothing to be found: `run_in` and `math::activate` are functions of their own there.)
//! For the same reason there are no closures on these paths: a closure is compiled with the features of nobody.

use super::tile::{TileF32, TileInt8};

/// Vectors of `LANES` f32 or i32 and what can be done with them.
///
/// # Safety
/// All functions are unsafe for the same two reasons: the processor must have the instruction set, and a pointer must be
/// valid for the whole vector that is read or written (no alignment is asked for).
pub(crate) trait Simd: Copy + 'static {
    /// `LANES` f32.
    type F: Copy;
    /// `LANES` i32.
    type I: Copy;
    /// `LANES` times `GROUP` signed 8-bit weights.
    type W: Copy;
    /// One group of activations, the same for every lane.
    type A: Copy;

    /// f32 in a vector.
    const LANES: usize;
    /// Rows and vectors of the f32 tile: what fits in the registers without spilling.
    const TILE_F32: (usize, usize);
    /// Rows and vectors of the int8 tile.
    const TILE_INT8: (usize, usize);
    /// How many neighbouring products the integer dot product sums into one lane: 4 in bytes, or 2 in 16-bit halves.
    /// One group of activations takes four bytes either way.
    const GROUP: usize;

    unsafe fn splat(x: f32) -> Self::F;
    unsafe fn load(p: *const f32) -> Self::F;
    /// The f32 at `p` in every lane.
    unsafe fn load_splat(p: *const f32) -> Self::F;
    unsafe fn store(p: *mut f32, x: Self::F);
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once or twice, whichever is faster.
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `b < a ? b : a`: a NaN in `a` stays one.
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? b : a`: a NaN in `a` stays one.
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F;
    /// The nearest integer, ties to even, as a float.
    unsafe fn round(a: Self::F) -> Self::F;
    /// 2ⁿ for an integral `n` in -126..=127.
    unsafe fn exp2_integral(n: Self::F) -> Self::F;
    /// The nearest integer, ties to even, of a value within ±2²¹.
    unsafe fn round_int(a: Self::F) -> Self::I;
    unsafe fn to_float(a: Self::I) -> Self::F;

    /// The unnormalised Hadamard transform of the lanes: sums and differences of lanes 1 apart, then 2, 4, ….
    unsafe fn hadamard(a: Self::F) -> Self::F;

    unsafe fn splat_int(x: i32) -> Self::I;
    unsafe fn load_int(p: *const i32) -> Self::I;
    #[allow(dead_code)] // for tests
    unsafe fn store_int(p: *mut i32, x: Self::I);
    unsafe fn sub_int(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn mul_int(a: Self::I, b: Self::I) -> Self::I;
    /// A value of 14 bits: its upper seven, and its lower seven.
    unsafe fn halves(x: Self::I) -> [Self::I; 2];
    /// Writes each lane, which must be in 0..=127, as one activation: `LANES / GROUP` groups of four bytes, the first at
    /// `p`, each next one `stride` bytes on.
    unsafe fn store_groups(p: *mut u8, stride: usize, x: Self::I);

    /// `LANES · GROUP` weights.
    unsafe fn load_weights(p: *const i8) -> Self::W;
    /// The four bytes at `p`, one group of activations, for every lane.
    unsafe fn load_group(p: *const u8) -> Self::A;
    /// Adds to each lane of `acc` the `GROUP` products of its weights and activations, exactly, provided that
    /// activations are in 0..=127. `unit` is [`unit`](Self::unit)'s.
    unsafe fn dot(acc: Self::I, w: Self::W, a: Self::A, unit: Self::I) -> Self::I;
    /// Whether [`dot_pair`](Self::dot_pair) is faster than two dot products.
    const PAIRS: bool = false;
    /// `dot(dot(acc, w[0], a[0]), w[1], a[1])` for weights whose [`sums fit`](super::quantise::sums_fit): the sum of four
    /// products may be taken in 16 bits.
    unsafe fn dot_pair(acc: Self::I, w: [Self::W; 2], a: [Self::A; 2], unit: Self::I) -> Self::I {
        // SAFETY: no pointers; the instruction set is the caller's promise.
        unsafe { Self::dot(Self::dot(acc, w[0], a[0], unit), w[1], a[1], unit) }
    }
    /// A constant for [`dot`](Self::dot), for those that need one: made once before the loop, to stay in a register.
    unsafe fn unit() -> Self::I {
        // SAFETY: no pointers; the instruction set is the caller's promise.
        unsafe { Self::splat_int(0) }
    }

    /// [`tile::f32`](super::tile::f32) for `rows` in `1..=TILE_F32.0`.
    unsafe fn tile_f32(rows: usize, tile: &TileF32);
    /// [`tile::int8`](super::tile::int8) for `rows` in `1..=TILE_INT8.0`.
    unsafe fn tile_int8(rows: usize, tile: &TileInt8);
}

/// The functions of an implementation, one or a few instructions each. The macro carries the safety argument, which is the same for all of them.
macro_rules! ops {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? { $($body:tt)* })*) => {$(
        #[inline(always)]
        #[allow(unused_unsafe)]
        unsafe fn $name($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the instruction set and the pointers are the caller's promise, as the trait says.
            unsafe { $($body)* }
        }
    )*};
}
pub(super) use ops;
