//! Vectors of f32 and i32.

/// Vectors of [`LANES`](Self::LANES) f32 or i32, and what can be done with them.
///
/// The trait is small on purpose: a new processor needs some thirty one-line functions, and no loop is touched. Results are the
/// same to the bit on every set but for [`mul_add`](Self::mul_add).
///
/// # Safety
/// Of every unsafe method: the pointer is valid for the whole vector that is read or written. No alignment is asked for.
pub trait Floats: Copy + Send + Sync + 'static {
    /// `LANES` f32.
    type F: Copy;
    /// `LANES` i32.
    type I: Copy;

    /// f32 in a vector: 4, 8 or 16.
    const LANES: usize;
    /// Whether a multiplication can take one lane of a vector for all lanes of the other: splats of neighbors are then no
    /// vectors of their own, and it costs nothing to hold many of them.
    const LANE_OPERANDS: bool = false;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::F;
    /// The `LANES` values at `p`.
    ///
    /// # Safety
    /// `p` is valid for reading `LANES` values.
    unsafe fn load(self, p: *const f32) -> Self::F;
    /// The value at `p` in every lane.
    ///
    /// # Safety
    /// `p` is valid for reading one value.
    unsafe fn load_splat(self, p: *const f32) -> Self::F;
    /// Each of the `N` values at `p` in every lane of a vector of its own. Some sets load neighbors together and multiply by
    /// one lane of them.
    ///
    /// # Safety
    /// `p` is valid for reading `N` values.
    #[inline(always)]
    unsafe fn load_splats<const N: usize>(self, p: *const f32) -> [Self::F; N] {
        let mut splats = [self.splat(0.0); N];
        let mut i = 0;
        while i < N {
            // SAFETY: `i` is below `N`.
            splats[i] = unsafe { self.load_splat(p.add(i)) };
            i += 1;
        }
        splats
    }
    /// Writes the lanes to `p`.
    ///
    /// # Safety
    /// `p` is valid for writing `LANES` values.
    unsafe fn store(self, p: *mut f32, x: Self::F);
    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once or twice, whichever is faster.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `b < a ? b : a`: a NaN in `a` stays one, and of two zeros it is `a`. Built with relaxed SIMD that is
    /// so of numbers other than zero alone: the compiler takes an instruction that leaves the rest to the processor.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? b : a`: as [`min`](Self::min) in all else.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The nearest integer, ties to even, as a float.
    fn round(self, a: Self::F) -> Self::F;
    /// 2ⁿ for an integral `n` in -126..=127.
    fn exp2_integral(self, n: Self::F) -> Self::F;
    /// The nearest integer, ties to even, of a value within ±2²¹.
    fn round_int(self, a: Self::F) -> Self::I;
    /// The integers as floats, rounded to nearest, ties to even.
    fn to_float(self, a: Self::I) -> Self::F;
    /// The Hadamard transform of the lanes, without a factor: sums and differences of lanes 1 apart, then 2, 4, ….
    fn hadamard(self, a: Self::F) -> Self::F;

    /// `x` in every lane.
    fn splat_int(self, x: i32) -> Self::I;
    /// The `LANES` values at `p`.
    ///
    /// # Safety
    /// `p` is valid for reading `LANES` values.
    unsafe fn load_int(self, p: *const i32) -> Self::I;
    /// Writes the lanes to `p`.
    ///
    /// # Safety
    /// `p` is valid for writing `LANES` values.
    unsafe fn store_int(self, p: *mut i32, x: Self::I);
    /// `a - b`, wrapping around.
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// `a · b`, wrapping around.
    fn mul_int(self, a: Self::I, b: Self::I) -> Self::I;
}
