//! Upsampling and colors: 8 or 16 samples of a row at a time. What is left at the end is done by a last step that
//! overlaps the one before, or by the scalar formula.

use simd::{Bytes, BytesTask};

use crate::{color, upsample};

/// [`upsample::horizontal`].
pub(crate) struct Horizontal<'a> {
    pub(crate) row: &'a [u8],
    pub(crate) out: &'a mut [u8],
}

/// [`upsample::vertical`].
pub(crate) struct Vertical<'a> {
    pub(crate) near: &'a [u8],
    pub(crate) far: &'a [u8],
    pub(crate) below: bool,
    pub(crate) out: &'a mut [u8],
}

/// [`upsample::both`].
pub(crate) struct Both<'a> {
    pub(crate) near: &'a [u8],
    pub(crate) far: &'a [u8],
    pub(crate) out: &'a mut [u8],
}

/// [`color::ycc_to_rgb`].
pub(crate) struct YccToRgb<'a> {
    pub(crate) y: &'a [u8],
    pub(crate) cb: &'a [u8],
    pub(crate) cr: &'a [u8],
    pub(crate) out: &'a mut [u8],
}

impl BytesTask for Horizontal<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { row, out } = self;
        let width = row.len();
        assert!(out.len() >= 2 * width);
        // Eight at a time, with a neighbor on either side; the edges are left to the twin's formula.
        if width < 10 {
            return upsample::horizontal(row, out);
        }
        for x in [0, width - 1] {
            let pair = upsample::horizontal_pair(row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)]);
            out[2 * x..2 * x + 2].copy_from_slice(&pair);
        }
        let (one, two, three) = (bytes.splat16(1), bytes.splat16(2), bytes.splat16(3));
        let mut x = 1;
        loop {
            // SAFETY: x is from 1 to width − 9, so that x − 1 to x + 8 lie in the row.
            let (before, at, after) = unsafe {
                let from = row.as_ptr().add(x);
                (bytes.load_wide(from.sub(1)), bytes.load_wide(from), bytes.load_wide(from.add(1)))
            };
            let thrice = bytes.mul16(at, three);
            let even = bytes.shr16::<2>(bytes.add16(bytes.add16(thrice, before), one));
            let odd = bytes.shr16::<2>(bytes.add16(bytes.add16(thrice, after), two));
            // SAFETY: twice x + 8 lies in `out`.
            unsafe { bytes.store(out.as_mut_ptr().add(2 * x), bytes.or(even, bytes.shl16::<8>(odd))) };
            if x == width - 9 {
                break;
            }
            // The last step overlaps the one before.
            x = (x + 8).min(width - 9);
        }
    }
}

impl BytesTask for Vertical<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { near, far, below, out } = self;
        let width = near.len();
        assert!(far.len() == width && out.len() >= width);
        if width < 16 {
            return upsample::vertical(near, far, below, out);
        }
        let bias = bytes.splat16(if below { 2 } else { 1 });
        let mut x = 0;
        loop {
            // SAFETY: x is at most width − 16, and the rows are equally long.
            let (first, last) = unsafe {
                let (near, far) = (near.as_ptr().add(x), far.as_ptr().add(x));
                (weighted(bytes, near, far), weighted(bytes, near.add(8), far.add(8)))
            };
            let first = bytes.shr16::<2>(bytes.add16(first, bias));
            let last = bytes.shr16::<2>(bytes.add16(last, bias));
            // SAFETY: `out` is as long as the rows.
            unsafe { bytes.store(out.as_mut_ptr().add(x), bytes.narrow16_unsigned(first, last)) };
            if x == width - 16 {
                break;
            }
            x = (x + 16).min(width - 16);
        }
    }
}

impl BytesTask for Both<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { near, far, out } = self;
        let width = near.len();
        assert!(far.len() == width && out.len() >= 2 * width);
        if width < 16 {
            return upsample::both(near, far, out);
        }
        // One sample, as a vector's neighbor. Beyond the edges of a row there is the last sample itself.
        let edge = |x: usize| bytes.splat16(upsample::weighted(near[x], far[x]) as i16);
        let mut before = edge(0);
        // SAFETY: the rows have 16 samples at least.
        let mut at = unsafe { weighted(bytes, near.as_ptr(), far.as_ptr()) };
        let mut x = 0;
        while x + 8 < width {
            let next = if x + 16 <= width {
                // SAFETY: both rows have x + 16 samples.
                unsafe { weighted(bytes, near.as_ptr().add(x + 8), far.as_ptr().add(x + 8)) }
            } else {
                edge(x + 8)
            };
            // SAFETY: twice x + 8 lies in `out`.
            unsafe { bytes.store(out.as_mut_ptr().add(2 * x), pairs(bytes, before, at, next)) };
            (before, at) = (at, next);
            x += 8;
        }
        // The last step overlaps the one before.
        let x = width - 8;
        // SAFETY: from x on there are eight samples, and twice as many in `out`.
        unsafe {
            let at = weighted(bytes, near.as_ptr().add(x), far.as_ptr().add(x));
            let pairs = pairs(bytes, edge(x - 1), at, edge(width - 1));
            bytes.store(out.as_mut_ptr().add(2 * x), pairs);
        }
    }
}

