//! From coefficients to what is added to the prediction (RFC 6386, section 14).
//!
//! Sums of coefficients that only damage makes too large wrap around in 16 bits where they do so in libwebp on x86
//! (`Transform_SSE2` in src/dsp/dec_sse2.c), and don't where they are kept in 32 bits there.

use simd::Bytes;

use super::work::{STRIDE, Work};

/// √2 · cos(π/8) less one, and √2 · sin(π/8) less one, of 2¹⁶.
const COS: i16 = 20091;
const SIN: i16 = -30068;

/// First coefficients of sixteen blocks, from their own transform.
pub(super) fn walsh_hadamard(input: &[i16; 16], blocks: &mut [[i16; 16]; 24]) {
    let mut sums = [0; 16];
    for i in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|row| i32::from(input[row + i]));
        let (outer, inner) = (a + d, b + c);
        let (outer_difference, inner_difference) = (a - d, b - c);
        sums[i] = outer + inner;
        sums[8 + i] = outer - inner;
        sums[4 + i] = outer_difference + inner_difference;
        sums[12 + i] = outer_difference - inner_difference;
    }
    for (row, blocks) in sums.as_chunks::<4>().0.iter().zip(blocks.as_chunks_mut::<4>().0) {
        let first = row[0] + 3;
        let (outer, inner) = (first + row[3], row[1] + row[2]);
        let (outer_difference, inner_difference) = (first - row[3], row[1] - row[2]);
        blocks[0][0] = ((outer + inner) >> 3) as i16;
        blocks[1][0] = ((outer_difference + inner_difference) >> 3) as i16;
        blocks[2][0] = ((outer - inner) >> 3) as i16;
        blocks[3][0] = ((outer_difference - inner_difference) >> 3) as i16;
    }
}

/// Adds what `blocks` give to the two blocks at `at`, side by side.
#[inline(always)]
pub(super) fn add_pair<B: Bytes>(bytes: B, blocks: &[[i16; 16]; 2], work: &mut Work, at: usize) {
    let [(a0, a2), (b0, b2)] = [load(bytes, &blocks[0]), load(bytes, &blocks[1])];
    let ((row0, row1), (row2, row3)) = (bytes.zip64(a0, b0), bytes.zip64(a2, b2));
    let [row0, row1, row2, row3] = inverse(bytes, [row0, row1, row2, row3]);
    for (i, (upper, lower)) in [(row0, row1), (row2, row3)].into_iter().enumerate() {
        let at = at + 2 * i * STRIDE;
        let upper = bytes.add16(upper, work.load_wide(bytes, at));
        let lower = bytes.add16(lower, work.load_wide(bytes, at + STRIDE));
        work.store_halves(bytes, at, bytes.narrow16_unsigned(upper, lower));
    }
}

/// Adds what `block` gives to the one at `at`.
#[inline(always)]
pub(super) fn add<B: Bytes>(bytes: B, block: &[i16; 16], work: &mut Work, at: usize) {
    let (a0, a2) = load(bytes, block);
    let ((_, a1), (_, a3)) = (bytes.zip64(a0, a0), bytes.zip64(a2, a2));
    store(bytes, inverse(bytes, [a0, a1, a2, a3]), work, at);
}

/// The same where only the first coefficients of the first row and column are other than 0.
#[inline(always)]
pub(super) fn add_corner<B: Bytes>(bytes: B, block: &[i16; 16], work: &mut Work, at: usize) {
    let times = |value: i16, factor: i16| i32::from(value) + ((i32::from(value) * i32::from(factor)) >> 16);
    let (first, across, down) = (i32::from(block[0]) + 4, block[1], block[4]);
    let (cos, sin) = (times(across, COS), times(across, SIN));
    let columns = [cos, sin, -sin, -cos];
    let (cos, sin) = (times(down, COS), times(down, SIN));
    let rows = [cos, sin, -sin, -cos].map(|row| {
        let mut values = [0i16; 8];
        for (value, column) in values.iter_mut().zip(columns) {
            *value = ((first + row + column) >> 3) as i16;
        }
        // SAFETY: eight of two bytes are a vector.
        unsafe { bytes.load(values.as_ptr().cast()) }
    });
    store(bytes, rows, work, at);
}

