//! Smoothing across the edges of blocks (RFC 6386, section 15), 16 samples at a time.
//!
//! An edge between columns is turned into one between rows, and back. In between sums are of signed bytes and clamped,
//! as the format wants them.

use simd::{Bytes, BytesTask};

use super::header::{FilterKind, Strength};
use super::planes::Planes;

/// A row of macroblocks, whose edges are to be smoothed: those to the left and above of each, and the ones within.
pub(super) struct Smooth<'a> {
    pub(super) planes: &'a mut Planes,
    pub(super) kind: FilterKind,
    pub(super) strengths: &'a [Strength],
    /// Is it the picture's first row?
    pub(super) is_first: bool,
}

impl BytesTask for Smooth<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        for (x, strength) in self.strengths.iter().enumerate() {
            if strength.limit == 0 {
                continue;
            }
            let between = Limits::new(bytes, strength, 4);
            let within = Limits::new(bytes, strength, 0);
            let inner = if strength.inner { 1..4 } else { 1..1 };
            let simple = self.kind == FilterKind::Simple;
            let mut y = self.planes.brightness(x);
            if simple {
                if x > 0 {
                    y.columns(bytes, 0, |x| smooth_simple(bytes, x, &between));
                }
                inner.clone().for_each(|edge| y.columns(bytes, 4 * edge, |x| smooth_simple(bytes, x, &within)));
                if !self.is_first {
                    y.rows(bytes, 0, |x| smooth_simple(bytes, x, &between));
                }
                inner.for_each(|edge| y.rows(bytes, 4 * edge, |x| smooth_simple(bytes, x, &within)));
                continue;
            }
            if x > 0 {
                y.columns(bytes, 0, |x| smooth_between(bytes, x, &between));
            }
            inner.clone().for_each(|edge| y.columns(bytes, 4 * edge, |x| smooth_within(bytes, x, &within)));
            if !self.is_first {
                y.rows(bytes, 0, |x| smooth_between(bytes, x, &between));
            }
            inner.clone().for_each(|edge| y.rows(bytes, 4 * edge, |x| smooth_within(bytes, x, &within)));

            let mut colors = self.planes.colors(x);
            if x > 0 {
                colors.columns(bytes, 0, |x| smooth_between(bytes, x, &between));
            }
            if strength.inner {
                colors.columns(bytes, 4, |x| smooth_within(bytes, x, &within));
            }
            if !self.is_first {
                colors.rows(bytes, 0, |x| smooth_between(bytes, x, &between));
            }
            if strength.inner {
                colors.rows(bytes, 4, |x| smooth_within(bytes, x, &within));
            }
        }
    }
}

/// Sixteen samples along an edge: two halves of eight, rows or columns `stride` apart in the planes.
///
/// Both halves are of brightness, one above the other, or one of each color.
pub(super) struct Samples<'a> {
    /// The first half's, from four rows above the macroblock and four samples to the left on; and the other half's.
    halves: [&'a mut [u8]; 2],
    stride: usize,
    /// Where the macroblock begins in each.
    at: [usize; 2],
}

