//! From samples to pixels: colors at full size, then RGB.
//!
//! The formulas are libwebp's, in integers (`src/dsp/upsampling.c`, "fancy upsampling", and `src/dsp/yuv.h`). Of each
//! two rows and columns of colors the nearer one weighs 3/4, the further one 1/4; rounded once.

use simd::{Bytes, BytesTask};

/// A row of samples, of which pixels are to be made.
pub(super) struct Pixels<'a> {
    pub(super) y: &'a [u8],
    /// The nearer row of both colors, and the further one.
    pub(super) near: [&'a [u8]; 2],
    pub(super) far: [&'a [u8]; 2],
    /// What goes into the fourth byte of each pixel, where there is one.
    pub(super) alpha: Option<&'a [u8]>,
    pub(super) out: &'a mut [u8],
}

impl BytesTask for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(mut self, bytes: B) {
        let width = self.y.len();
        let half = width.div_ceil(2);
        let channels = 3 + usize::from(self.alpha.is_some());
        assert!(self.near.iter().chain(&self.far).all(|row| row.len() >= half) && self.out.len() >= width * channels);
        assert!(self.alpha.is_none_or(|alpha| alpha.len() >= width));
        let mut x = 0;
        if width >= 16 {
            let mut colors =
                [Color::new(bytes, self.near[0], self.far[0]), Color::new(bytes, self.near[1], self.far[1])];
            while x + 16 <= width {
                let next = x / 2 + 8;
                let [u, v] = &mut colors;
                let (u, v) = (u.next(bytes, next, half), v.next(bytes, next, half));
                // SAFETY: there are sixteen samples from x on, and as many pixels.
                unsafe {
                    let (y_low, y_high) = bytes.widen8(bytes.load(self.y.as_ptr().add(x)));
                    let (low, high) = (rgb(bytes, y_low, u.0, v.0), rgb(bytes, y_high, u.1, v.1));
                    let [r, g, b] = [0, 1, 2].map(|i: usize| bytes.narrow16_unsigned(low[i], high[i]));
                    let out = self.out.as_mut_ptr().add(channels * x);
                    match self.alpha {
                        Some(alpha) => store_four(bytes, out, [r, g, b, bytes.load(alpha.as_ptr().add(x))]),
                        None => bytes.store_interleaved(out, r, g, b),
                    }
                }
                x += 16;
            }
        }
        self.rest(x);
    }
}

impl Pixels<'_> {
    /// Pixels from `start` on, one by one.
    fn rest(&mut self, start: usize) {
        let last = self.y.len().div_ceil(2) - 1;
        let channels = 3 + usize::from(self.alpha.is_some());
        for x in start..self.y.len() {
            let near = x / 2;
            let far = if x % 2 == 1 { (near + 1).min(last) } else { near.saturating_sub(1) };
            let [u, v] = [0, 1].map(|color: usize| {
                let sum = |x: usize| 3 * u32::from(self.near[color][x]) + u32::from(self.far[color][x]);
                ((3 * sum(near) + sum(far) + 8) >> 4) as i32
            });
            let out = &mut self.out[channels * x..][..channels];
            out[..3].copy_from_slice(&pixel(i32::from(self.y[x]), u, v));
            if let (Some(alpha), [_, _, _, out]) = (self.alpha, out) {
                *out = alpha[x];
            }
        }
    }
}

/// Of values from 16 to 235 (brightness) and 16 to 240 (colors).
fn pixel(y: i32, u: i32, v: i32) -> [u8; 3] {
    let times = |value: i32, factor: i32| (value * factor) >> 8;
    let clip = |value: i32| (value >> 6).clamp(0, 255) as u8;
    let y = times(y, 19077);
    let red = clip(y + times(v, 26149) - 14234);
    let green = clip(y - times(u, 6419) - times(v, 13320) + 8708);
    let blue = clip(y + times(u, 33050) - 17685);
    [red, green, blue]
}

/// A color on its way along a row: weighted sums of both rows.
struct Color<'a, B: Bytes> {
    near: &'a [u8],
    far: &'a [u8],
    before: B::V,
    at: B::V,
}

impl<'a, B: Bytes> Color<'a, B> {
    /// Of rows of eight samples at least.
    #[inline(always)]
    fn new(bytes: B, near: &'a [u8], far: &'a [u8]) -> Self {
        let color = Self { near, far, before: bytes.splat16(0), at: bytes.splat16(0) };
        // Beyond the ends of a row there is the last sample itself.
        Self { before: color.one(bytes, 0), at: color.eight(bytes, 0), ..color }
    }

