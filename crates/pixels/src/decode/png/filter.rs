//! Undoes the filters of rows (PNG specification, 9.2).
//!
//! In: a filtered row, and the row above it, unfiltered, or zeros. Out: the row. All are of the same length.
//!
//! Three of the five filters need the pixel to the left, so that a row is one long chain of pixels. For the usual pixels all
//! channels are computed at once, in lanes of 16 bits ([`Chain`]).

use simd::{Bytes, BytesTask, Isa};

/// Undoes `filter` (0 to 4) of `row`, whose pixels are `pixel` bytes, or one where they are smaller.
pub(super) fn unfilter(isa: Isa, filter: u8, pixel: usize, row: &[u8], above: &[u8], out: &mut [u8]) {
    match filter {
        SUB => chain::<SUB>(isa, pixel, row, above, out),
        UP => {
            for ((out, byte), above) in out.iter_mut().zip(row).zip(above) {
                *out = byte.wrapping_add(*above);
            }
        }
        AVERAGE => chain::<AVERAGE>(isa, pixel, row, above, out),
        PAETH => chain::<PAETH>(isa, pixel, row, above, out),
        _ => out.copy_from_slice(row),
    }
}

const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

fn chain<const FILTER: u8>(isa: Isa, pixel: usize, row: &[u8], above: &[u8], out: &mut [u8]) {
    match pixel {
        1 => plain::<FILTER, 1>(row, above, out, 0),
        2 => plain::<FILTER, 2>(row, above, out, 0),
        3 => isa.run_bytes(Chain::<FILTER, 3> { row, above, out }),
        4 => isa.run_bytes(Chain::<FILTER, 4> { row, above, out }),
        6 => isa.run_bytes(Chain::<FILTER, 6> { row, above, out }),
        _ => isa.run_bytes(Chain::<FILTER, 8> { row, above, out }),
    }
}

/// What `FILTER` predicts of the bytes to the left, above, and above that to the left.
#[inline(always)]
fn predicted<const FILTER: u8>(left: i32, above: i32, corner: i32) -> i32 {
    match FILTER {
        SUB => left,
        AVERAGE => (left + above) >> 1,
        _ => {
            // The nearest of the three to left + above - corner; of those as near the first. Said with less
            // (<https://github.com/nothings/stb/blob/master/stb_image.h>, `stbi__paeth`).
            let threshold = corner * 3 - above - left;
            let (low, high) = (left.min(above), left.max(above));
            let corner_or_low = if high <= threshold { low } else { corner };
            if threshold <= low { high } else { corner_or_low }
        }
    }
}

/// The row from byte `from` on, the bytes before it being there. The naive twin of [`Chain`], and its end.
#[inline(always)]
fn plain<const FILTER: u8, const PIXEL: usize>(row: &[u8], above: &[u8], out: &mut [u8], from: usize) {
    let (mut left, mut corner) = ([0; PIXEL], [0; PIXEL]);
    if let Some(before) = from.checked_sub(PIXEL) {
        left = std::array::from_fn(|channel| i32::from(out[before + channel]));
        corner = std::array::from_fn(|channel| i32::from(above[before + channel]));
    }
    let (row, above, out) = (&row[from..], &above[from..], &mut out[from..]);
    let pixels = row.as_chunks::<PIXEL>().0.iter().zip(above.as_chunks::<PIXEL>().0);
    for ((row, above), out) in pixels.zip(out.as_chunks_mut::<PIXEL>().0) {
        for channel in 0..PIXEL {
            let up = i32::from(above[channel]);
            let prediction = predicted::<FILTER>(left[channel], up, corner[channel]);
            out[channel] = (i32::from(row[channel]) + prediction) as u8;
            (left[channel], corner[channel]) = (i32::from(out[channel]), up);
        }
    }
}

/// A row of pixels of 3, 4, 6 or 8 bytes.
struct Chain<'a, const FILTER: u8, const PIXEL: usize> {
    row: &'a [u8],
    above: &'a [u8],
    out: &'a mut [u8],
}

