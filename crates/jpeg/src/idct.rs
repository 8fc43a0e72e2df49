//! Dequantisation and inverse DCT, one block at a time.
//!
//! In: 64 coefficients and 64 quantisers, in natural order. Out: 8x8, 4x4, 2x2 or one sample, in rows `stride` apart.
//!
//! The formulas are libjpeg's `jidctint.c` (after Loeffler, Ligtenberg and Moschytz: 12 multiplications, 13-bit
//! constants, 2 fractional bits between the passes) and `jidctred.c`. For pictures that make sense it is settled by
//! that what comes out. For damaged ones, whose numbers overflow, it is settled by libjpeg-turbo's SIMD code
//! (`jidctint-avx2.asm`, `jidctred-sse2.asm`), which Pillow's wheels run: products and sums of 16 bits wrap around,
//! what a pass writes is clamped to 16 bits. This module does the same, and is the twin that the SIMD siblings are
//! tested against.

/// `x` times 2^13, rounded.
const fn fix(x: f64) -> i32 {
    (x * 8192.0 + 0.5) as i32
}

pub(super) const F_0_211: i32 = fix(0.211_164_243);
pub(super) const F_0_298: i32 = fix(0.298_631_336);
pub(super) const F_0_390: i32 = fix(0.390_180_644);
pub(super) const F_0_509: i32 = fix(0.509_795_579);
pub(super) const F_0_541: i32 = fix(0.541_196_100);
pub(super) const F_0_601: i32 = fix(0.601_344_887);
pub(super) const F_0_720: i32 = fix(0.720_959_822);
pub(super) const F_0_765: i32 = fix(0.765_366_865);
pub(super) const F_0_850: i32 = fix(0.850_430_095);
pub(super) const F_0_899: i32 = fix(0.899_976_223);
pub(super) const F_1_061: i32 = fix(1.061_594_337);
pub(super) const F_1_175: i32 = fix(1.175_875_602);
pub(super) const F_1_272: i32 = fix(1.272_758_580);
pub(super) const F_1_451: i32 = fix(1.451_774_981);
pub(super) const F_1_501: i32 = fix(1.501_321_110);
pub(super) const F_1_847: i32 = fix(1.847_759_065);
pub(super) const F_1_961: i32 = fix(1.961_570_560);
pub(super) const F_2_053: i32 = fix(2.053_119_869);
pub(super) const F_2_172: i32 = fix(2.172_734_803);
pub(super) const F_2_562: i32 = fix(2.562_915_447);
pub(super) const F_3_072: i32 = fix(3.072_711_026);
pub(super) const F_3_624: i32 = fix(3.624_509_785);

/// Fractional bits of the constants, and of the values between the passes.
pub(super) const CONST_BITS: u32 = 13;
pub(super) const PASS1_BITS: u32 = 2;

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
pub(super) fn dc_sample(dc: i16, quantiser: i16) -> u8 {
    let value = dc.wrapping_mul(quantiser) << PASS1_BITS;
    sample((i32::from(value) + 16) >> (PASS1_BITS + 3))
}

/// Fills a block of `size`x`size` samples with `value`.
pub(super) fn fill(value: u8, size: usize, out: &mut [u8], stride: usize) {
    for row in out.chunks_mut(stride).take(size) {
        // Of a size known to the compiler this is one instruction.
        match row.first_chunk_mut::<8>() {
            Some(row) if size == 8 => *row = [value; 8],
            _ => row[..size].fill(value),
        }
    }
}

/// Dequantised coefficients, and whether rows 1 to 7 are all zero but those in `ignored`.
fn dequantise(coefficients: &[i16; 64], quantisers: &[i16; 64], ignored: &[usize]) -> ([i16; 64], bool) {
    let mut values = [0; 64];
    for (value, (c, q)) in values.iter_mut().zip(coefficients.iter().zip(quantisers)) {
        *value = c.wrapping_mul(*q);
    }
    let zero = |row: usize| coefficients[8 * row..8 * row + 8].iter().all(|&c| c == 0);
    (values, (1..8).all(|row| ignored.contains(&row) || zero(row)))
}

