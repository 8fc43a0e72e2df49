//! One axis of an image: what is left of it after crops, and the zeros that crops put around it.

use std::ops::Range;

/// `pixels` of what an image is cut from, `before` zeros in front of them, and enough zeros after them to make `length`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) pixels: Range<usize>,
    pub(crate) before: usize,
    pub(crate) length: usize,
}

impl Span {
    /// All of `length` pixels.
    pub(crate) fn whole(length: usize) -> Self {
        Self { pixels: 0..length, before: 0, length }
    }

    pub(crate) fn is_padded(&self) -> bool {
        self.pixels.len() != self.length
    }

    /// The middle `length` pixels, by transformers' offsets: rounded down when cutting, the odd zero in front when
    /// padding (`center_crop`,
    /// <https://github.com/huggingface/transformers/blob/main/src/transformers/image_transforms.py>).
    /// `rounded`, by torchvision's: to the even number of pixels when cutting, the odd zero behind when padding
    /// (<https://github.com/pytorch/vision/blob/main/torchvision/transforms/functional.py>).
    pub(crate) fn center_crop(&self, length: usize, rounded: bool) -> Self {
        if length >= self.length {
            let zeros = length - self.length;
            let before = self.before + if rounded { zeros / 2 } else { zeros.div_ceil(2) };
            return Self { pixels: self.pixels.clone(), before, length };
        }
        let surplus = self.length - length;
        let cut = if rounded && surplus % 4 == 3 { surplus.div_ceil(2) } else { surplus / 2 };
        let inside = |position: usize| position.clamp(cut, cut + length) - cut;
        let (from, to) = (inside(self.before), inside(self.before + self.pixels.len()));
        let start = self.pixels.start + cut.saturating_sub(self.before).min(self.pixels.len());
        Self { pixels: start..start + (to - from), before: from, length }
    }

    /// In the middle of `length`, no fewer: of an odd number around it the one more comes after.
    pub(crate) fn padded(&self, length: usize) -> Self {
        let before = self.before + (length - self.length) / 2;
        Self { pixels: self.pixels.clone(), before, length }
    }

    /// The pixels, and one at least: a crop can be made of zeros alone, and then one is computed that nobody uses.
    pub(crate) fn some(&self) -> Range<usize> {
        if self.pixels.is_empty() { 0..1 } else { self.pixels.clone() }
    }

    /// The same cut from nothing but its own pixels.
    pub(crate) fn cut_out(&self) -> Self {
        Self { pixels: 0..self.pixels.len(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// transformers' center_crop of `0..original`, by its own steps.
    fn by_transformers(original: i64, size: i64) -> Vec<Option<i64>> {
        let mut top = (original - size).div_euclid(2);
        let mut bottom = top + size;
        let image: Vec<_> = (0..original).map(Some).collect();
        if top >= 0 && bottom <= original {
            return image[top as usize..bottom as usize].to_vec();
        }
        let padded = size.max(original);
        let before = (padded - original + 1) / 2;
        let mut out = vec![None; padded as usize];
        out[before as usize..(before + original) as usize].clone_from_slice(&image);
        top += before;
        bottom += before;
        out[top.max(0) as usize..bottom.min(padded) as usize].to_vec()
    }

    fn positions(span: &Span) -> Vec<Option<i64>> {
        let mut out = vec![None; span.before];
        out.extend(span.pixels.clone().map(|position| Some(position as i64)));
        out.resize(span.length, None);
        out
    }

    /// What torchvision 0.29.2's `CenterCrop` makes of 1 to 11 pixels: the zeros in front, and the pixels behind them.
    #[test]
    fn rounded_crops_take_what_torchvision_takes() {
        let of_4 = [
            (1, 0..1),
            (1, 0..2),
            (0, 0..3),
            (0, 0..4),
            (0, 0..4),
            (0, 1..5),
            (0, 2..6),
            (0, 2..6),
            (0, 2..6),
            (0, 3..7),
            (0, 4..8),
        ];
        let of_7 = [
            (3, 0..1),
            (2, 0..2),
            (2, 0..3),
            (1, 0..4),
            (1, 0..5),
            (0, 0..6),
            (0, 0..7),
            (0, 0..7),
            (0, 1..8),
            (0, 2..9),
            (0, 2..9),
        ];
        for (length, expected) in [(4, of_4), (7, of_7)] {
            for (original, (before, pixels)) in (1..).zip(expected) {
                let span = Span::whole(original).center_crop(length, true);
                assert_eq!(span, Span { pixels, before, length }, "{original} to {length}");
            }
        }
    }

    #[test]
    fn crops_take_what_transformers_takes() {
        for original in 1..40 {
            for size in 1..40 {
                let span = Span::whole(original).center_crop(size, false);
                assert_eq!(positions(&span), by_transformers(original as i64, size as i64), "{original} to {size}");
            }
        }
    }

    #[test]
    fn crops_of_crops_compose() {
        for sizes in [[7, 3, 12], [3, 12, 5], [20, 9, 14], [12, 11, 4], [30, 2, 1]] {
            let (mut span, mut expected) = (Span::whole(10), (0..10).map(Some).collect::<Vec<Option<i64>>>());
            for size in sizes {
                span = span.center_crop(size, false);
                let picked = by_transformers(expected.len() as i64, size as i64);
                expected = picked.into_iter().map(|at| at.and_then(|at| expected[at as usize])).collect();
                assert_eq!(positions(&span), expected, "{sizes:?}");
            }
        }
    }
}