/// The sixteen samples that come of the eight weighted ones in `at`, which lie between `before` and `next`.
#[inline(always)]
fn pairs<B: Bytes>(bytes: B, before: B::V, at: B::V, next: B::V) -> B::V {
    let thrice = bytes.mul16(at, bytes.splat16(3));
    let even = bytes.add16(bytes.add16(thrice, bytes.after16(at, before)), bytes.splat16(8));
    let odd = bytes.add16(bytes.add16(thrice, bytes.before16(at, next)), bytes.splat16(7));
    bytes.or(bytes.shr16::<4>(even), bytes.shl16::<8>(bytes.shr16::<4>(odd)))
}

impl BytesTask for YccToRgb<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { y, cb, cr, out } = self;
        let width = y.len();
        assert!(cb.len() >= width && cr.len() >= width && out.len() >= 3 * width);
        if width < 16 {
            return color::ycc_to_rgb(y, cb, cr, out);
        }
        let mut x = 0;
        loop {
            // SAFETY: x is at most width − 16, and no row is shorter.
            let (first, last) = unsafe {
                let (y, cb, cr) = (y.as_ptr().add(x), cb.as_ptr().add(x), cr.as_ptr().add(x));
                (rgb(bytes, y, cb, cr), rgb(bytes, y.add(8), cb.add(8), cr.add(8)))
            };
            let r = bytes.flip8(bytes.narrow16(first[0], last[0]));
            let g = bytes.flip8(bytes.narrow16(first[1], last[1]));
            let b = bytes.flip8(bytes.narrow16(first[2], last[2]));
            // SAFETY: `out` is three times as long as the row.
            unsafe { bytes.store_interleaved(out.as_mut_ptr().add(3 * x), r, g, b) };
            if x == width - 16 {
                break;
            }
            x = (x + 16).min(width - 16);
        }
    }
}

/// i16x8: three times the sample that is near and once the one that is far.
///
/// # Safety
/// There are eight samples.
#[inline(always)]
unsafe fn weighted<B: Bytes>(bytes: B, near: *const u8, far: *const u8) -> B::V {
    // SAFETY: as the caller says.
    let (near, far) = unsafe { (bytes.load_wide(near), bytes.load_wide(far)) };
    bytes.add16(bytes.mul16(near, bytes.splat16(3)), far)
}

/// Red, green and blue of eight pixels less 128, in i16x8, not yet clamped: to narrow them with their signs is one
/// instruction everywhere.
///
/// # Safety
/// There are eight samples.
#[inline(always)]
unsafe fn rgb<B: Bytes>(bytes: B, y: *const u8, cb: *const u8, cr: *const u8) -> [B::V; 3] {
    // 1.402 and 1.772, for twice the value and 15 fractional bits: not exactly color.rs's constants, but what comes out is
    // the same for all 256 values.
    let (red, blue) = (bytes.splat16(22971), bytes.splat16(29033));
    let green = bytes.pairs16(-(color::CB_GREEN / 2) as i16, -(color::CR_GREEN / 2) as i16);
    let (center, half) = (bytes.splat16(128), bytes.splat32(1 << 15));
    // SAFETY: as the caller says.
    let (y, cb, cr) = unsafe { (bytes.load_wide(y), bytes.load_wide(cb), bytes.load_wide(cr)) };
    let y = bytes.sub16(y, center);
    let cb = bytes.shl16::<1>(bytes.sub16(cb, center));
    let cr = bytes.shl16::<1>(bytes.sub16(cr, center));
    let (low, high) = bytes.zip16(cb, cr);
    let low = bytes.shr32::<16>(bytes.add32(bytes.dot16(low, green), half));
    let high = bytes.shr32::<16>(bytes.add32(bytes.dot16(high, green), half));
    [
        bytes.add16(y, bytes.mul_round16(cr, red)),
        bytes.add16(y, bytes.narrow32(low, high)),
        bytes.add16(y, bytes.mul_round16(cb, blue)),
    ]
}
