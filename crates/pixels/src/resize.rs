//! Resampling that equals Pillow's in every value.
//!
//! An embedding equals Python's only if the pixels that the model sees do, and a sharp edge resampled by another
//! library's bicubic is up to twenty levels off. So this is Pillow's algorithm, step by step
//! (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>):
//!
//! - the filter is stretched by the scale when the picture shrinks (antialiasing), and cut off at the picture's edge;
//! - its weights are computed in f64, divided by their sum, and rounded to integers with 22 fractional bits;
//! - rows are resampled first, then columns; after each pass half is added, the fraction shifted out and the result
//!   clipped to 8 bits;
//! - a pass that would not change the size is left out;
//! - columns go first where that is less work by Pillow 13's measure (see [`columns_first`]).
//!
//! What a following crop throws away is never computed: a [`Change`] says which of its outputs are wanted, and which
//! inputs these are made of. No others are asked for.
//!
//! The two passes, [`Horizontal`] and [`Vertical`], take rows as they come out of a decoder, so the picture is never
//! there as a whole. They come in the order in which they are stored; a picture that lies on its side (EXIF) is resampled
//! lying, with the axes exchanged and the weights in reverse where its rows or columns are, and what comes out, which is
//! small, is put upright. That gives the same bits, for the order of the two passes is exchanged with the axes.
//!
//! The inner loops in `kernels` are written once over the vectors of the crate [`simd`]; `scalar` is the definition that
//! they are tested against.

mod axis;
mod change;
mod horizontal;
mod kernels;
mod nearest;
mod scalar;
mod taps;
mod vertical;

pub(crate) use self::change::Change;
pub(crate) use self::horizontal::Horizontal;
pub(crate) use self::vertical::Vertical;

/// How pixels are weighted when an image changes its size. Each equals Pillow's filter of the number given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResizeFilter {
    /// The nearest pixel, no weighting. Pillow's `NEAREST`, 0.
    Nearest,
    /// Linear, over 2 pixels (or 2 output pixels' worth of them when shrinking). Pillow's `BILINEAR`, 2.
    Triangle,
    /// Cubic with a = −0.5, over 4 pixels. Pillow's `BICUBIC`, 3, and CLIP's default.
    CatmullRom,
    /// Windowed sinc over 6 pixels. Pillow's `LANCZOS`, 1.
    Lanczos3,
}

/// Longer sides are refused: Pillow could not allocate them, and positions must stay exact.
pub(crate) const MAX_SIDE: u64 = 1 << 29;

/// Rows that are taken at a time.
pub(crate) const BAND_ROWS: usize = 16;

/// Does Pillow 13 resample the columns before the rows? The order shows where the first pass clips. Found by comparing
/// with Pillow 13.0.0 (tests/golden/README.md); up to Pillow 12 rows always went first.
pub(crate) fn columns_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let (width, height) = (from.0 as i64, from.1 as i64);
    let (new_width, new_height) = (to.0 as i64, to.1 as i64);
    new_height < height && height - new_height > 2 * (width - new_width)
}

#[cfg(test)]
pub(crate) use self::tests::noise;

#[cfg(test)]
mod tests {
    use super::ResizeFilter;

    /// The filters that have weights.
    pub(super) const WEIGHTED: [ResizeFilter; 3] =
        [ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

    /// Half of it extremes: what overshoots must be clipped alike.
    pub(crate) fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9E37_79B9u32 ^ length as u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        (0..length).map(|_| if next() & 1 == 0 { (next() >> 24) as u8 } else { (next() >> 31) as u8 * 255 }).collect()
    }
}
