//! Inverse transforms: all eight columns of a block at once, then all its rows.

use simd::{Bytes, BytesTask};

use crate::idct::*;

/// A block, and where its samples go.
pub(crate) struct Transform<'a> {
    pub(crate) coefficients: &'a [i16; 64],
    pub(crate) quantizers: &'a [i16; 64],
    pub(crate) out: &'a mut [u8],
    /// How far apart the rows of samples are.
    pub(crate) stride: usize,
}

/// To 8x8 samples.
pub(crate) struct Idct8x8<'a>(pub(crate) Transform<'a>);

/// To 8x8 samples where only the first four coefficients of the first four rows are other than 0.
pub(crate) struct Idct8x8Corner<'a>(pub(crate) Transform<'a>);

/// To 4x4 samples.
pub(crate) struct Idct4x4<'a>(pub(crate) Transform<'a>);

const PASS1: i32 = (CONST_BITS - PASS1_BITS) as i32;
const PASS2: i32 = (CONST_BITS + PASS1_BITS + 3) as i32;

impl BytesTask for Idct8x8<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self(block) = self;
        let (c, x) = block.dequantized::<B, 8>(bytes);
        let below = bytes.or(any3(bytes, c[1], c[2], c[3]), bytes.or(any3(bytes, c[4], c[5], c[6]), c[7]));
        let rows = if bytes.any(below) { eight::<B, PASS1>(bytes, x) } else { flat(bytes, x[0]) };
        block.store_columns(bytes, eight::<B, PASS2>(bytes, transposed(bytes, rows)));
    }
}

impl BytesTask for Idct8x8Corner<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self(block) = self;
        let (c, x) = block.dequantized::<B, 4>(bytes);
        let below = any3(bytes, c[1], c[2], c[3]);
        let rows = if bytes.any(below) { eight_of_four::<B, PASS1>(bytes, x) } else { flat(bytes, x[0]) };
        let [a, b, c, d, ..] = transposed(bytes, rows);
        block.store_columns(bytes, eight_of_four::<B, PASS2>(bytes, [a, b, c, d]));
    }
}

impl BytesTask for Idct4x4<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self(block) = self;
        assert!(block.out.len() >= 3 * block.stride + 4);
        let (c, x) = block.dequantized::<B, 8>(bytes);
        let zero = bytes.splat16(0);
        // The fifth row has no say.
        let below = bytes.or(any3(bytes, c[1], c[2], c[3]), any3(bytes, c[5], c[6], c[7]));
        let [a, b, c, d] = if bytes.any(below) {
            let (x0, x13) = (bytes.zip16(zero, x[0]), bytes.zip16(x[1], x[3]));
            let (x57, x26) = (bytes.zip16(x[5], x[7]), bytes.zip16(x[2], x[6]));
            let left = four::<B, { PASS1 + 1 }>(bytes, x0.0, x13.0, x57.0, x26.0);
            let right = four::<B, { PASS1 + 1 }>(bytes, x0.1, x13.1, x57.1, x26.1);
            [
                bytes.narrow32(left[0], right[0]),
                bytes.narrow32(left[1], right[1]),
                bytes.narrow32(left[2], right[2]),
                bytes.narrow32(left[3], right[3]),
            ]
        } else {
            [bytes.shl16::<{ PASS1_BITS as i32 }>(x[0]); 4]
        };
        // Columns 0 and 1, 2 and 3 …: four rows each.
        let (upper, lower) = (bytes.zip16(a, b), bytes.zip16(c, d));
        let (x01, x23) = bytes.zip32(upper.0, lower.0);
        let (x45, x67) = bytes.zip32(upper.1, lower.1);
        let x0 = bytes.zip16(zero, x01).0;
        let (x13, x57, x26) = (bytes.zip16(x01, x23).1, bytes.zip16(x45, x67).1, bytes.zip16(x23, x67).0);
        let columns = four::<B, { PASS2 + 1 }>(bytes, x0, x13, x57, x26);
        let (even, odd) = (bytes.narrow32(columns[0], columns[2]), bytes.narrow32(columns[1], columns[3]));
        let (left, right) = bytes.zip16(even, odd);
        let (first, last) = bytes.zip32(left, right);
        let samples = bytes.flip8(bytes.narrow16(first, last));
        // SAFETY: `out` spans four bytes in each of four rows.
        unsafe { bytes.store_quarters(block.out.as_mut_ptr(), block.stride, samples) }
    }
}

