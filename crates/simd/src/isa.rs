//! Which instruction sets there are, and the one place where work is sent to one.

use crate::arch::*;
use crate::{Bytes, Simd};
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
///
/// ```
/// use simd::Isa;
///
/// let best = Isa::best();
/// assert!(Isa::available().any(|isa| isa == best));
/// println!("{}, vectors of {} f32", best.name(), best.shape().lanes);
/// ```
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

            /// Runs the task in code that is compiled for this instruction set: see the example at [the crate](crate).
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
            ///
            /// ```
            /// use simd::{Bytes, BytesTask, Isa};
            ///
            /// /// Adds 1 to each of eight numbers.
            /// struct Increment<'a>(&'a mut [i16; 8]);
            ///
            /// impl BytesTask for Increment<'_> {
            ///     type Output = ();
            ///
            ///     #[inline(always)]
            ///     fn run<B: Bytes>(self, bytes: B) {
            ///         let numbers = self.0.as_mut_ptr().cast();
            ///         // SAFETY: eight numbers are sixteen bytes.
            ///         unsafe { bytes.store(numbers, bytes.add16(bytes.load(numbers), bytes.splat16(1))) };
            ///     }
            /// }
            ///
            /// let mut numbers = [0, 1, 2, 3, 4, 5, 6, i16::MAX];
            /// Isa::best().run_bytes(Increment(&mut numbers));
            /// assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, i16::MIN]);
            /// ```
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
        feature = "testing",
        test
    ))]
    Scalar "scalar" if true => scalar::Scalar, scalar::ScalarBytes;

    #[cfg(target_arch = "x86_64")]
    Sse41 "sse4.1" if std::is_x86_feature_detected!("sse4.1") => x86::Sse41, x86::Sse41Bytes;
    #[cfg(target_arch = "x86_64")]
    Avx2 "avx2" if x86::has_avx2() => x86::Avx2, x86::Avx2Bytes;
    #[cfg(target_arch = "x86_64")]
    AvxVnni "avx-vnni" if x86::has_avx2() && std::is_x86_feature_detected!("avxvnni") => x86::AvxVnni, x86::Avx2Bytes;
    #[cfg(target_arch = "x86_64")]
    Avx512 "avx512" if x86::has_avx2() && x86::has_avx512() => x86::Avx512, x86::Avx2Bytes;

    #[cfg(target_arch = "aarch64")]
    Neon "neon" if true => aarch64::Neon, aarch64::NeonBytes;
    #[cfg(target_arch = "aarch64")]
    NeonDot "neon-dot" if std::arch::is_aarch64_feature_detected!("dotprod") => aarch64::NeonDot, aarch64::NeonBytes;

    #[cfg(all(
        target_arch = "wasm32",
        target_feature = "simd128",
        any(not(target_feature = "relaxed-simd"), feature = "testing", test)
    ))]
    Simd128 "simd128" if true => wasm32::simd128::Simd128, wasm32::Simd128Bytes;
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Pairs "relaxed-simd-pairs" if true => wasm32::relaxed::RelaxedPairs, wasm32::Simd128Bytes;
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed "relaxed-simd" if true => wasm32::relaxed::Relaxed, wasm32::Simd128Bytes;
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
            return wasm32::relaxed::has_dot_product();
        }
        true
    }
}
