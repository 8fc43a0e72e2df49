//! Chroma upsampling: a component's samples to the full width, a row at a time.
//!
//! The formulas are libjpeg-turbo's (`jdsample.c`): a triangle filter where a component has half the width or height
//! ("fancy upsampling"), plain repetition everywhere else. Halves are rounded up and down in turn, by a bias that
//! depends on the place.
//!
//! In: rows of `width` samples. Out: rows of at least `2 * width` or `width` samples.

use std::ops::Range;

/// How a component comes to full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upsampling {
    /// It has full size.
    Copy,
    /// Half the width: 3/4 of the nearer, 1/4 of the further sample.
    Horizontal,
    /// Half the height: the same with rows.
    Vertical,
    /// Half the width and height.
    Both,
    /// Each sample repeated this many times horizontally and vertically.
    Repeat(usize, usize),
}

impl Upsampling {
    /// How to get from a group of `(h, v)` samples to one of `(full_h, full_v)`, for a component of `width` samples;
    /// `fancy` allows for triangle filters. None where the factors are no whole numbers.
    pub(crate) fn new(
        (h, v): (usize, usize),
        (full_h, full_v): (usize, usize),
        width: usize,
        fancy: bool,
    ) -> Option<Self> {
        if (h, v) == (full_h, full_v) {
            Some(Self::Copy)
        } else if h * 2 == full_h && v == full_v {
            Some(if fancy && width > 2 { Self::Horizontal } else { Self::Repeat(2, 1) })
        } else if h == full_h && v * 2 == full_v && fancy {
            Some(Self::Vertical)
        } else if h * 2 == full_h && v * 2 == full_v {
            Some(if fancy && width > 2 { Self::Both } else { Self::Repeat(2, 2) })
        } else if full_h.is_multiple_of(h) && full_v.is_multiple_of(v) {
            Some(Self::Repeat(full_h / h, full_v / v))
        } else {
            None
        }
    }

    /// The samples of a row of `width` that the pixels `columns` are made of, and how many pixels that come of these
    /// precede the first of `columns`. A part is upsampled as if it were a whole row, so a neighbor more is taken.
    pub(crate) fn source(self, columns: &Range<usize>, width: usize) -> (Range<usize>, usize) {
        let (times, margin) = match self {
            Self::Copy | Self::Vertical => (1, 0),
            Self::Horizontal | Self::Both => (2, 1),
            Self::Repeat(times, _) => (times, 0),
        };
        let start = (columns.start / times).saturating_sub(margin);
        let end = (columns.end.div_ceil(times) + margin).min(width);
        (start..end, columns.start - start * times)
    }

    /// How many rows come of one.
    pub(crate) fn rows(self) -> usize {
        match self {
            Self::Copy | Self::Horizontal => 1,
            Self::Vertical | Self::Both => 2,
            Self::Repeat(_, vertical) => vertical,
        }
    }

    /// Whether the rows above and below have a say.
    pub(crate) fn needs_neighbors(self) -> bool {
        matches!(self, Self::Vertical | Self::Both)
    }
}

/// [`Upsampling::Horizontal`]; `row` of 2 samples at least.
pub(crate) fn horizontal(row: &[u8], out: &mut [u8]) {
    let last = row.len() - 1;
    for (x, pair) in out.as_chunks_mut::<2>().0.iter_mut().take(row.len()).enumerate() {
        *pair = horizontal_pair(row[x.saturating_sub(1)], row[x], row[(x + 1).min(last)]);
    }
}

/// The two samples that come of the one at `at`. Beyond the edges of a row there is the sample itself.
#[inline(always)]
pub(crate) fn horizontal_pair(before: u8, at: u8, after: u8) -> [u8; 2] {
    [((weighted(at, before) + 1) >> 2) as u8, ((weighted(at, after) + 2) >> 2) as u8]
}

/// Three times `near` and once `far`.
#[inline(always)]
pub(crate) fn weighted(near: u8, far: u8) -> u32 {
    3 * u32::from(near) + u32::from(far)
}

/// [`Upsampling::Vertical`]: the row of the pair that is nearer to `near` than to `far`. `below`: `far` is the row
/// below, not above.
pub(crate) fn vertical(near: &[u8], far: &[u8], below: bool, out: &mut [u8]) {
    let bias = if below { 2 } else { 1 };
    for (to, (near, far)) in out.iter_mut().zip(near.iter().zip(far)) {
        *to = ((weighted(*near, *far) + bias) >> 2) as u8;
    }
}

/// [`Upsampling::Both`]: the row of the pair that is nearer to `near` than to `far`; rows of 2 samples at least.
pub(crate) fn both(near: &[u8], far: &[u8], out: &mut [u8]) {
    let last = near.len() - 1;
    let at = |x: usize| weighted(near[x], far[x]);
    for (x, pair) in out.as_chunks_mut::<2>().0.iter_mut().take(near.len()).enumerate() {
        let (before, after) = (at(x.saturating_sub(1)), at((x + 1).min(last)));
        *pair = [((3 * at(x) + before + 8) >> 4) as u8, ((3 * at(x) + after + 7) >> 4) as u8];
    }
}

/// [`Upsampling::Repeat`], horizontally.
pub(crate) fn repeat(row: &[u8], times: usize, out: &mut [u8]) {
    for (to, from) in out.chunks_mut(times).zip(row) {
        to.fill(*from);
    }
}
