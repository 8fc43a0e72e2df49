//! Inverse transforms: all eight columns of a block at once, then all its rows.

use super::Vector;
use crate::idct::{self, CONST_BITS, PASS1_BITS};

/// The even and odd halves of one dimension of the transform, combined, rounded and narrowed: rows 0 to 7.
///
/// `even` and `odd` are the four sums of each half of the lanes, `even` with half a unit of `BITS` added.
#[inline(always)]
unsafe fn combine<V: Vector, const BITS: i32>(even: [(V, V); 4], odd: [(V, V); 4]) -> [V; 8] {
    // SAFETY: the caller's machine has V.
    unsafe {
        let sum = |i: usize| {
            let (low, high) = (even[i].0.add32(odd[i].0), even[i].1.add32(odd[i].1));
            low.shr32::<BITS>().narrow32(high.shr32::<BITS>())
        };
        let difference = |i: usize| {
            let (low, high) = (even[i].0.sub32(odd[i].0), even[i].1.sub32(odd[i].1));
            low.shr32::<BITS>().narrow32(high.shr32::<BITS>())
        };
        [sum(0), sum(1), sum(2), sum(3), difference(3), difference(2), difference(1), difference(0)]
    }
}

/// Both halves of `zipped`, each times the pair of constants.
#[inline(always)]
unsafe fn dots<V: Vector>(zipped: (V, V), a: i32, b: i32) -> (V, V) {
    // SAFETY: the caller's machine has V.
    unsafe {
        let pairs = V::pairs(a as i16, b as i16);
        (zipped.0.dot(pairs), zipped.1.dot(pairs))
    }
}

#[inline(always)]
unsafe fn plus<V: Vector>(a: (V, V), b: (V, V)) -> (V, V) {
    // SAFETY: the caller's machine has V.
    unsafe { (a.0.add32(b.0), a.1.add32(b.1)) }
}

#[inline(always)]
unsafe fn minus<V: Vector>(a: (V, V), b: (V, V)) -> (V, V) {
    // SAFETY: the caller's machine has V.
    unsafe { (a.0.sub32(b.0), a.1.sub32(b.1)) }
}

/// One dimension of the 8-point transform, of eight columns at once: the vectorised `idct::eight`, and descaling.
#[inline(always)]
unsafe fn eight<V: Vector, const BITS: i32>(x: [V; 8]) -> [V; 8] {
    use idct::*;
    // SAFETY: the caller's machine has V.
    unsafe {
        let half = V::splat32(1 << (BITS - 1));
        // Shifted to the left by 16 through the zip, and 3 of that back.
        let scaled = |x: V| {
            let (low, high) = V::splat16(0).zip16(x);
            (low.shr32::<3>().add32(half), high.shr32::<3>().add32(half))
        };
        let (t0, t1) = (scaled(x[0].add16(x[4])), scaled(x[0].sub16(x[4])));
        let x26 = x[2].zip16(x[6]);
        let t2 = dots(x26, F_0_541, F_0_541 - F_1_847);
        let t3 = dots(x26, F_0_541 + F_0_765, F_0_541);
        let even = [plus(t0, t3), plus(t1, t2), minus(t1, t2), minus(t0, t3)];

        let z34 = x[7].add16(x[3]).zip16(x[5].add16(x[1]));
        let z3 = dots(z34, F_1_175 - F_1_961, F_1_175);
        let z4 = dots(z34, F_1_175, F_1_175 - F_0_390);
        let (x71, x53) = (x[7].zip16(x[1]), x[5].zip16(x[3]));
        let odd = [
            plus(dots(x71, -F_0_899, F_1_501 - F_0_899), z4),
            plus(dots(x53, -F_2_562, F_3_072 - F_2_562), z3),
            plus(dots(x53, F_2_053 - F_2_562, -F_2_562), z4),
            plus(dots(x71, F_0_298 - F_0_899, -F_0_899), z3),
        ];
        combine::<V, BITS>(even, odd)
    }
}

