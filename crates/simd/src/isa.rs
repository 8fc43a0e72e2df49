//! Which instruction sets there are, and the one place where work is sent to one.

use crate::{Bytes, Simd, arch};
use core::sync::atomic::{AtomicU8, Ordering};

/// Work that is written once over [`Simd`].
pub trait Task {
    /// What it gives.
    type Output;

    /// The work. Has to be `#[inline(always)]`, as everything below it: see [the crate](crate).
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Work that is written once over [`Bytes`].
pub trait BytesTask {
    /// What it gives.
    type Output;

    /// The work. Has to be `#[inline(always)]`, as everything below it: see [the crate](crate).
    fn run<B: Bytes>(self, bytes: B) -> Self::Output;
}

/// The sizes that an instruction set works in, for those who lay out memory for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// f32 in a vector.
    pub lanes: usize,
    /// Rows of the f32 tile.
    pub f32_rows: usize,
    /// Columns, in values, of the f32 tile.
    pub f32_columns: usize,
    /// Rows of the int8 tile.
    pub int8_rows: usize,
    /// Columns, in values, of the int8 tile.
    pub int8_columns: usize,
    /// Products that the int8 dot product sums in a lane.
    pub group: usize,
}

impl Shape {
    const fn of<S: Simd>() -> Self {
        Self {
            lanes: S::LANES,
            f32_rows: S::TILE_F32.0,
            f32_columns: S::TILE_F32.1 * S::LANES,
            int8_rows: S::TILE_INT8.0,
            int8_columns: S::TILE_INT8.1 * S::LANES,
            group: S::GROUP,
        }
    }
}

/// An instruction set that this processor has. There is no way to one but by detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isa(Set);

/// Declares the instruction sets, the fastest last: name, whether the processor has it, its token, and the token whose
/// [`Bytes`] it has.
macro_rules! sets {
    ($($(#[$built:meta])* $set:ident $name:literal if $found:expr => $token:path, $bytes:path;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Set {
            $($(#[$built])* $set,)*
        }

        /// All that are built, the fastest last.
        const SETS: &[Set] = &[$($(#[$built])* Set::$set,)*];

        impl Set {
            fn is_found(self) -> bool {
                match self {
                    $($(#[$built])* Self::$set => $found,)*
                }
            }
        }

        impl Isa {
            /// A word for logs: see the table in [the crate's documentation](crate).
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($(#[$built])* Set::$set => $name,)*
                }
            }

            /// The sizes it works in.
            pub const fn shape(self) -> Shape {
                match self.0 {
                    $($(#[$built])* Set::$set => Shape::of::<$token>(),)*
                }
            }

            /// Runs the task in code that is compiled for this instruction set.
            #[inline]
            pub fn run<T: Task>(self, task: T) -> T::Output {
                // SAFETY: an Isa is only made of a set that was found.
                unsafe {
                    match self.0 {
                        $($(#[$built])* Set::$set => <$token>::run(task),)*
                    }
                }
            }

            /// The same for work over sixteen bytes.
            #[inline]
            pub fn run_bytes<T: BytesTask>(self, task: T) -> T::Output {
                // SAFETY: an Isa is only made of a set that was found, and that includes the one it has its bytes of.
                unsafe {
                    match self.0 {
                        $($(#[$built])* Set::$set => <$bytes>::run_bytes(task),)*
                    }
                }
            }
        }
    };
}

sets! {
    #[cfg(any(
        not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))),
        feature = "all-sets",
        test
    ))]
    Scalar "scalar" if true => arch::Scalar, arch::ScalarBytes;

    #[cfg(target_arch = "x86_64")]
    Sse41 "sse4.1" if std::is_x86_feature_detected!("sse4.1") => arch::Sse41, arch::Sse41Bytes;
    #[cfg(target_arch = "x86_64")]
    Avx2 "avx2" if arch::has_avx2() => arch::Avx2, arch::Avx2Bytes;
    #[cfg(target_arch = "x86_64")]
    AvxVnni "avx-vnni" if arch::has_avx2() && std::is_x86_feature_detected!("avxvnni") => arch::AvxVnni, arch::Avx2Bytes;
    #[cfg(target_arch = "x86_64")]
    Avx512 "avx512" if arch::has_avx2() && arch::has_avx512() => arch::Avx512, arch::Avx2Bytes;

    #[cfg(target_arch = "aarch64")]
    Neon "neon" if true => arch::Neon, arch::NeonBytes;
    #[cfg(target_arch = "aarch64")]
    NeonDot "neon-dot" if std::arch::is_aarch64_feature_detected!("dotprod") => arch::NeonDot, arch::NeonBytes;

    #[cfg(all(
        target_arch = "wasm32",
        target_feature = "simd128",
        any(not(target_feature = "relaxed-simd"), feature = "all-sets", test)
    ))]
    Simd128 "simd128" if true => arch::Simd128, arch::Simd128Bytes;
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Pairs "relaxed-simd-pairs" if true => arch::RelaxedPairs, arch::Simd128Bytes;
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed "relaxed-simd" if true => arch::Relaxed, arch::Simd128Bytes;
}

impl Isa {
    /// All that can run here, as a rule the fastest last.
    pub fn available() -> impl Iterator<Item = Self> {
        SETS.iter().copied().filter(|set| set.is_found()).map(Self)
    }

    /// The fastest one here. The processor is asked once: what is packed for the best set stays packed for it.
    pub fn best() -> Self {
        if let [only] = SETS {
            return Self(*only);
        }
        /// Its place in `SETS`, and one; 0 for not yet known.
        static BEST: AtomicU8 = AtomicU8::new(0);
        let known = usize::from(BEST.load(Ordering::Relaxed));
        if let Some(set) = known.checked_sub(1).and_then(|at| SETS.get(at)) {
            return Self(*set);
        }
        let best = (0..SETS.len()).rev().find(|&at| SETS[at].is_found() && SETS[at].is_preferred()).unwrap_or(0);
        BEST.store(best as u8 + 1, Ordering::Relaxed);
        Self(SETS[best])
    }
}

impl Set {
    /// Whether it is faster here than what stands before it.
    fn is_preferred(self) -> bool {
        #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
        if self == Self::Relaxed {
            return arch::has_dot_product();
        }
        true
    }
}
