//! Run-length coded BMP, with 4 or 8 bits a pixel, as Pillow reads it (`BmpRleDecoder`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/PIL/BmpImagePlugin.py>): what a run, a line's end or a jump
//! leaves out is colour 0, a run that is too long for its line is cut, and the data may end early if every pixel is there.

use super::Header;
use crate::decode::pixel_buffer;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{self, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// Decodes a file whose header says that it is of this kind.
pub(super) fn decode(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Pixels> {
    let (width, height) = (header.width as usize, header.height as usize);
    // Besides the pixels, the colours' numbers are held.
    let mut data = pixel_buffer(header.width, header.height, 3, 1, limits)?;
    let numbers = numbers(bytes.get(header.data..).unwrap_or_default(), header, width, height)?;
    let colors = header.colors(bytes);
    for (row, numbers) in data.chunks_exact_mut(width * 3).zip(numbers.chunks_exact(width)) {
        for (pixel, &number) in row.as_chunks_mut::<3>().0.iter_mut().zip(numbers) {
            *pixel = colors[usize::from(number)];
        }
    }
    let orientation = if header.top_down { Orientation::Upright } else { Orientation::FlipVertical };
    Pixels::new(pixels::Header { width, height, layout: Layout::Rgb, orientation }, data)
}

/// The number of each pixel's colour, in the order of the file.
fn numbers(mut coded: &[u8], header: &Header, width: usize, height: usize) -> Result<Vec<u8>> {
    let half_bytes = header.compression == super::RLE4;
    let halves = |byte: u8| [byte >> 4, byte & 15];
    let length = width * height;
    let mut numbers: Vec<u8> = memory::reserved(width, height, 1)?;
    // The place in the line, which is not always that of the number.
    let mut x = 0;
    let start = coded.len();
    while let (true, Some((&[count, value], rest))) = (numbers.len() < length, coded.split_first_chunk::<2>()) {
        coded = rest;
        let left = length - numbers.len();
        match (count, value) {
            (0, 0) => {
                numbers.resize(numbers.len().next_multiple_of(width), 0);
                x = 0;
            }
            (0, 1) => break,
            (0, 2) => {
                let Some((&[right, up], rest)) = coded.split_first_chunk::<2>() else { break };
                coded = rest;
                numbers.resize(numbers.len() + left.min(usize::from(right) + usize::from(up) * width), 0);
                x = numbers.len() % width;
            }
            (0, count) => {
                let wanted = left.min(count.into());
                let bytes = if half_bytes { wanted.div_ceil(2) } else { wanted };
                let there = coded.get(..bytes).unwrap_or(coded);
                coded = &coded[there.len()..];
                if half_bytes {
                    numbers.extend(there.iter().flat_map(|&byte| halves(byte)).take(wanted));
                } else {
                    numbers.extend_from_slice(there);
                }
                if there.len() < bytes {
                    break;
                }
                x += usize::from(count);
                // To an even place in the file.
                if !(header.data + start - coded.len()).is_multiple_of(2) {
                    coded = coded.get(1..).unwrap_or_default();
                }
            }
            (count, value) => {
                let run = usize::from(count).min(width.saturating_sub(x)).min(left);
                let pair = if half_bytes { halves(value) } else { [value; 2] };
                numbers.extend(pair.into_iter().cycle().take(run));
                x += run;
            }
        }
    }
    if numbers.len() < length {
        let context = format!("BMP cut short: {} of {length} pixels are coded", numbers.len());
        return Err(Error::new(ErrorKind::Decode, context));
    }
    Ok(numbers)
}
