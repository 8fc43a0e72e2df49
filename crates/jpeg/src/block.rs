//! A block: 8x8 coefficients in natural order (row by row), the first of which is the DC coefficient.

/// The natural-order place of each coefficient in zigzag order; whatever comes after the 64th is put in the last
/// place, as in libjpeg.
pub(crate) const ZIGZAG: [u8; 128] = {
    let mut order = [63; 128];
    let (mut i, mut diagonal) = (0, 0);
    while diagonal < 15 {
        let mut step = 0;
        while step <= diagonal {
            let (row, column) = (diagonal - step, step);
            let (y, x) = if diagonal % 2 == 0 { (row, column) } else { (column, row) };
            if y < 8 && x < 8 {
                order[i] = (8 * y + x) as u8;
                i += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    order
};

/// A block of coefficients, aligned for the inverse DCT.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Block(pub(crate) [i16; 64]);

impl Block {
    /// All coefficients 0.
    pub(crate) const ZERO: Self = Self([0; 64]);

    /// Sets the `k`th coefficient in zigzag order, of at most 128.
    #[inline(always)]
    pub(crate) fn set(&mut self, k: usize, value: i16) {
        *coefficient(&mut self.0, k) = value;
    }
}

/// The `k`th coefficient in zigzag order, of at most 128.
#[inline(always)]
pub(crate) fn coefficient(block: &mut [i16; 64], k: usize) -> &mut i16 {
    &mut block[usize::from(ZIGZAG[k & 127] & 63)]
}

/// Which of a block's coefficients can be other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent(u8);

impl Extent {
    /// The DC coefficient only.
    pub(crate) const DC: Self = Self(1);
    /// The first ten in zigzag order: they lie in the first four rows and columns.
    const CORNER: Self = Self(10);
    /// Any.
    const ALL: Self = Self(64);

    /// All up to the one at `last` (0 to 63) in zigzag order; what is beyond counts as the last.
    #[inline(always)]
    pub(crate) fn up_to(last: usize) -> Self {
        Self(last as u8 + 1)
    }

    /// The extent of coefficients in natural order.
    pub(crate) fn of(block: &[i16; 64]) -> Self {
        let (rows, _) = block.as_chunks::<8>();
        let any = |coefficients: &[i16]| coefficients.iter().fold(0, |any, coefficient| any | coefficient);
        let outside = rows[..4].iter().fold(any(&block[32..]), |outside, row| outside | any(&row[4..]));
        if outside != 0 {
            Self::ALL
        } else if any(&block[1..32]) != 0 {
            Self::CORNER
        } else {
            Self::DC
        }
    }

    /// Do all lie in the first four rows and columns?
    #[inline(always)]
    pub(crate) fn is_corner(self) -> bool {
        self.0 <= Self::CORNER.0
    }

    /// Is the DC coefficient the only one?
    #[inline(always)]
    pub(crate) fn is_dc(self) -> bool {
        self.0 <= Self::DC.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Noise;

    #[test]
    fn the_zigzag_is_the_standards() {
        assert_eq!(ZIGZAG[..16], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5]);
        assert_eq!(ZIGZAG[59..67], [54, 47, 55, 62, 63, 63, 63, 63][..]);
        let mut sorted = ZIGZAG[..64].to_vec();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &place)| i == usize::from(place)));
    }

    #[test]
    fn every_extent_is_enough() {
        let mut noise = Noise(3);
        for _ in 0..2000 {
            let mut block = [0; 64];
            let last = noise.below(64);
            *coefficient(&mut block, last) = 1;
            for extent in [Extent::of(&block), Extent::up_to(last)] {
                assert_eq!(extent.is_dc(), last == 0);
                assert!(
                    !extent.is_corner() || block.iter().enumerate().all(|(i, &c)| c == 0 || (i % 8 < 4 && i / 8 < 4))
                );
            }
        }
    }
}
