//! Stored samples to 8-bit ones: gray, color numbers, or the channels of a color.
//!
//! What is wider than 8 bits becomes what Pillow's `convert("RGB")` makes of it: gray is clipped at 0 and 255, colors keep
//! their high byte (`Unpack.c` and `Convert.c` of
//! <https://github.com/python-pillow/Pillow/tree/main/src/libImaging>).

use super::directory::ByteOrder;
use super::kind::{Kind, Meaning, Number};

/// How rows of a picture's kind are unpacked.
pub(super) struct Unpacker {
    kind: Kind,
    order: ByteOrder,
    /// A table for samples of less than a byte: what each value becomes.
    small: [u8; 16],
}

impl Unpacker {
    /// For rows whose numbers are in `order`.
    pub(super) fn new(kind: Kind, order: ByteOrder) -> Self {
        let mut small = [0; 16];
        if kind.bits < 8 {
            let most = (1u32 << kind.bits) - 1;
            for (value, out) in (0..=most).zip(&mut small) {
                let number = kind.meaning == Meaning::Palette;
                let spread = if number { value } else { value * 255 / most } as u8;
                *out = if kind.inverted { 255 - spread } else { spread };
            }
        }
        Self { kind, order, small }
    }

    /// Unpacks the pixels of a row that begins at the first bit of `from`, as many as `to` has space for:
    /// [`Meaning::channels`] bytes each.
    pub(super) fn row(&self, from: &[u8], to: &mut [u8]) {
        let Kind { meaning, bits, number, inverted, samples, .. } = self.kind;
        match (bits, number) {
            (1 | 2 | 4, _) => self.small_samples(from, to),
            (8, _) => {
                copy_bytes(from, to, samples, meaning.channels(), 1, 0);
                if inverted {
                    to.iter_mut().for_each(|value| *value = !*value);
                }
            }
            (12, _) => twelve_bits(from, to),
            (16, Number::Unsigned) if meaning == Meaning::Gray => {
                words(from, to, |two| self.order.u16(two).min(255) as u8);
            }
            (16, Number::Signed) => words(from, to, |two| self.order.u16(two).cast_signed().clamp(0, 255) as u8),
            (16, _) => {
                let high = if self.order == ByteOrder::Big { 0 } else { 1 };
                copy_bytes(from, to, samples, meaning.channels(), 2, high);
            }
            // Cut towards 0; what is no number becomes 0.
            (_, Number::Float) => quads(from, to, |four| f32::from_bits(self.order.u32(four)) as u8),
            // Without a sign too: Pillow keeps these as signed ones.
            _ => quads(from, to, |four| self.order.u32(four).cast_signed().clamp(0, 255) as u8),
        }
        match meaning {
            Meaning::Premultiplied => unpremultiply(to),
            Meaning::GrayPremultiplied => unpremultiply_gray(to),
            Meaning::Lab => flip_signs(to),
            _ => {}
        }
    }

    fn small_samples(&self, from: &[u8], to: &mut [u8]) {
        let bits = self.kind.bits;
        let per_byte = (8 / bits) as usize;
        let mask = (1u8 << bits) - 1;
        for (&byte, out) in from.iter().zip(to.chunks_mut(per_byte)) {
            let mut shift = 8;
            for value in out {
                shift -= bits;
                *value = self.small[usize::from(byte >> shift & mask)];
            }
        }
    }

    /// Unpacks the samples of one plane: channel `channel` of the pixels in `to`, of which each has `channels`.
    pub(super) fn plane(&self, from: &[u8], to: &mut [u8], channel: usize, channels: usize) {
        let width = self.kind.bits.div_ceil(8) as usize;
        let high = if width == 2 && self.order == ByteOrder::Little { 1 } else { 0 };
        let samples = from.chunks_exact(width.max(1));
        for (pixel, sample) in to.chunks_exact_mut(channels).zip(samples) {
            pixel[channel] = sample[high];
        }
    }
}

/// Of pixels of `samples` samples of `width` bytes, the byte `which` of the first `channels`.
fn copy_bytes(from: &[u8], to: &mut [u8], samples: usize, channels: usize, width: usize, which: usize) {
    if samples == channels && width == 1 {
        let length = to.len().min(from.len());
        to[..length].copy_from_slice(&from[..length]);
        return;
    }
    for (to, from) in to.chunks_exact_mut(channels).zip(from.chunks_exact(samples * width)) {
        for (value, sample) in to.iter_mut().zip(from.chunks_exact(width)) {
            *value = sample[which];
        }
    }
}

fn words(from: &[u8], to: &mut [u8], value: impl Fn([u8; 2]) -> u8) {
    to.iter_mut().zip(from.as_chunks::<2>().0).for_each(|(to, two)| *to = value(*two));
}

fn quads(from: &[u8], to: &mut [u8], value: impl Fn([u8; 4]) -> u8) {
    to.iter_mut().zip(from.as_chunks::<4>().0).for_each(|(to, four)| *to = value(*four));
}

/// Two samples in three bytes, the high bits first, clipped at 255. A row may end after one.
fn twelve_bits(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.chunks_mut(2).zip(from.chunks(3)) {
        let at = |index: usize| u32::from(from.get(index).copied().unwrap_or(0));
        let values = [at(0) << 4 | at(1) >> 4, (at(1) & 15) << 8 | at(2)];
        to.iter_mut().zip(values).for_each(|(to, value)| *to = value.min(255) as u8);
    }
}

/// Colors that were multiplied by their alpha, divided by it: Pillow's `unpackRGBa`.
pub(super) fn unpremultiply(data: &mut [u8]) {
    for [red, green, blue, alpha] in data.as_chunks_mut::<4>().0 {
        for color in [red, green, blue] {
            *color = match *alpha {
                0 => 0,
                alpha => (u32::from(*color) * 255 / u32::from(alpha)).min(255) as u8,
            };
        }
    }
}

/// The same of gray: Pillow's `la2lA`, where the gray of what is transparent stays.
fn unpremultiply_gray(data: &mut [u8]) {
    for [gray, alpha] in data.as_chunks_mut::<2>().0 {
        if *alpha != 0 {
            *gray = (u32::from(*gray) * 255 / u32::from(*alpha)).min(255) as u8;
        }
    }
}

/// CIELab's a and b are stored as signed numbers, and are from 0 to 255 from here on.
fn flip_signs(data: &mut [u8]) {
    for [_, a, b] in data.as_chunks_mut::<3>().0 {
        (*a, *b) = (*a ^ 128, *b ^ 128);
    }
}