impl Transform<'_> {
    /// The first rows of coefficients, and what they are times their quantizers.
    #[inline(always)]
    fn dequantized<B: Bytes, const ROWS: usize>(&self, bytes: B) -> ([B::V; ROWS], [B::V; ROWS]) {
        let zero = bytes.splat16(0);
        let (mut coefficients, mut values) = ([zero; ROWS], [zero; ROWS]);
        let rows = self.coefficients.as_chunks::<8>().0.iter().zip(self.quantizers.as_chunks::<8>().0);
        for ((c, x), (row, quantizers)) in coefficients.iter_mut().zip(&mut values).zip(rows) {
            *c = load16(bytes, row);
            *x = bytes.mul16(*c, load16(bytes, quantizers));
        }
        (coefficients, values)
    }

    /// Narrows columns to samples, and stores them as rows.
    #[inline(always)]
    fn store_columns<B: Bytes>(self, bytes: B, x: [B::V; 8]) {
        let (out, stride) = (self.out, self.stride);
        assert!(out.len() >= 7 * stride + 8);
        let (x04, x15) = (bytes.narrow16(x[0], x[4]), bytes.narrow16(x[1], x[5]));
        let (x26, x37) = (bytes.narrow16(x[2], x[6]), bytes.narrow16(x[3], x[7]));
        // Columns 0 and 2, 4 and 6; 1 and 3, 5 and 7.
        let (even, odd) = (bytes.zip8(x04, x26), bytes.zip8(x15, x37));
        // Columns 0 to 3 of rows 0 to 3 and 4 to 7; and columns 4 to 7.
        let (left, right) = (bytes.zip8(even.0, odd.0), bytes.zip8(even.1, odd.1));
        for (i, (left, right)) in [(left.0, right.0), (left.1, right.1)].into_iter().enumerate() {
            let (first, last) = bytes.zip32(left, right);
            // SAFETY: `out` spans eight bytes in each of eight rows, of which these are four.
            unsafe {
                let out = out.as_mut_ptr().add(4 * i * stride);
                bytes.store_halves(out, out.add(stride), bytes.flip8(first));
                bytes.store_halves(out.add(2 * stride), out.add(3 * stride), bytes.flip8(last));
            }
        }
    }
}

/// A vector of coefficients.
#[inline(always)]
fn load16<B: Bytes>(bytes: B, row: &[i16; 8]) -> B::V {
    // SAFETY: eight of two bytes are a vector.
    unsafe { bytes.load(row.as_ptr().cast()) }
}

/// All their bits.
#[inline(always)]
fn any3<B: Bytes>(bytes: B, a: B::V, b: B::V, c: B::V) -> B::V {
    bytes.or(bytes.or(a, b), c)
}

/// What the first pass makes of a row above nothing but zeros.
#[inline(always)]
fn flat<B: Bytes>(bytes: B, row: B::V) -> [B::V; 8] {
    [bytes.shl16::<{ PASS1_BITS as i32 }>(row); 8]
}

/// i32x4 for each half of the lanes.
type Wide<B> = (<B as Bytes>::V, <B as Bytes>::V);

#[inline(always)]
fn plus<B: Bytes>(bytes: B, a: Wide<B>, b: Wide<B>) -> Wide<B> {
    (bytes.add32(a.0, b.0), bytes.add32(a.1, b.1))
}

#[inline(always)]
fn minus<B: Bytes>(bytes: B, a: Wide<B>, b: Wide<B>) -> Wide<B> {
    (bytes.sub32(a.0, b.0), bytes.sub32(a.1, b.1))
}

