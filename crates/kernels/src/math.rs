//! Elementwise functions: exp, tanh, erf and the three GELUs, by polynomial, on vectors.
//!
//! `libm` has one value at a time and an accuracy that a network does not need; these have a stated error and no
//! branches. The errors were measured against f64 at 16 million points; `tests.rs` repeats it at fewer.

use simd::Simd;

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x · sigmoid(1.702 x)`. <https://github.com/openai/CLIP/blob/main/clip/model.py>
    QuickGelu,
    /// `x · Φ(x)` with the error function. <https://arxiv.org/abs/1606.08415>
    Gelu,
    /// `0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, PyTorch's `approximate="tanh"`.
    GeluTanh,
}

/// eˣ, with a relative error of at most 2⁻²³ for x in -87..=88; outside, the value at the nearer end.
///
/// `x = n · ln 2 + r` with `|r| ≤ ln 2 / 2`, ln 2 in two parts so that `r` is exact; then eʳ by a polynomial of degree 6
/// and 2ⁿ by its exponent bits.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::F) -> S::F {
    let x = simd.max(simd.min(x, simd.splat(88.0)), simd.splat(-87.0));
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-0.693_359_4), x);
    let r = simd.mul_add(n, simd.splat(2.121_944_4e-4), r);
    let p = polynomial(simd, r, [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
    let e = simd.add(simd.mul_add(p, simd.mul(r, r), r), simd.splat(1.0));
    simd.mul(e, simd.exp2_integral(n))
}

/// erf(x), with an absolute error of at most 2⁻²¹.
///
/// An odd polynomial over an even one on -4..=4, beyond which erf is ±1 in f32; the coefficients are those of Eigen and
/// XLA. <https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h>
#[inline(always)]
pub(super) fn erf<S: Simd>(simd: S, x: S::F) -> S::F {
    let x = simd.max(simd.min(x, simd.splat(4.0)), simd.splat(-4.0));
    let x2 = simd.mul(x, x);
    let p = polynomial(
        simd,
        x2,
        [
            -2.726_142_3e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_3e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let q = polynomial(simd, x2, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2]);
    simd.div(simd.mul(x, p), q)
}

/// Horner's scheme, highest power first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::F, coefficients: [f32; N]) -> S::F {
    let mut p = simd.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        p = simd.mul_add(p, x, simd.splat(coefficient));
    }
    p
}

#[inline(always)]
fn quick_gelu<S: Simd>(simd: S, x: S::F) -> S::F {
    simd.div(x, simd.add(simd.splat(1.0), exp(simd, simd.mul(x, simd.splat(-1.702)))))
}

#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::F) -> S::F {
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, erf(simd, simd.mul(x, simd.splat(std::f32::consts::FRAC_1_SQRT_2))), half)
}

#[inline(always)]
fn gelu_tanh<S: Simd>(simd: S, x: S::F) -> S::F {
    // 0.5 (1 + tanh(z)) is sigmoid(2 z): one exp and one division less than by way of tanh.
    let cubic = simd.mul(simd.mul(x, x), simd.splat(-2.0 * 0.797_884_6 * 0.044_715));
    let minus_2z = simd.mul(x, simd.add(cubic, simd.splat(-2.0 * 0.797_884_6)));
    simd.div(x, simd.add(simd.splat(1.0), exp(simd, minus_2z)))
}

/// A vector function over a slice, its tail included. A macro, since a closure would not get the instruction set.
macro_rules! each {
    ($S:ident, $simd:ident, $x:ident, $len:ident, $function:ident) => {{
        let whole = $len - $len % $S::LANES;
        let mut i = 0;
        while i < whole {
            $simd.store($x.add(i), $function($simd, $simd.load($x.add(i))));
            i += $S::LANES;
        }
        if whole < $len {
            let mut buffer = [0f32; 16];
            std::ptr::copy_nonoverlapping($x.add(whole), buffer.as_mut_ptr(), $len - whole);
            $simd.store(buffer.as_mut_ptr(), $function($simd, $simd.load(buffer.as_ptr())));
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), $x.add(whole), $len - whole);
        }
    }};
}

/// Applies the activation to `len` values at `x`. In WebAssembly it is a function for all products: a browser compiles it once.
///
/// # Safety
/// `x` is valid for `len` values.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) unsafe fn activate<S: Simd>(simd: S, activation: Activation, x: *mut f32, len: usize) {
    // SAFETY: vectors lie within `len`; what is left over is handled in a buffer of one vector.
    unsafe {
        match activation {
            Activation::None => {}
            Activation::QuickGelu => each!(S, simd, x, len, quick_gelu),
            Activation::Gelu => each!(S, simd, x, len, gelu),
            Activation::GeluTanh => each!(S, simd, x, len, gelu_tanh),
        }
    }
}