impl<'a> Samples<'a> {
    /// Of macroblocks that begin at `at` in both `halves`, with four rows above and four samples to the left, or with
    /// none at the beginning of a row.
    pub(super) fn colors(halves: [&'a mut [u8]; 2], stride: usize, at: usize) -> Self {
        Self { halves, stride, at: [at; 2] }
    }

    /// Smooths the edge above row `row`. Samples are those of four rows above it and four below.
    #[inline(always)]
    fn rows<B: Bytes>(&mut self, bytes: B, row: usize, smooth: impl FnOnce([B::V; 8]) -> [B::V; 8]) {
        let stride = self.stride;
        let [first, last] = self.starts(row, 0, 4 * stride, 3 * stride + 8);
        // SAFETY: from the starts on there are eight rows of eight samples.
        unsafe {
            let mut x = [bytes.splat8(0); 8];
            for (y, x) in x.iter_mut().enumerate() {
                *x = bytes.load_halves(first.add(y * stride), last.add(y * stride));
            }
            for (y, x) in smooth(x).into_iter().enumerate().skip(1).take(6) {
                bytes.store_halves(first.add(y * stride), last.add(y * stride), x);
            }
        }
    }

    /// Smooths the edge to the left of column `column`.
    #[inline(always)]
    fn columns<B: Bytes>(&mut self, bytes: B, column: usize, smooth: impl FnOnce([B::V; 8]) -> [B::V; 8]) {
        let stride = self.stride;
        let [first, last] = self.starts(0, column, 4, 7 * stride + 4);
        // SAFETY: from the starts on there are eight rows of eight samples.
        unsafe { turned(bytes, first, last, stride, smooth) }
    }

    /// Pointers to `before` samples before the given place in both halves, behind which there are `after`.
    #[inline(always)]
    fn starts(&mut self, row: usize, column: usize, before: usize, after: usize) -> [*mut u8; 2] {
        let [a, b] = &mut self.halves;
        let place = row * self.stride + column;
        let [a_at, b_at] = self.at.map(|at| at + place);
        [a[a_at - before..a_at + after].as_mut_ptr(), b[b_at - before..b_at + after].as_mut_ptr()]
    }
}

/// Sixteen samples of brightness.
pub(super) struct Brightness<'a> {
    pub(super) plane: &'a mut [u8],
    pub(super) stride: usize,
    /// Where the macroblock begins.
    pub(super) at: usize,
}

impl Brightness<'_> {
    #[inline(always)]
    fn rows<B: Bytes>(&mut self, bytes: B, row: usize, smooth: impl FnOnce([B::V; 8]) -> [B::V; 8]) {
        let (at, stride) = (self.at + row * self.stride, self.stride);
        let start = self.plane[at - 4 * stride..at + 3 * stride + 16].as_mut_ptr();
        // SAFETY: from the start on there are eight rows of sixteen samples.
        unsafe {
            let mut x = [bytes.splat8(0); 8];
            for (y, x) in x.iter_mut().enumerate() {
                *x = bytes.load(start.add(y * stride));
            }
            for (y, x) in smooth(x).into_iter().enumerate().skip(1).take(6) {
                bytes.store(start.add(y * stride), x);
            }
        }
    }

    #[inline(always)]
    fn columns<B: Bytes>(&mut self, bytes: B, column: usize, smooth: impl FnOnce([B::V; 8]) -> [B::V; 8]) {
        let (at, stride) = (self.at + column, self.stride);
        let start = self.plane[at - 4..at + 15 * stride + 4].as_mut_ptr();
        // SAFETY: from the start on there are sixteen rows of eight samples.
        unsafe { turned(bytes, start, start.add(8 * stride), stride, smooth) }
    }
}

/// Applies `smooth` to eight columns of eight rows from `first` on and eight from `last` on.
///
/// # Safety
/// They are valid for reading and writing these.
#[inline(always)]
unsafe fn turned<B: Bytes>(
    bytes: B,
    first: *mut u8,
    last: *mut u8,
    stride: usize,
    smooth: impl FnOnce([B::V; 8]) -> [B::V; 8],
) {
    let mut x = [bytes.splat8(0); 8];
    for (y, x) in x.iter_mut().enumerate() {
        // SAFETY: as the caller says.
        let (a, b) = unsafe { (bytes.load_wide(first.add(y * stride)), bytes.load_wide(last.add(y * stride))) };
        *x = bytes.or(a, bytes.shl16::<8>(b));
    }
    let x = shuffled(bytes, shuffled(bytes, shuffled(bytes, x)));
    let x = smooth(x);
    let rows = shuffled(bytes, shuffled(bytes, shuffled(bytes, x)));
    for (y, pair) in rows.into_iter().enumerate() {
        let half = if y < 4 { first } else { last };
        // SAFETY: as the caller says.
        unsafe {
            let row = half.add(2 * (y % 4) * stride);
            bytes.store_halves(row, row.add(stride), pair);
        }
    }
}