/// Divided by 2^`BITS` and narrowed; what is too large for 16 bits then may come out as less, but not as less than 2^8.
///
/// The last bits are shifted out after narrowing: where what comes out is narrowed once more, a compiler that knows both
/// steps makes one of them for WebAssembly, which has no instruction for it.
#[inline(always)]
fn narrowed<B: Bytes, const BITS: i32>(bytes: B, a: Wide<B>) -> B::V {
    match BITS {
        PASS1 => bytes.narrow32(bytes.shr32::<PASS1>(a.0), bytes.shr32::<PASS1>(a.1)),
        _ => bytes.shr16_signed::<LAST>(bytes.narrow32(bytes.shr32::<FIRST>(a.0), bytes.shr32::<FIRST>(a.1))),
    }
}

/// The two parts of `PASS2`.
const FIRST: i32 = PASS2 - LAST;
const LAST: i32 = 7;

/// Both halves of `zipped`, each times the pair of constants.
#[inline(always)]
fn dots<B: Bytes>(bytes: B, zipped: Wide<B>, a: i32, b: i32) -> Wide<B> {
    let pairs = bytes.pairs16(a as i16, b as i16);
    (bytes.dot16(zipped.0, pairs), bytes.dot16(zipped.1, pairs))
}

/// The even and odd halves of one dimension of the transform, combined, rounded and narrowed: rows 0 to 7.
///
/// `even` and `odd` are the four sums of each half of the lanes, `even` with half a unit of `BITS` added.
#[inline(always)]
fn combined<B: Bytes, const BITS: i32>(bytes: B, even: [Wide<B>; 4], odd: [Wide<B>; 4]) -> [B::V; 8] {
    [
        narrowed::<B, BITS>(bytes, plus(bytes, even[0], odd[0])),
        narrowed::<B, BITS>(bytes, plus(bytes, even[1], odd[1])),
        narrowed::<B, BITS>(bytes, plus(bytes, even[2], odd[2])),
        narrowed::<B, BITS>(bytes, plus(bytes, even[3], odd[3])),
        narrowed::<B, BITS>(bytes, minus(bytes, even[3], odd[3])),
        narrowed::<B, BITS>(bytes, minus(bytes, even[2], odd[2])),
        narrowed::<B, BITS>(bytes, minus(bytes, even[1], odd[1])),
        narrowed::<B, BITS>(bytes, minus(bytes, even[0], odd[0])),
    ]
}

/// Times 2^13, in 32 bits, and `half` added.
#[inline(always)]
fn scaled<B: Bytes>(bytes: B, x: B::V, half: B::V) -> Wide<B> {
    // Shifted to the left by 16 through the zip, and 3 of that back.
    let (low, high) = bytes.zip16(bytes.splat16(0), x);
    (bytes.add32(bytes.shr32::<3>(low), half), bytes.add32(bytes.shr32::<3>(high), half))
}

/// One dimension of the 8-point transform, of eight columns at once, and descaling.
#[inline(always)]
fn eight<B: Bytes, const BITS: i32>(bytes: B, x: [B::V; 8]) -> [B::V; 8] {
    let half = bytes.splat32(1 << (BITS - 1));
    let t0 = scaled(bytes, bytes.add16(x[0], x[4]), half);
    let t1 = scaled(bytes, bytes.sub16(x[0], x[4]), half);
    let x26 = bytes.zip16(x[2], x[6]);
    let t2 = dots(bytes, x26, F_0_541, F_0_541 - F_1_847);
    let t3 = dots(bytes, x26, F_0_541 + F_0_765, F_0_541);
    let even = [plus(bytes, t0, t3), plus(bytes, t1, t2), minus(bytes, t1, t2), minus(bytes, t0, t3)];

    let z34 = bytes.zip16(bytes.add16(x[7], x[3]), bytes.add16(x[5], x[1]));
    let z3 = dots(bytes, z34, F_1_175 - F_1_961, F_1_175);
    let z4 = dots(bytes, z34, F_1_175, F_1_175 - F_0_390);
    let (x71, x53) = (bytes.zip16(x[7], x[1]), bytes.zip16(x[5], x[3]));
    let odd = [
        plus(bytes, dots(bytes, x71, -F_0_899, F_1_501 - F_0_899), z4),
        plus(bytes, dots(bytes, x53, -F_2_562, F_3_072 - F_2_562), z3),
        plus(bytes, dots(bytes, x53, F_2_053 - F_2_562, -F_2_562), z4),
        plus(bytes, dots(bytes, x71, F_0_298 - F_0_899, -F_0_899), z3),
    ];
    combined::<B, BITS>(bytes, even, odd)
}