    /// Sixteen samples, in 16 bits; `next` is where the next eight begin in rows of `length`.
    #[inline(always)]
    fn next(&mut self, bytes: B, next: usize, length: usize) -> (B::V, B::V) {
        let after = match () {
            () if next + 8 <= length => self.eight(bytes, next),
            () => self.one(bytes, next.min(length - 1)),
        };
        let (before, at) = (self.before, self.at);
        let sum = bytes.add16(bytes.mul16(at, bytes.splat16(3)), bytes.splat16(8));
        let even = bytes.shr16::<4>(bytes.add16(sum, bytes.after16(at, before)));
        let odd = bytes.shr16::<4>(bytes.add16(sum, bytes.before16(at, after)));
        (self.before, self.at) = (at, after);
        bytes.zip16(even, odd)
    }

    #[inline(always)]
    fn eight(&self, bytes: B, at: usize) -> B::V {
        let (near, far) = (&self.near[at..at + 8], &self.far[at..at + 8]);
        // SAFETY: both are eight bytes long.
        let (near, far) = unsafe { (bytes.load_wide(near.as_ptr()), bytes.load_wide(far.as_ptr())) };
        bytes.add16(bytes.mul16(near, bytes.splat16(3)), far)
    }

    /// One in all lanes.
    #[inline(always)]
    fn one(&self, bytes: B, at: usize) -> B::V {
        bytes.splat16(3 * i16::from(self.near[at]) + i16::from(self.far[at]))
    }
}

/// Red, green and blue of eight pixels, in 16 bits, not yet clamped at the upper end.
#[inline(always)]
fn rgb<B: Bytes>(bytes: B, y: B::V, u: B::V, v: B::V) -> [B::V; 3] {
    let y = bytes.scale8(y, 19077);
    // Sums are below 2¹⁶, so that what would be negative is clamped where the constant is subtracted.
    let red = bytes.sub_unsigned16(bytes.add16(y, bytes.scale8(v, 26149)), bytes.splat16(14234));
    let green = bytes.sub_unsigned16(
        bytes.add16(y, bytes.splat16(8708)),
        bytes.add16(bytes.scale8(u, 6419), bytes.scale8(v, 13320)),
    );
    let blue = bytes.sub_unsigned16(bytes.add16(y, bytes.scale8(u, 33050)), bytes.splat16(17685));
    [bytes.shr16::<6>(red), bytes.shr16::<6>(green), bytes.shr16::<6>(blue)]
}

/// Sixteen pixels of four bytes.
///
/// # Safety
/// `out` is valid for writing them.
#[inline(always)]
unsafe fn store_four<B: Bytes>(bytes: B, out: *mut u8, [r, g, b, a]: [B::V; 4]) {
    let (rg, ba) = (bytes.zip8(r, g), bytes.zip8(b, a));
    let ((first, second), (third, fourth)) = (bytes.zip16(rg.0, ba.0), bytes.zip16(rg.1, ba.1));
    for (i, pixels) in [first, second, third, fourth].into_iter().enumerate() {
        // SAFETY: as the caller says.
        unsafe { bytes.store(out.add(16 * i), pixels) };
    }
}

#[cfg(test)]
mod tests {
    use simd::Isa;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn every_set_gives_what_plain_arithmetic_gives() {
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [0, 255, (state >> 24) as u8, (state >> 16) as u8][(state >> 8 & 3) as usize]
        };
        for width in (1..70).chain([1001]) {
            let half = usize::div_ceil(width, 2);
            let y: Vec<u8> = (0..width).map(|_| random()).collect();
            let rows: Vec<Vec<u8>> = (0..4).map(|_| (0..half).map(|_| random()).collect()).collect();
            let alphas: Vec<u8> = (0..width).map(|_| random()).collect();
            for alpha in [None, Some(&alphas[..])] {
                let mut expected = vec![7; width * 4 + 3];
                let (near, far) = ([&rows[0][..], &rows[1]], [&rows[2][..], &rows[3]]);
                Pixels { y: &y, near, far, alpha, out: &mut expected }.rest(0);
                for isa in Isa::available() {
                    let mut out = vec![7; width * 4 + 3];
                    isa.run_bytes(Pixels { y: &y, near, far, alpha, out: &mut out });
                    assert!(out == expected, "width {width} on {}", isa.name());
                }
            }
        }
    }
}
