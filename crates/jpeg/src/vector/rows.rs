//! Upsampling and colours: 8 or 16 samples of a row at a time. What is left at the end is done by a last step that
//! overlaps the one before, or by the scalar formula.

use super::Vector;
use crate::{color, upsample};

/// [`upsample::horizontal`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn horizontal<V: Vector>(row: &[u8], out: &mut [u8]) {
    let width = row.len();
    assert!(out.len() >= 2 * width);
    // Eight at a time, with a neighbour on either side; the edges are left to the twin.
    if width < 10 {
        return upsample::horizontal(row, out);
    }
    let edge = |x: usize, out: &mut [u8]| {
        let (before, at, after) = (row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)]);
        let (before, at, after) = (u32::from(before), 3 * u32::from(at), u32::from(after));
        out[2 * x] = ((at + before + 1) >> 2) as u8;
        out[2 * x + 1] = ((at + after + 2) >> 2) as u8;
    };
    edge(0, out);
    edge(width - 1, out);
    // SAFETY: the machine has V; `x` is from 1 to width − 9, so that x − 1 to x + 8 lie in the row, and twice x + 8 in
    // `out`.
    unsafe {
        let (one, two, three) = (V::splat16(1), V::splat16(2), V::splat16(3));
        let mut x = 1;
        loop {
            let from = row.as_ptr().add(x);
            let at = V::load_wide(from).mul16(three);
            let even = at.add16(V::load_wide(from.sub(1))).add16(one).shr16::<2>();
            let odd = at.add16(V::load_wide(from.add(1))).add16(two).shr16::<2>();
            even.or(odd.shl16::<8>()).store(out.as_mut_ptr().add(2 * x));
            if x == width - 9 {
                break;
            }
            // The last step overlaps the one before.
            x = (x + 8).min(width - 9);
        }
    }
}

/// [`upsample::vertical`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn vertical<V: Vector>(near: &[u8], far: &[u8], below: bool, out: &mut [u8]) {
    let width = near.len();
    assert!(far.len() == width && out.len() >= width);
    if width < 16 {
        return upsample::vertical(near, far, below, out);
    }
    // SAFETY: the machine has V; `x` is at most width − 16.
    unsafe {
        let (three, bias) = (V::splat16(3), V::splat16(if below { 2 } else { 1 }));
        let mut x = 0;
        loop {
            let half = |x: usize| {
                let near = V::load_wide(near.as_ptr().add(x)).mul16(three);
                near.add16(V::load_wide(far.as_ptr().add(x))).add16(bias).shr16::<2>()
            };
            half(x).narrow16_unsigned(half(x + 8)).store(out.as_mut_ptr().add(x));
            if x == width - 16 {
                break;
            }
            x = (x + 16).min(width - 16);
        }
    }
}

/// [`upsample::both`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn both<V: Vector>(near: &[u8], far: &[u8], out: &mut [u8]) {
    let width = near.len();
    assert!(far.len() == width && out.len() >= 2 * width);
    if width < 16 {
        return upsample::both(near, far, out);
    }
    let sum = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
    let mut x = 0;
    // SAFETY: the machine has V; `x` is at most width − 16 where it is loaded from.
    unsafe {
        let (three, seven, eight) = (V::splat16(3), V::splat16(7), V::splat16(8));
        let sums = |x: usize| V::load_wide(near.as_ptr().add(x)).mul16(three).add16(V::load_wide(far.as_ptr().add(x)));
        let mut before = V::splat16(sum(0) as i16);
        let mut at = sums(0);
        while x + 16 <= width {
            let next = sums(x + 8);
            let thrice = at.mul16(three);
            let even = thrice.add16(at.after16(before)).add16(eight).shr16::<4>();
            let odd = thrice.add16(at.before16(next)).add16(seven).shr16::<4>();
            even.or(odd.shl16::<8>()).store(out.as_mut_ptr().add(2 * x));
            (before, at) = (at, next);
            x += 8;
        }
    }
    for x in x..width {
        let (before, at, after) = (sum(x.saturating_sub(1)), 3 * sum(x), sum((x + 1).min(width - 1)));
        out[2 * x] = ((at + before + 8) >> 4) as u8;
        out[2 * x + 1] = ((at + after + 7) >> 4) as u8;
    }
}

/// [`color::ycc_to_rgb`].
///
/// # Safety
/// The machine must have V.
#[inline(always)]
pub(crate) unsafe fn ycc_to_rgb<V: Vector>(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let width = y.len();
    assert!(cb.len() >= width && cr.len() >= width && out.len() >= 3 * width);
    if width < 16 {
        return color::ycc_to_rgb(y, cb, cr, out);
    }
    // SAFETY: the machine has V; `x` is at most width − 16.
    unsafe {
        let center = V::splat16(128);
        // 1.402 and 1.772, for twice the value and 15 fractional bits: not exactly color.rs's constants, but what
        // comes out is the same for all 256 values.
        let (red, blue) = (V::splat16(22971), V::splat16(29033));
        let green = V::pairs(-(color::CB_GREEN / 2) as i16, -(color::CR_GREEN / 2) as i16);
        let half = V::splat32(1 << 15);
        let pixels = |x: usize| {
            let y = V::load_wide(y.as_ptr().add(x));
            let cb = V::load_wide(cb.as_ptr().add(x)).sub16(center).shl16::<1>();
            let cr = V::load_wide(cr.as_ptr().add(x)).sub16(center).shl16::<1>();
            let (low, high) = cb.zip16(cr);
            let low = low.dot(green).add32(half).shr32::<16>();
            let high = high.dot(green).add32(half).shr32::<16>();
            [y.add16(cr.mul_round16(red)), y.add16(low.narrow32(high)), y.add16(cb.mul_round16(blue))]
        };
        let mut x = 0;
        loop {
            let (a, b) = (pixels(x), pixels(x + 8));
            let [r, g, b] = [0, 1, 2].map(|channel: usize| a[channel].narrow16_unsigned(b[channel]));
            V::store_interleaved(r, g, b, out.as_mut_ptr().add(3 * x));
            if x == width - 16 {
                break;
            }
            x = (x + 16).min(width - 16);
        }
    }
}
