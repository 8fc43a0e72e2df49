//! x86-64: SSE4.1, AVX2 and AVX-512, found at run time.
//!
//! [`avx2`] has two forms that differ in the dot product alone: with AVX-VNNI it is one instruction, before that three, with
//! the same result as long as activations have seven bits. [`avx512`] has twice the lanes and twice the registers, hence the
//! larger tile. [`sse41`] is for what has no AVX2: the small processors of network storage, and Intel before 2013.

mod avx2;
mod avx512;
mod bytes;
mod sse41;

pub(crate) use avx2::{Avx2, AvxVnni};
pub(crate) use avx512::Avx512;
pub(crate) use bytes::{Avx2Bytes, Sse41Bytes};
pub(crate) use sse41::Sse41;
use std::is_x86_feature_detected;

/// AVX2 and FMA.
pub(crate) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// What [`Avx512`] takes beyond [`has_avx2`].
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
}
