//! Predictors: samples that are stored as differences from those to their left, summed up again (`tif_predict.c`).

use super::directory::{ByteOrder, broken};
use super::kind::unsupported;
use crate::Result;

/// What is undone after decompressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// Differences of whole samples.
    Horizontal,
    /// Differences of bytes, a number's highest ones first.
    Float,
}

impl Predictor {
    /// That of number `value`, for samples of `bits` bits.
    ///
    /// # Errors
    /// `UnsupportedFormat` for one that libtiff does not have.
    pub(super) fn of(value: u64, bits: u32, is_float: bool) -> Result<Self> {
        match value {
            1 => Ok(Self::None),
            2 if matches!(bits, 8 | 16 | 32) => Ok(Self::Horizontal),
            3 if is_float && matches!(bits, 16 | 32) => Ok(Self::Float),
            _ => Err(unsupported(format_args!("predictor {value} of samples of {bits} bits"))),
        }
    }

    /// Undoes it in rows of `row_bytes` bytes, of pixels of `channels` samples. Numbers are in the byte order of the file
    /// before, and have their lowest byte first after.
    ///
    /// # Errors
    /// `Decode` where rows are no whole pixels.
    pub(super) fn undo(
        self,
        data: &mut [u8],
        row_bytes: usize,
        (bits, channels): (u32, usize),
        order: ByteOrder,
    ) -> Result<()> {
        let width = bits as usize / 8;
        if self != Self::Float && order == ByteOrder::Big {
            match bits {
                16 => data.as_chunks_mut::<2>().0.iter_mut().for_each(|two| two.reverse()),
                32 => data.as_chunks_mut::<4>().0.iter_mut().for_each(|four| four.reverse()),
                _ => {}
            }
        }
        if self == Self::None {
            return Ok(());
        }
        if row_bytes == 0 || !data.len().is_multiple_of(row_bytes) {
            return Err(broken("a predictor of rows that are not complete"));
        }
        let mut spread = Vec::new();
        for row in data.chunks_exact_mut(row_bytes) {
            if !row.len().is_multiple_of(width.max(1) * channels) {
                return Err(broken("a predictor of pixels that are not complete"));
            }
            match (self, bits) {
                (Self::Horizontal, 8) => sum_bytes(row, channels),
                (Self::Horizontal, 16) => sum::<2>(row, channels, |a, b| {
                    u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()
                }),
                (Self::Horizontal, _) => sum::<4>(row, channels, |a, b| {
                    u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()
                }),
                (Self::Float, _) => {
                    sum_bytes(row, channels);
                    spread.clear();
                    spread.extend_from_slice(row);
                    let samples = row.len() / width;
                    for (index, number) in row.chunks_exact_mut(width).enumerate() {
                        for (byte, value) in number.iter_mut().rev().enumerate() {
                            *value = spread[byte * samples + index];
                        }
                    }
                }
                (Self::None, _) => {}
            }
        }
        Ok(())
    }
}

fn sum_bytes(row: &mut [u8], channels: usize) {
    for index in channels..row.len() {
        row[index] = row[index].wrapping_add(row[index - channels]);
    }
}

fn sum<const N: usize>(row: &mut [u8], channels: usize, add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let numbers = row.as_chunks_mut::<N>().0;
    for index in channels..numbers.len() {
        numbers[index] = add(numbers[index], numbers[index - channels]);
    }
}