/// One dimension of the 8-point transform, before descaling.
fn eight(x: [i16; 8]) -> [i32; 8] {
    // Even part.
    let t3 = dot(F_0_541 + F_0_765, x[2], F_0_541, x[6]);
    let t2 = dot(F_0_541, x[2], F_0_541 - F_1_847, x[6]);
    let t0 = i32::from(x[0].wrapping_add(x[4])) << CONST_BITS;
    let t1 = i32::from(x[0].wrapping_sub(x[4])) << CONST_BITS;
    let even = [t0.wrapping_add(t3), t1.wrapping_add(t2), t1.wrapping_sub(t2), t0.wrapping_sub(t3)];
    // Odd part.
    let z3 = x[7].wrapping_add(x[3]);
    let z4 = x[5].wrapping_add(x[1]);
    let (z3, z4) = (dot(F_1_175 - F_1_961, z3, F_1_175, z4), dot(F_1_175, z3, F_1_175 - F_0_390, z4));
    let odd = [
        dot(-F_0_899, x[7], F_1_501 - F_0_899, x[1]).wrapping_add(z4),
        dot(-F_2_562, x[5], F_3_072 - F_2_562, x[3]).wrapping_add(z3),
        dot(F_2_053 - F_2_562, x[5], -F_2_562, x[3]).wrapping_add(z4),
        dot(F_0_298 - F_0_899, x[7], -F_0_899, x[1]).wrapping_add(z3),
    ];
    let mut out = [0; 8];
    for i in 0..4 {
        out[i] = even[i].wrapping_add(odd[i]);
        out[7 - i] = even[i].wrapping_sub(odd[i]);
    }
    out
}

/// 8x8 samples.
pub(super) fn idct_8x8(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
    let (values, flat) = dequantise(coefficients, quantisers, &[]);
    let mut between = [0i16; 64];
    for x in 0..8 {
        if flat {
            (0..8).for_each(|y| between[8 * y + x] = values[x] << PASS1_BITS);
        } else {
            let column = eight(std::array::from_fn(|y| values[8 * y + x]));
            (0..8).for_each(|y| between[8 * y + x] = descale(column[y], CONST_BITS - PASS1_BITS));
        }
    }
    for (row, line) in between.as_chunks::<8>().0.iter().zip(out.chunks_mut(stride)) {
        let values = eight(*row);
        for (to, value) in line.iter_mut().zip(values) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3).into());
        }
    }
}

/// One dimension of the 4-point transform of 8 values, the fifth of which has no say; before descaling.
fn four(x: [i16; 8]) -> [i32; 4] {
    let t0 = i32::from(x[0]) << (CONST_BITS + 1);
    let t2 = dot(F_1_847, x[2], -F_0_765, x[6]);
    let (even0, even1) = (t0.wrapping_add(t2), t0.wrapping_sub(t2));
    let odd0 = dot(F_2_562, x[1], F_0_899, x[3]).wrapping_add(dot(-F_0_601, x[5], -F_0_509, x[7]));
    let odd1 = dot(F_1_061, x[1], -F_2_172, x[3]).wrapping_add(dot(F_1_451, x[5], -F_0_211, x[7]));
    [even0.wrapping_add(odd0), even1.wrapping_add(odd1), even1.wrapping_sub(odd1), even0.wrapping_sub(odd0)]
}

/// 4x4 samples: the picture at half its size.
pub(super) fn idct_4x4(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
    let (values, flat) = dequantise(coefficients, quantisers, &[4]);
    let mut between = [0i16; 32];
    for x in 0..8 {
        if flat {
            (0..4).for_each(|y| between[8 * y + x] = values[x] << PASS1_BITS);
        } else {
            let column = four(std::array::from_fn(|y| values[8 * y + x]));
            (0..4).for_each(|y| between[8 * y + x] = descale(column[y], CONST_BITS - PASS1_BITS + 1));
        }
    }
    for (row, line) in between.as_chunks::<8>().0.iter().zip(out.chunks_mut(stride)) {
        for (to, value) in line.iter_mut().zip(four(*row)) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3 + 1).into());
        }
    }
}

/// The odd part of the 2-point transform.
#[inline(always)]
fn two(x1: i16, x3: i16, x5: i16, x7: i16) -> i32 {
    dot(F_3_624, x1, -F_1_272, x3).wrapping_add(dot(F_0_850, x5, -F_0_720, x7))
}

/// 2x2 samples: the picture at a quarter of its size.
pub(super) fn idct_2x2(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
    const BITS: u32 = CONST_BITS - PASS1_BITS + 2;
    let value = |place: usize| coefficients[place].wrapping_mul(quantisers[place]);
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
pub(super) fn dc_sample_2x2(dc: i16, quantiser: i16) -> u8 {
    let value = i32::from(dc.wrapping_mul(quantiser)) << PASS1_BITS;
    sample(descale(value << (CONST_BITS + 2), DESCALE_2X2).into())
}

/// One sample: the picture at an eighth of its size. Values out of range wrap around at 1024, as libjpeg's
/// `range_limit` table has it.
pub(super) fn idct_1x1(dc: i16, quantiser: i16) -> u8 {
    let value = (i32::from(dc) * i32::from(quantiser) + 4) >> 3;
    sample(((value + 512) & 1023) - 512)
}
