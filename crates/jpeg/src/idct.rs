//! Dequantization and inverse DCT, one block at a time: constants, and the small transforms. Those to 8x8 and 4x4 samples
//! are written over vectors (`vector/blocks.rs`).
//!
//! In: 64 coefficients and 64 quantizers, in natural order. Out: 8x8, 4x4, 2x2 or one sample, in rows `stride` apart.
//!
//! The formulas are libjpeg's `jidctint.c` (after Loeffler, Ligtenberg and Moschytz: 12 multiplications, 13-bit
//! constants, 2 fractional bits between the passes) and `jidctred.c`. For pictures that make sense it is settled by
//! that what comes out. For damaged ones, whose numbers overflow, it is settled by libjpeg-turbo's SIMD code
//! (`jidctint-avx2.asm`, `jidctred-sse2.asm`), which Pillow's wheels run: products and sums of 16 bits wrap around,
//! what a pass writes is clamped to 16 bits. This crate does the same.

#[cfg(test)]
pub(crate) mod twin;

/// `x` times 2^13, rounded.
const fn fix(x: f64) -> i32 {
    (x * 8192.0 + 0.5) as i32
}

pub(crate) const F_0_211: i32 = fix(0.211_164_243);
pub(crate) const F_0_298: i32 = fix(0.298_631_336);
pub(crate) const F_0_390: i32 = fix(0.390_180_644);
pub(crate) const F_0_509: i32 = fix(0.509_795_579);
pub(crate) const F_0_541: i32 = fix(0.541_196_100);
pub(crate) const F_0_601: i32 = fix(0.601_344_887);
pub(crate) const F_0_720: i32 = fix(0.720_959_822);
pub(crate) const F_0_765: i32 = fix(0.765_366_865);
pub(crate) const F_0_850: i32 = fix(0.850_430_095);
pub(crate) const F_0_899: i32 = fix(0.899_976_223);
pub(crate) const F_1_061: i32 = fix(1.061_594_337);
pub(crate) const F_1_175: i32 = fix(1.175_875_602);
pub(crate) const F_1_272: i32 = fix(1.272_758_580);
pub(crate) const F_1_451: i32 = fix(1.451_774_981);
pub(crate) const F_1_501: i32 = fix(1.501_321_110);
pub(crate) const F_1_847: i32 = fix(1.847_759_065);
pub(crate) const F_1_961: i32 = fix(1.961_570_560);
pub(crate) const F_2_053: i32 = fix(2.053_119_869);
pub(crate) const F_2_172: i32 = fix(2.172_734_803);
pub(crate) const F_2_562: i32 = fix(2.562_915_447);
pub(crate) const F_3_072: i32 = fix(3.072_711_026);
pub(crate) const F_3_624: i32 = fix(3.624_509_785);

/// Fractional bits of the constants, and of the values between the passes.
pub(crate) const CONST_BITS: u32 = 13;
pub(crate) const PASS1_BITS: u32 = 2;

/// The sample for a descaled value: clamped, and centred at 128.
#[inline(always)]
fn sample(value: i32) -> u8 {
    (value.clamp(-128, 127) + 128) as u8
}

/// `value` / 2^`bits`, rounded, clamped to 16 bits.
#[inline(always)]
fn descale(value: i32, bits: u32) -> i16 {
    let rounded = value.wrapping_add(1 << (bits - 1)) >> bits;
    rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// `a·x + b·y`.
#[inline(always)]
fn dot(a: i32, x: i16, b: i32, y: i16) -> i32 {
    (a * i32::from(x)).wrapping_add(b * i32::from(y))
}

/// The samples of a block that has a DC coefficient only: all the same.
pub(crate) fn dc_sample(dc: i16, quantizer: i16) -> u8 {
    let value = dc.wrapping_mul(quantizer) << PASS1_BITS;
    sample((i32::from(value) + 16) >> (PASS1_BITS + 3))
}

/// Fills a block of `size`x`size` samples with `value`.
pub(crate) fn fill(value: u8, size: usize, out: &mut [u8], stride: usize) {
    for row in out.chunks_mut(stride).take(size) {
        // Of a size known to the compiler this is one instruction.
        match row.first_chunk_mut::<8>() {
            Some(row) if size == 8 => *row = [value; 8],
            _ => row[..size].fill(value),
        }
    }
}

/// The odd part of the 2-point transform.
#[inline(always)]
fn two(x1: i16, x3: i16, x5: i16, x7: i16) -> i32 {
    dot(F_3_624, x1, -F_1_272, x3).wrapping_add(dot(F_0_850, x5, -F_0_720, x7))
}

/// 2x2 samples: the picture at a quarter of its size.
pub(crate) fn idct_2x2(coefficients: &[i16; 64], quantizers: &[i16; 64], out: &mut [u8], stride: usize) {
    const BITS: u32 = CONST_BITS - PASS1_BITS + 2;
    let value = |place: usize| coefficients[place].wrapping_mul(quantizers[place]);
    let column = |x: usize| {
        let even = i32::from(value(x)) << (CONST_BITS + 2);
        let odd = two(value(8 + x), value(24 + x), value(40 + x), value(56 + x));
        (even.wrapping_add(odd), even.wrapping_sub(odd))
    };
    let clamped = |(top, bottom): (i32, i32)| (descale(top, BITS), descale(bottom, BITS));
    // The first column stays at 32 bits between the passes, the others are clamped to 16.
    let (top, bottom) = column(0);
    let (top, bottom) = (top.wrapping_add(1 << (BITS - 1)) >> BITS, bottom.wrapping_add(1 << (BITS - 1)) >> BITS);
    let (c1, c3, c5, c7) = (clamped(column(1)), clamped(column(3)), clamped(column(5)), clamped(column(7)));
    let rows = [(top, two(c1.0, c3.0, c5.0, c7.0)), (bottom, two(c1.1, c3.1, c5.1, c7.1))];
    for (line, (even, odd)) in out.chunks_mut(stride).zip(rows) {
        let even = even << (CONST_BITS + 2);
        line[0] = sample(descale(even.wrapping_add(odd), DESCALE_2X2).into());
        line[1] = sample(descale(even.wrapping_sub(odd), DESCALE_2X2).into());
    }
}

const DESCALE_2X2: u32 = CONST_BITS + PASS1_BITS + 3 + 2;

/// What [`idct_2x2`] makes of a block that has a DC coefficient only: four times the same.
pub(crate) fn dc_sample_2x2(dc: i16, quantizer: i16) -> u8 {
    let value = i32::from(dc.wrapping_mul(quantizer)) << PASS1_BITS;
    sample(descale(value << (CONST_BITS + 2), DESCALE_2X2).into())
}

/// One sample: the picture at an eighth of its size. Values out of range wrap around at 1024, as libjpeg's
/// `range_limit` table has it.
pub(crate) fn idct_1x1(dc: i16, quantizer: i16) -> u8 {
    let value = (i32::from(dc) * i32::from(quantizer) + 4) >> 3;
    sample(((value + 512) & 1023) - 512)
}
