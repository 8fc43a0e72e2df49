//! Elementwise functions: exp, tanh, erf and the three GELUs, by polynomial, on vectors.
//!
//! `libm` has one value at a time and an accuracy that a network does not need; these have a stated error and no
//! branches. The errors were measured against f64 at 16 million points; `tests.rs` repeats it at fewer.

use super::simd::Simd;

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
pub(super) unsafe fn exp<S: Simd>(x: S::F) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe {
        let x = S::max(S::min(x, S::splat(88.0)), S::splat(-87.0));
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let r = S::mul_add(n, S::splat(-0.693_359_4), x);
        let r = S::mul_add(n, S::splat(2.121_944_4e-4), r);
        let p =
            polynomial::<S, 6>(r, [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
        let e = S::add(S::mul_add(p, S::mul(r, r), r), S::splat(1.0));
        S::mul(e, S::exp2_integral(n))
    }
}

/// erf(x), with an absolute error of at most 2⁻²¹.
///
/// An odd polynomial over an even one on -4..=4, beyond which erf is ±1 in f32; the coefficients are those of Eigen and
/// XLA. <https://gitlab.com/libeigen/eigen/-/blob/3.4/Eigen/src/Core/MathFunctionsImpl.h>
#[inline(always)]
pub(super) unsafe fn erf<S: Simd>(x: S::F) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe {
        let x = S::max(S::min(x, S::splat(4.0)), S::splat(-4.0));
        let x2 = S::mul(x, x);
        let p = polynomial::<S, 7>(
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
        let q =
            polynomial::<S, 5>(x2, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2]);
        S::div(S::mul(x, p), q)
    }
}

/// Horner's scheme, highest power first.
#[inline(always)]
unsafe fn polynomial<S: Simd, const N: usize>(x: S::F, coefficients: [f32; N]) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe {
        let mut p = S::splat(coefficients[0]);
        for &coefficient in &coefficients[1..] {
            p = S::mul_add(p, x, S::splat(coefficient));
        }
        p
    }
}

#[inline(always)]
unsafe fn quick_gelu<S: Simd>(x: S::F) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe { S::div(x, S::add(S::splat(1.0), exp::<S>(S::mul(x, S::splat(-1.702))))) }
}

#[inline(always)]
unsafe fn gelu<S: Simd>(x: S::F) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe {
        let half = S::mul(x, S::splat(0.5));
        S::mul_add(half, erf::<S>(S::mul(x, S::splat(std::f32::consts::FRAC_1_SQRT_2))), half)
    }
}

#[inline(always)]
unsafe fn gelu_tanh<S: Simd>(x: S::F) -> S::F {
    // SAFETY: no pointers; the instruction set is the caller's promise.
    unsafe {
        // 0.5 (1 + tanh(z)) is sigmoid(2 z): one exp and one division less than by way of tanh.
        let cubic = S::mul(S::mul(x, x), S::splat(-2.0 * 0.797_884_6 * 0.044_715));
        let minus_2z = S::mul(x, S::add(cubic, S::splat(-2.0 * 0.797_884_6)));
        S::div(x, S::add(S::splat(1.0), exp::<S>(minus_2z)))
    }
}

/// A vector function over a slice, its tail included. A macro, since a closure would not get the instruction set.
macro_rules! each {
    ($S:ident, $x:ident, $len:ident, $function:ident) => {{
        let whole = $len - $len % $S::LANES;
        let mut i = 0;
        while i < whole {
            $S::store($x.add(i), $function::<$S>($S::load($x.add(i))));
            i += $S::LANES;
        }
        if whole < $len {
            let mut buffer = [0f32; 16];
            std::ptr::copy_nonoverlapping($x.add(whole), buffer.as_mut_ptr(), $len - whole);
            $S::store(buffer.as_mut_ptr(), $function::<$S>($S::load(buffer.as_ptr())));
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), $x.add(whole), $len - whole);
        }
    }};
}

/// Applies the activation to `len` values at `x`. In WebAssembly it is a function for all products: a browser compiles it once.
///
/// # Safety
/// As for [`Simd`]; `x` is valid for `len` values.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
pub(super) unsafe fn activate<S: Simd>(activation: Activation, x: *mut f32, len: usize) {
    // SAFETY: vectors lie within `len`; what is left over is handled in a buffer of one vector.
    unsafe {
        match activation {
            Activation::None => {}
            Activation::QuickGelu => each!(S, x, len, quick_gelu),
            Activation::Gelu => each!(S, x, len, gelu),
            Activation::GeluTanh => each!(S, x, len, gelu_tanh),
        }
    }
}