impl<const FILTER: u8, const PIXEL: usize> BytesTask for Chain<'_, FILTER, PIXEL> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { row, above, out } = self;
        let length = row.len().min(above.len()).min(out.len());
        let mut pixels = Lanes { bytes, left: bytes.splat16(0), corner: bytes.splat16(0) };
        let mut at = 0;
        if PIXEL < 6 {
            // Four pixels a time, of which each takes four lanes.
            while at + 16 <= length {
                // SAFETY: there are sixteen bytes from `at` on.
                let (x, b) = unsafe { (bytes.load(row.as_ptr().add(at)), bytes.load(above.as_ptr().add(at))) };
                let (x, b) = if PIXEL == 3 { (bytes.spread_pixels(x), bytes.spread_pixels(b)) } else { (x, b) };
                let ((x0, x2), (b0, b2)) = (bytes.widen8(x), bytes.widen8(b));
                let (x1, b1) = (bytes.zip64(x0, x0).1, bytes.zip64(b0, b0).1);
                let (x3, b3) = (bytes.zip64(x2, x2).1, bytes.zip64(b2, b2).1);
                let first = pixels.next::<FILTER>(x0, b0);
                let second = pixels.next::<FILTER>(x1, b1);
                let third = pixels.next::<FILTER>(x2, b2);
                let fourth = pixels.next::<FILTER>(x3, b3);
                let all = bytes.narrow16_unsigned(bytes.zip64(first, second).0, bytes.zip64(third, fourth).0);
                let all = if PIXEL == 3 { bytes.close_pixels(all) } else { all };
                // SAFETY: as above. What is written behind three bytes a pixel is written again.
                unsafe { bytes.store(out.as_mut_ptr().add(at), all) };
                at += 4 * PIXEL;
            }
        } else {
            while at + 8 <= length {
                // SAFETY: there are eight bytes from `at` on.
                let (x, b) =
                    unsafe { (bytes.load_wide(row.as_ptr().add(at)), bytes.load_wide(above.as_ptr().add(at))) };
                let pixel = pixels.next::<FILTER>(x, b);
                let place = out[at..].as_mut_ptr();
                // SAFETY: as above. What is written behind six bytes a pixel is written again.
                unsafe { bytes.store_halves(place, place, bytes.narrow16_unsigned(pixel, pixel)) };
                at += PIXEL;
            }
        }
        plain::<FILTER, PIXEL>(&row[..length], &above[..length], &mut out[..length], at);
    }
}

/// Pixels in lanes of 16 bits whose upper bytes are zero.
struct Lanes<B: Bytes> {
    bytes: B,
    left: B::V,
    corner: B::V,
}

impl<B: Bytes> Lanes<B> {
    /// The next pixel, of the filtered one and that above.
    #[inline(always)]
    fn next<const FILTER: u8>(&mut self, filtered: B::V, above: B::V) -> B::V {
        let Self { bytes, left, corner } = *self;
        let prediction = match FILTER {
            SUB => left,
            AVERAGE => bytes.shr16::<1>(bytes.add16(left, above)),
            // As in `predicted`.
            _ => {
                let threshold = bytes.sub16(bytes.sub16(bytes.add16(bytes.add16(corner, corner), corner), above), left);
                let (low, high) = (bytes.min16(left, above), bytes.max16(left, above));
                let corner_or_low = bytes.select(bytes.greater16(high, threshold), corner, low);
                bytes.select(bytes.greater16(threshold, low), corner_or_low, high)
            }
        };
        // Bytes wrap around by themselves, and zeros stay zeros.
        self.left = bytes.add8(filtered, prediction);
        self.corner = above;
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own words.
    fn by_definition(filter: u8, pixel: usize, row: &[u8], above: &[u8]) -> Vec<u8> {
        let mut out = vec![0u8; row.len()];
        for i in 0..row.len() {
            let left = if i < pixel { 0 } else { i32::from(out[i - pixel]) };
            let corner = if i < pixel { 0 } else { i32::from(above[i - pixel]) };
            let up = i32::from(above[i]);
            let prediction = match filter {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                _ => {
                    let estimate = left + up - corner;
                    let (a, b, c) = ((estimate - left).abs(), (estimate - up).abs(), (estimate - corner).abs());
                    if a <= b && a <= c {
                        left
                    } else if b <= c {
                        up
                    } else {
                        corner
                    }
                }
            };
            out[i] = row[i].wrapping_add(prediction as u8);
        }
        out
    }

    #[test]
    fn every_filter_is_undone_for_every_size_of_pixels() {
        let mut seed = 5u32;
        let mut noise = |length: usize| -> Vec<u8> {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Ends of the range, and small steps, are where it goes wrong.
                match seed >> 28 {
                    0..4 => 0,
                    4..8 => 255,
                    8..12 => (seed >> 16) as u8 & 7,
                    _ => (seed >> 16) as u8,
                }
            };
            (0..length).map(|_| next()).collect()
        };
        for isa in Isa::available() {
            for pixel in [1, 2, 3, 4, 6, 8] {
                for pixels in [1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 100] {
                    for filter in 0..5 {
                        let (row, above) = (noise(pixel * pixels), noise(pixel * pixels));
                        let mut out = vec![0xEE; row.len()];
                        unfilter(isa, filter, pixel, &row, &above, &mut out);
                        let expected = by_definition(filter, pixel, &row, &above);
                        assert_eq!(out, expected, "{isa:?}: filter {filter} of {pixels} pixels of {pixel} bytes");
                    }
                }
            }
        }
    }
}