/// `idct::eight` where the last four of the eight are 0.
#[inline(always)]
unsafe fn eight_of_four<V: Vector, const BITS: i32>(x: [V; 4]) -> [V; 8] {
    use idct::*;
    const ONE: i32 = 1 << CONST_BITS;
    // SAFETY: the caller's machine has V.
    unsafe {
        let half = V::splat32(1 << (BITS - 1));
        let (x02, x13) = (x[0].zip16(x[2]), x[1].zip16(x[3]));
        let rounded = |sums: (V, V)| (sums.0.add32(half), sums.1.add32(half));
        let even = [
            rounded(dots(x02, ONE, F_0_541 + F_0_765)),
            rounded(dots(x02, ONE, F_0_541)),
            rounded(dots(x02, ONE, -F_0_541)),
            rounded(dots(x02, ONE, -F_0_541 - F_0_765)),
        ];
        let odd = [
            dots(x13, F_1_501 - F_0_899 + F_1_175 - F_0_390, F_1_175),
            dots(x13, F_1_175, F_3_072 - F_2_562 + F_1_175 - F_1_961),
            dots(x13, F_1_175 - F_0_390, F_1_175 - F_2_562),
            dots(x13, F_1_175 - F_0_899, F_1_175 - F_1_961),
        ];
        combine::<V, BITS>(even, odd)
    }
}

/// Rows and columns of i16 exchanged.
#[inline(always)]
unsafe fn transpose<V: Vector>(x: [V; 8]) -> [V; 8] {
    // SAFETY: the caller's machine has V.
    unsafe {
        let (a, b) = (x[0].zip16(x[4]), x[1].zip16(x[5]));
        let (c, d) = (x[2].zip16(x[6]), x[3].zip16(x[7]));
        let (e, f) = (a.0.zip16(c.0), a.1.zip16(c.1));
        let (g, h) = (b.0.zip16(d.0), b.1.zip16(d.1));
        let (i, j, k, l) = (e.0.zip16(g.0), e.1.zip16(g.1), f.0.zip16(h.0), f.1.zip16(h.1));
        [i.0, i.1, j.0, j.1, k.0, k.1, l.0, l.1]
    }
}

/// Narrows columns to samples, and stores them as rows.
///
/// # Safety
/// The machine must have V, and `out` must be good for 8 bytes in each of 8 rows, `stride` apart.
#[inline(always)]
unsafe fn store_columns<V: Vector>(x: [V; 8], out: *mut u8, stride: usize) {
    // SAFETY: as the caller says.
    unsafe {
        let (x04, x15) = (x[0].narrow16(x[4]), x[1].narrow16(x[5]));
        let (x26, x37) = (x[2].narrow16(x[6]), x[3].narrow16(x[7]));
        // Columns 0 and 2, 4 and 6; 1 and 3, 5 and 7.
        let (even, odd) = (x04.zip8(x26), x15.zip8(x37));
        // Columns 0 to 3 of rows 0 to 3 and 4 to 7; and columns 4 to 7.
        let (left, right) = (even.0.zip8(odd.0), even.1.zip8(odd.1));
        for (i, (left, right)) in [(left.0, right.0), (left.1, right.1)].into_iter().enumerate() {
            let (first, last) = left.zip32(right);
            let out = out.add(4 * i * stride);
            first.flip8().store_halves(out, out.add(stride));
            last.flip8().store_halves(out.add(2 * stride), out.add(3 * stride));
        }
    }
}

/// How many bytes a block of 8x8 samples spans.
fn span(stride: usize) -> usize {
    7 * stride + 8
}

const PASS1: i32 = (CONST_BITS - PASS1_BITS) as i32;
const PASS2: i32 = (CONST_BITS + PASS1_BITS + 3) as i32;

/// [`idct::idct_8x8`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn idct_8x8<V: Vector>(
    coefficients: &[i16; 64],
    quantisers: &[i16; 64],
    out: &mut [u8],
    stride: usize,
) {
    assert!(out.len() >= span(stride));
    // SAFETY: the machine has V; the arrays hold eight vectors each, and `out` spans a block.
    unsafe {
        let row = |of: &[i16; 64], y: usize| V::load(of.as_ptr().cast::<u8>().add(16 * y));
        let c: [V; 8] = std::array::from_fn(|y| row(coefficients, y));
        let x: [V; 8] = std::array::from_fn(|y| c[y].mul16(row(quantisers, y)));
        let below = c[1].or(c[2]).or(c[3].or(c[4])).or(c[5].or(c[6]).or(c[7]));
        let rows = if below.any() { eight::<V, PASS1>(x) } else { [x[0].shl16::<{ PASS1_BITS as i32 }>(); 8] };
        store_columns(eight::<V, PASS2>(transpose(rows)), out.as_mut_ptr(), stride);
    }
}