/// [`eight`] where the last four of the eight are 0.
#[inline(always)]
fn eight_of_four<B: Bytes, const BITS: i32>(bytes: B, x: [B::V; 4]) -> [B::V; 8] {
    const ONE: i32 = 1 << CONST_BITS;
    let half = bytes.splat32(1 << (BITS - 1));
    let half = (half, half);
    let (x02, x13) = (bytes.zip16(x[0], x[2]), bytes.zip16(x[1], x[3]));
    let even = [
        plus(bytes, dots(bytes, x02, ONE, F_0_541 + F_0_765), half),
        plus(bytes, dots(bytes, x02, ONE, F_0_541), half),
        plus(bytes, dots(bytes, x02, ONE, -F_0_541), half),
        plus(bytes, dots(bytes, x02, ONE, -F_0_541 - F_0_765), half),
    ];
    let odd = [
        dots(bytes, x13, F_1_501 - F_0_899 + F_1_175 - F_0_390, F_1_175),
        dots(bytes, x13, F_1_175, F_3_072 - F_2_562 + F_1_175 - F_1_961),
        dots(bytes, x13, F_1_175 - F_0_390, F_1_175 - F_2_562),
        dots(bytes, x13, F_1_175 - F_0_899, F_1_175 - F_1_961),
    ];
    combined::<B, BITS>(bytes, even, odd)
}

/// One dimension of the 4-point transform: `x0` shifted to the left by 16, and the others in pairs.
#[inline(always)]
fn four<B: Bytes, const BITS: i32>(bytes: B, x0: B::V, x13: B::V, x57: B::V, x26: B::V) -> [B::V; 4] {
    let t0 = bytes.add32(bytes.shr32::<2>(x0), bytes.splat32(1 << (BITS - 1)));
    let t2 = dot(bytes, x26, F_1_847, -F_0_765);
    let (even0, even1) = (bytes.add32(t0, t2), bytes.sub32(t0, t2));
    let odd0 = bytes.add32(dot(bytes, x13, F_2_562, F_0_899), dot(bytes, x57, -F_0_601, -F_0_509));
    let odd1 = bytes.add32(dot(bytes, x13, F_1_061, -F_2_172), dot(bytes, x57, F_1_451, -F_0_211));
    [
        bytes.shr32::<BITS>(bytes.add32(even0, odd0)),
        bytes.shr32::<BITS>(bytes.add32(even1, odd1)),
        bytes.shr32::<BITS>(bytes.sub32(even1, odd1)),
        bytes.shr32::<BITS>(bytes.sub32(even0, odd0)),
    ]
}

#[inline(always)]
fn dot<B: Bytes>(bytes: B, x: B::V, a: i32, b: i32) -> B::V {
    bytes.dot16(x, bytes.pairs16(a as i16, b as i16))
}

/// Rows and columns of i16 exchanged.
#[inline(always)]
fn transposed<B: Bytes>(bytes: B, x: [B::V; 8]) -> [B::V; 8] {
    let (a, b) = (bytes.zip16(x[0], x[4]), bytes.zip16(x[1], x[5]));
    let (c, d) = (bytes.zip16(x[2], x[6]), bytes.zip16(x[3], x[7]));
    let (e, f) = (bytes.zip16(a.0, c.0), bytes.zip16(a.1, c.1));
    let (g, h) = (bytes.zip16(b.0, d.0), bytes.zip16(b.1, d.1));
    let (i, j) = (bytes.zip16(e.0, g.0), bytes.zip16(e.1, g.1));
    let (k, l) = (bytes.zip16(f.0, h.0), bytes.zip16(f.1, h.1));
    [i.0, i.1, j.0, j.1, k.0, k.1, l.0, l.1]
}
