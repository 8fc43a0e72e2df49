//! Vectors of sixteen bytes, for pixels.

/// Sixteen bytes: u8x16, i16x8 or i32x4, as the operation has it. Lanes are in the order of memory.
///
/// Results are the same to the bit on every set. What could differ between processors is said at the operation.
///
/// # Safety
/// Of every unsafe method: pointers are valid for what is read or written. No alignment is asked for.
pub trait Bytes: Copy + Send + Sync + 'static {
    /// Sixteen bytes.
    type V: Copy;

    /// The sixteen bytes at `p`.
    ///
    /// # Safety
    /// `p` is valid for reading them.
    unsafe fn load(self, p: *const u8) -> Self::V;
    /// The eight bytes at `p`, each widened to 16 bits.
    ///
    /// # Safety
    /// `p` is valid for reading eight bytes.
    unsafe fn load_wide(self, p: *const u8) -> Self::V;
    /// The eight bytes at `first`, then those at `last`.
    ///
    /// # Safety
    /// Both are valid for reading eight bytes.
    unsafe fn load_halves(self, first: *const u8, last: *const u8) -> Self::V;
    /// Writes all sixteen bytes to `p`.
    ///
    /// # Safety
    /// `p` is valid for writing them.
    unsafe fn store(self, p: *mut u8, x: Self::V);
    /// Writes the first eight bytes to `first` and the others to `last`.
    ///
    /// # Safety
    /// Both are valid for writing eight bytes.
    unsafe fn store_halves(self, first: *mut u8, last: *mut u8, x: Self::V);
    /// Writes four bytes to each of four rows, the first at `p`, each next one `stride` bytes on.
    ///
    /// # Safety
    /// `p` is valid for writing four bytes there and at each of the next places.
    unsafe fn store_quarters(self, p: *mut u8, stride: usize, x: Self::V);
    /// Writes the 48 bytes `r[0] g[0] b[0] r[1] g[1] …`.
    ///
    /// # Safety
    /// `p` is valid for writing them.
    unsafe fn store_interleaved(self, p: *mut u8, r: Self::V, g: Self::V, b: Self::V);

    /// u8x16, all `x`.
    fn splat8(self, x: u8) -> Self::V;
    /// i16x8, all `x`.
    fn splat16(self, x: i16) -> Self::V;
    /// i16x8, `even` and `odd` in turn.
    fn pairs16(self, even: i16, odd: i16) -> Self::V;
    /// i32x4, all `x`.
    fn splat32(self, x: i32) -> Self::V;
    /// The first lane of i32x4.
    fn first32(self, a: Self::V) -> i32;

    /// Is any bit set?
    fn any(self, a: Self::V) -> bool;
    /// The bits of both.
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    /// The bits that are in both.
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// The bits of `a` that are not in `b`.
    fn and_not(self, a: Self::V, b: Self::V) -> Self::V;
    /// Flips the highest bit of each byte.
    fn flip8(self, a: Self::V) -> Self::V;

    /// u8x16: all bits where both are equal, else none.
    fn equal8(self, a: Self::V, b: Self::V) -> Self::V;
    /// i8x16, clamped.
    fn add_clamped8(self, a: Self::V, b: Self::V) -> Self::V;
    /// i8x16, clamped.
    fn sub_clamped8(self, a: Self::V, b: Self::V) -> Self::V;
    /// u8x16, clamped.
    fn add_unsigned8(self, a: Self::V, b: Self::V) -> Self::V;
    /// u8x16, clamped.
    fn sub_unsigned8(self, a: Self::V, b: Self::V) -> Self::V;
    /// i8x16, keeping the sign, by 1 to 7.
    fn shr8<const BITS: i32>(self, a: Self::V) -> Self::V;

    /// i16x8, wrapping around.
    fn add16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8, wrapping around.
    fn sub16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8, the lower 16 bits of the product.
    fn mul16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8: the upper 16 bits of the product.
    fn mul_high16(self, a: Self::V, b: Self::V) -> Self::V;
    /// u16x8 of values up to 255: `a · factor / 256`, rounded down.
    fn scale8(self, a: Self::V, factor: u16) -> Self::V;
    /// u16x8, clamped.
    fn sub_unsigned16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8: `a · b / 2¹⁵`, rounded to nearest, ties up. Of -2¹⁵ · -2¹⁵, which has no place in 16 bits, it is 2¹⁵ - 1 or -2¹⁵.
    fn mul_round16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8.
    fn shl16<const BITS: i32>(self, a: Self::V) -> Self::V;
    /// u16x8: zeros come in.
    fn shr16<const BITS: i32>(self, a: Self::V) -> Self::V;
    /// i16x8, keeping the sign.
    fn shr16_signed<const BITS: i32>(self, a: Self::V) -> Self::V;
    /// i32x4: the products of i16x8, each two neighbors added, wrapping around.
    fn dot16(self, a: Self::V, b: Self::V) -> Self::V;

    /// i32x4, wrapping around.
    fn add32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32x4, wrapping around.
    fn sub32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i32x4.
    fn shl32<const BITS: i32>(self, a: Self::V) -> Self::V;
    /// i32x4, keeping the sign.
    fn shr32<const BITS: i32>(self, a: Self::V) -> Self::V;

    /// i32x4 and i32x4 to i16x8, clamped.
    fn narrow32(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8 and i16x8 to i8x16, clamped.
    fn narrow16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8 and i16x8 to u8x16, clamped.
    fn narrow16_unsigned(self, a: Self::V, b: Self::V) -> Self::V;
    /// u8x16 to twice u16x8: the first eight bytes, and the others.
    fn widen8(self, a: Self::V) -> (Self::V, Self::V);

    /// Bytes of `a` and `b` in turn: of their first halves, and of their second ones.
    fn zip8(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The same with 16 bits.
    fn zip16(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The same with 32 bits.
    fn zip32(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The same with 64 bits: both first halves, and both second ones.
    fn zip64(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// i16x8: the last lane of `before`, then all of `a` but its last.
    fn after16(self, a: Self::V, before: Self::V) -> Self::V;
    /// i16x8: all of `a` but its first lane, then the first of `next`.
    fn before16(self, a: Self::V, next: Self::V) -> Self::V;
    /// Of RGB pixels p q …: i16x8 `(p.r q.r p.g q.g p.b q.b 0 0)`.
    fn first_pixel_pair(self, a: Self::V) -> Self::V;
    /// The same of the third and the fourth pixel.
    fn second_pixel_pair(self, a: Self::V) -> Self::V;
    /// Of four RGB pixels, in the first twelve bytes, each with a zero after it.
    fn spread_pixels(self, a: Self::V) -> Self::V;
    /// The other way round: each fourth byte dropped, and four zeros at the end.
    fn close_pixels(self, a: Self::V) -> Self::V;

    /// u8x16, wrapping around.
    fn add8(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8: the lesser.
    fn min16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8: the greater.
    fn max16(self, a: Self::V, b: Self::V) -> Self::V;
    /// i16x8: all bits where `a` is greater than `b`, else none.
    fn greater16(self, a: Self::V, b: Self::V) -> Self::V;
    /// By bytes whose bits are all set or none: of `a` where they are, else of `b`.
    fn select(self, mask: Self::V, a: Self::V, b: Self::V) -> Self::V;
}