/// A step of a perfect shuffle: each of the first four vectors, byte by byte, with its counterpart of the other four.
#[inline(always)]
fn shuffled<B: Bytes>(bytes: B, [a, b, c, d, e, f, g, h]: [B::V; 8]) -> [B::V; 8] {
    let ((ae, ea), (bf, fb)) = (bytes.zip8(a, e), bytes.zip8(b, f));
    let ((cg, gc), (dh, hd)) = (bytes.zip8(c, g), bytes.zip8(d, h));
    [ae, ea, bf, fb, cg, gc, dh, hd]
}

/// A strength, as vectors.
struct Limits<B: Bytes> {
    edge: B::V,
    inner: B::V,
    high_variance: B::V,
}

impl<B: Bytes> Limits<B> {
    #[inline(always)]
    fn new(bytes: B, strength: &Strength, more: u8) -> Self {
        Self {
            edge: bytes.splat8(strength.limit + more),
            inner: bytes.splat8(strength.inner_limit),
            high_variance: bytes.splat8(strength.high_variance),
        }
    }
}

/// Where the step over the edge is small enough to be smoothed away.
#[inline(always)]
fn is_small<B: Bytes>(bytes: B, [_, _, p1, p0, q0, q1, ..]: [B::V; 8], limits: &Limits<B>) -> B::V {
    // Half of each byte: a shift of 16 bits brings in the neighbor's lowest one, which is cleared before.
    let outer = bytes.and(difference(bytes, p1, q1), bytes.splat8(0xfe));
    let step = difference(bytes, p0, q0);
    let sum = bytes.add_unsigned8(bytes.add_unsigned8(step, step), bytes.shr16::<1>(outer));
    at_most(bytes, sum, limits.edge)
}

/// The same, where the samples on both sides are smooth themselves.
#[inline(always)]
fn is_smooth<B: Bytes>(bytes: B, x: [B::V; 8], limits: &Limits<B>) -> B::V {
    let mut most = difference(bytes, x[0], x[1]);
    for (a, b) in [(x[1], x[2]), (x[2], x[3]), (x[4], x[5]), (x[5], x[6]), (x[6], x[7])] {
        most = larger(bytes, most, difference(bytes, a, b));
    }
    bytes.and(at_most(bytes, most, limits.inner), is_small(bytes, x, limits))
}

/// Where there is no high variance next to the edge.
#[inline(always)]
fn is_low<B: Bytes>(bytes: B, x: [B::V; 8], limits: &Limits<B>) -> B::V {
    let most = larger(bytes, difference(bytes, x[2], x[3]), difference(bytes, x[4], x[5]));
    at_most(bytes, most, limits.high_variance)
}

#[inline(always)]
fn difference<B: Bytes>(bytes: B, a: B::V, b: B::V) -> B::V {
    bytes.or(bytes.sub_unsigned8(a, b), bytes.sub_unsigned8(b, a))
}

#[inline(always)]
fn larger<B: Bytes>(bytes: B, a: B::V, b: B::V) -> B::V {
    bytes.add_unsigned8(bytes.sub_unsigned8(a, b), b)
}

#[inline(always)]
fn at_most<B: Bytes>(bytes: B, a: B::V, limit: B::V) -> B::V {
    bytes.equal8(bytes.sub_unsigned8(a, limit), bytes.splat8(0))
}

/// Three times the step over the edge, and once what `outer` has kept of the step beyond.
#[inline(always)]
fn base<B: Bytes>(bytes: B, outer: B::V, p0: B::V, q0: B::V) -> B::V {
    let step = bytes.sub_clamped8(q0, p0);
    bytes.add_clamped8(bytes.add_clamped8(bytes.add_clamped8(outer, step), step), step)
}

/// Moves the samples next to the edge by an eighth of `delta` each. Gives what the right one is moved by.
#[inline(always)]
fn move_by<B: Bytes>(bytes: B, delta: B::V, p0: &mut B::V, q0: &mut B::V) -> B::V {
    let left = bytes.shr8::<3>(bytes.add_clamped8(delta, bytes.splat8(3)));
    let right = bytes.shr8::<3>(bytes.add_clamped8(delta, bytes.splat8(4)));
    *p0 = bytes.add_clamped8(*p0, left);
    *q0 = bytes.sub_clamped8(*q0, right);
    right
}