/// The same where only the very first coefficient is other than 0.
#[inline(always)]
pub(super) fn add_first<B: Bytes>(bytes: B, first: i16, work: &mut Work, at: usize) {
    let value = bytes.splat16(((i32::from(first) + 4) >> 3) as i16);
    store(bytes, [value; 4], work, at);
}

/// The first two rows, and the last two.
#[inline(always)]
fn load<B: Bytes>(bytes: B, block: &[i16; 16]) -> (B::V, B::V) {
    // SAFETY: sixteen of two bytes are two vectors.
    unsafe { (bytes.load(block.as_ptr().cast()), bytes.load(block[8..].as_ptr().cast())) }
}

/// Of four rows, each of two blocks side by side.
#[inline(always)]
fn inverse<B: Bytes>(bytes: B, rows: [B::V; 4]) -> [B::V; 4] {
    let mut columns = transposed(bytes, butterfly(bytes, rows));
    columns[0] = bytes.add16(columns[0], bytes.splat16(4));
    let [a, b, c, d] = butterfly(bytes, columns);
    let halved = [
        bytes.shr16_signed::<3>(a),
        bytes.shr16_signed::<3>(b),
        bytes.shr16_signed::<3>(c),
        bytes.shr16_signed::<3>(d),
    ];
    transposed(bytes, halved)
}

#[inline(always)]
fn butterfly<B: Bytes>(bytes: B, [x0, x1, x2, x3]: [B::V; 4]) -> [B::V; 4] {
    let (cos, sin) = (bytes.splat16(COS), bytes.splat16(SIN));
    let (a, b) = (bytes.add16(x0, x2), bytes.sub16(x0, x2));
    let c = bytes.sub16(bytes.mul_high16(x1, sin), bytes.mul_high16(x3, cos));
    let c = bytes.add16(c, bytes.sub16(x1, x3));
    let d = bytes.add16(bytes.mul_high16(x1, cos), bytes.mul_high16(x3, sin));
    let d = bytes.add16(d, bytes.add16(x1, x3));
    [bytes.add16(a, d), bytes.add16(b, c), bytes.sub16(b, c), bytes.sub16(a, d)]
}

/// Both blocks of 4x4.
#[inline(always)]
fn transposed<B: Bytes>(bytes: B, [x0, x1, x2, x3]: [B::V; 4]) -> [B::V; 4] {
    let ((a01, b01), (a23, b23)) = (bytes.zip16(x0, x1), bytes.zip16(x2, x3));
    let ((a_low, a_high), (b_low, b_high)) = (bytes.zip32(a01, a23), bytes.zip32(b01, b23));
    let ((y0, y1), (y2, y3)) = (bytes.zip64(a_low, b_low), bytes.zip64(a_high, b_high));
    [y0, y1, y2, y3]
}

/// Adds the first halves of `rows` to the block at `at`.
#[inline(always)]
fn store<B: Bytes>(bytes: B, rows: [B::V; 4], work: &mut Work, at: usize) {
    let row = |work: &Work, y: usize| bytes.add16(rows[y], work.load_wide(bytes, at + y * STRIDE));
    let upper = bytes.narrow16_unsigned(row(work, 0), row(work, 1));
    let lower = bytes.narrow16_unsigned(row(work, 2), row(work, 3));
    // Rows 0 and 2, and 1 and 3.
    let (even, odd) = (bytes.zip32(upper, lower).0, bytes.zip32(upper, lower).1);
    work.store_quarters(bytes, at, bytes.zip32(even, odd).0);
}
