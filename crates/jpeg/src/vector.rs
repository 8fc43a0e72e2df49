//! The inner loops over 16-byte vectors, written once; an instruction set is a sibling file that implements
//! [`Vector`].
//!
//! Each gives the bytes that its scalar twin gives (`idct.rs`, `upsample.rs`, `color.rs`): sums are the same sums in
//! another order, in integers that wrap around, and what is narrowed is clamped where the twin clamps. The one
//! different formula, the rounded product in [`ycc_to_rgb`], is equal for all 256 inputs.

mod blocks;
mod rows;

pub(super) use self::blocks::{idct_4x4, idct_8x8, idct_8x8_corner};
pub(super) use self::rows::{both, horizontal, vertical, ycc_to_rgb};

/// Sixteen bytes: u8x16, i16x8 or i32x4, as the operation has it.
///
/// # Safety
/// All functions ask that the machine has the vector's instructions; those with pointers that these are good for all
/// bytes that are read or written.
pub(super) trait Vector: Copy {
    unsafe fn load(from: *const u8) -> Self;
    unsafe fn store(self, to: *mut u8);
    /// Eight bytes, widened to i16x8.
    unsafe fn load_wide(from: *const u8) -> Self;
    /// The first and the last eight bytes.
    unsafe fn store_halves(self, first: *mut u8, last: *mut u8);
    /// Four bytes each, in rows a stride apart.
    unsafe fn store_quarters(self, to: *mut u8, stride: usize);
    /// i16x8, all `value`.
    unsafe fn splat16(value: i16) -> Self;
    /// i16x8, `even` and `odd` in turn.
    unsafe fn pairs(even: i16, odd: i16) -> Self;
    /// i32x4, all `value`.
    unsafe fn splat32(value: i32) -> Self;
    /// Is any bit set?
    unsafe fn any(self) -> bool;
    unsafe fn or(self, other: Self) -> Self;
    /// Flips the highest bit of each byte.
    unsafe fn flip8(self) -> Self;

    /// i16x8, wrapping around.
    unsafe fn add16(self, other: Self) -> Self;
    unsafe fn sub16(self, other: Self) -> Self;
    unsafe fn mul16(self, other: Self) -> Self;
    /// i16x8: a·b / 2^15, rounded.
    unsafe fn mul_round16(self, other: Self) -> Self;
    unsafe fn shl16<const BITS: i32>(self) -> Self;
    /// u16x8.
    unsafe fn shr16<const BITS: i32>(self) -> Self;
    /// i32x4: products of i16x8, neighbours added.
    unsafe fn dot(self, other: Self) -> Self;
    /// i32x4, wrapping around.
    unsafe fn add32(self, other: Self) -> Self;
    unsafe fn sub32(self, other: Self) -> Self;
    /// i32x4, keeping the sign.
    unsafe fn shr32<const BITS: i32>(self) -> Self;

    /// i32x4 and i32x4 to i16x8, clamped.
    unsafe fn narrow32(self, other: Self) -> Self;
    /// i16x8 and i16x8 to i8x16, clamped.
    unsafe fn narrow16(self, other: Self) -> Self;
    /// i16x8 and i16x8 to u8x16, clamped.
    unsafe fn narrow16_unsigned(self, other: Self) -> Self;
    /// The first halves, interleaved; and the second ones.
    unsafe fn zip8(self, other: Self) -> (Self, Self);
    unsafe fn zip16(self, other: Self) -> (Self, Self);
    unsafe fn zip32(self, other: Self) -> (Self, Self);
    /// i16x8: the last lane of `before`, then all of `self` but its last.
    unsafe fn after16(self, before: Self) -> Self;
    /// i16x8: all of `self` but its first lane, then the first of `next`.
    unsafe fn before16(self, next: Self) -> Self;
    /// u8x16 three times, interleaved: 48 bytes.
    unsafe fn store_interleaved(r: Self, g: Self, b: Self, to: *mut u8);
}