/// Between signed and unsigned samples.
#[inline(always)]
fn flipped<B: Bytes>(bytes: B, x: [B::V; 8]) -> [B::V; 8] {
    let flip = |x| bytes.flip8(x);
    [x[0], flip(x[1]), flip(x[2]), flip(x[3]), flip(x[4]), flip(x[5]), flip(x[6]), x[7]]
}

#[inline(always)]
fn smooth_simple<B: Bytes>(bytes: B, x: [B::V; 8], limits: &Limits<B>) -> [B::V; 8] {
    let mask = is_small(bytes, x, limits);
    let mut x = flipped(bytes, x);
    let [_, _, p1, mut p0, mut q0, q1, ..] = x;
    let delta = base(bytes, bytes.sub_clamped8(p1, q1), p0, q0);
    move_by(bytes, bytes.and(delta, mask), &mut p0, &mut q0);
    (x[3], x[4]) = (p0, q0);
    flipped(bytes, x)
}

/// Within a macroblock.
#[inline(always)]
fn smooth_within<B: Bytes>(bytes: B, x: [B::V; 8], limits: &Limits<B>) -> [B::V; 8] {
    let (mask, low) = (is_smooth(bytes, x, limits), is_low(bytes, x, limits));
    let mut x = flipped(bytes, x);
    let [_, _, p1, mut p0, mut q0, q1, ..] = x;
    let outer = bytes.and_not(bytes.sub_clamped8(p1, q1), low);
    let delta = bytes.and(base(bytes, outer, p0, q0), mask);
    let moved = move_by(bytes, delta, &mut p0, &mut q0);
    // Half of it, rounded, for the next ones.
    let half = bytes.and(bytes.shr8::<1>(bytes.add_clamped8(moved, bytes.splat8(1))), low);
    x[2] = bytes.add_clamped8(p1, half);
    x[5] = bytes.sub_clamped8(q1, half);
    (x[3], x[4]) = (p0, q0);
    flipped(bytes, x)
}

/// Between macroblocks.
#[inline(always)]
fn smooth_between<B: Bytes>(bytes: B, x: [B::V; 8], limits: &Limits<B>) -> [B::V; 8] {
    let (mask, low) = (is_smooth(bytes, x, limits), is_low(bytes, x, limits));
    let mut x = flipped(bytes, x);
    let [_, p2, p1, mut p0, mut q0, q1, q2, _] = x;
    let delta = bytes.and(base(bytes, bytes.sub_clamped8(p1, q1), p0, q0), mask);
    move_by(bytes, bytes.and_not(delta, low), &mut p0, &mut q0);

    // 9, 18 and 27 of 128 parts, rounded, in 16 bits.
    let delta = bytes.and(delta, low);
    let (first, last) = bytes.zip8(bytes.splat8(0), delta);
    let nine = bytes.splat16(9);
    let ninths = [bytes.mul16(bytes.shr16_signed::<8>(first), nine), bytes.mul16(bytes.shr16_signed::<8>(last), nine)];
    let half = bytes.splat16(63);
    let mut sums = [bytes.add16(ninths[0], half), bytes.add16(ninths[1], half)];
    let mut next = |p: B::V, q: B::V| {
        let part = bytes.narrow16(bytes.shr16_signed::<7>(sums[0]), bytes.shr16_signed::<7>(sums[1]));
        sums = [bytes.add16(sums[0], ninths[0]), bytes.add16(sums[1], ninths[1])];
        (bytes.add_clamped8(p, part), bytes.sub_clamped8(q, part))
    };
    (x[1], x[6]) = next(p2, q2);
    (x[2], x[5]) = next(p1, q1);
    (x[3], x[4]) = next(p0, q0);
    flipped(bytes, x)
}