/// [`idct::idct_8x8`] where only the first four coefficients of the first four rows are other than 0.
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn idct_8x8_corner<V: Vector>(
    coefficients: &[i16; 64],
    quantisers: &[i16; 64],
    out: &mut [u8],
    stride: usize,
) {
    assert!(out.len() >= span(stride));
    // SAFETY: the machine has V; the arrays hold eight vectors each, and `out` spans a block.
    unsafe {
        let row = |of: &[i16; 64], y: usize| V::load(of.as_ptr().cast::<u8>().add(16 * y));
        let c: [V; 4] = std::array::from_fn(|y| row(coefficients, y));
        let x: [V; 4] = std::array::from_fn(|y| c[y].mul16(row(quantisers, y)));
        let below = c[1].or(c[2]).or(c[3]);
        let rows = if below.any() { eight_of_four::<V, PASS1>(x) } else { [x[0].shl16::<{ PASS1_BITS as i32 }>(); 8] };
        let columns = transpose(rows);
        let columns = eight_of_four::<V, PASS2>([columns[0], columns[1], columns[2], columns[3]]);
        store_columns(columns, out.as_mut_ptr(), stride);
    }
}

/// [`idct::idct_4x4`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn idct_4x4<V: Vector>(
    coefficients: &[i16; 64],
    quantisers: &[i16; 64],
    out: &mut [u8],
    stride: usize,
) {
    assert!(out.len() >= 3 * stride + 4);
    // SAFETY: the machine has V; the arrays hold eight vectors each, and `out` spans a block of 4x4.
    unsafe {
        let row = |of: &[i16; 64], y: usize| V::load(of.as_ptr().cast::<u8>().add(16 * y));
        let c: [V; 8] = std::array::from_fn(|y| row(coefficients, y));
        let x: [V; 8] = std::array::from_fn(|y| c[y].mul16(row(quantisers, y)));
        let below = c[1].or(c[2]).or(c[3]).or(c[5].or(c[6]).or(c[7]));
        let rows = if below.any() {
            let zipped = (V::splat16(0).zip16(x[0]), x[1].zip16(x[3]), x[5].zip16(x[7]), x[2].zip16(x[6]));
            let (x0, x13, x57, x26) = zipped;
            let low = four::<V, { PASS1 + 1 }>(x0.0, x13.0, x57.0, x26.0);
            let high = four::<V, { PASS1 + 1 }>(x0.1, x13.1, x57.1, x26.1);
            std::array::from_fn(|y| low[y].narrow32(high[y]))
        } else {
            [x[0].shl16::<{ PASS1_BITS as i32 }>(); 4]
        };
        // Columns 0 and 1, 2 and 3 …: four rows each.
        let (upper, lower) = (rows[0].zip16(rows[1]), rows[2].zip16(rows[3]));
        let (x01, x23) = upper.0.zip32(lower.0);
        let (x45, x67) = upper.1.zip32(lower.1);
        let x0 = V::splat16(0).zip16(x01).0;
        let columns = four::<V, { PASS2 + 1 }>(x0, x01.zip16(x23).1, x45.zip16(x67).1, x23.zip16(x67).0);
        let (left, right) = columns[0].narrow32(columns[2]).zip16(columns[1].narrow32(columns[3]));
        let (first, last) = left.zip32(right);
        first.narrow16(last).flip8().store_quarters(out.as_mut_ptr(), stride);
    }
}

/// One dimension of the 4-point transform: `x0` shifted to the left by 16, and the others in pairs.
#[inline(always)]
unsafe fn four<V: Vector, const BITS: i32>(x0: V, x13: V, x57: V, x26: V) -> [V; 4] {
    use idct::*;
    // SAFETY: the caller's machine has V.
    unsafe {
        let times = |x: V, a: i32, b: i32| x.dot(V::pairs(a as i16, b as i16));
        let t0 = x0.shr32::<2>().add32(V::splat32(1 << (BITS - 1)));
        let t2 = times(x26, F_1_847, -F_0_765);
        let (even0, even1) = (t0.add32(t2), t0.sub32(t2));
        let odd0 = times(x13, F_2_562, F_0_899).add32(times(x57, -F_0_601, -F_0_509));
        let odd1 = times(x13, F_1_061, -F_2_172).add32(times(x57, F_1_451, -F_0_211));
        let sums = [even0.add32(odd0), even1.add32(odd1), even1.sub32(odd1), even0.sub32(odd0)];
        [0, 1, 2, 3].map(|i: usize| sums[i].shr32::<BITS>())
    }
}
