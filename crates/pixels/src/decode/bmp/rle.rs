//! Run-length coded BMP, with 4 or 8 bits a pixel, as Pillow reads it (`BmpRleDecoder`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/PIL/BmpImagePlugin.py>): what a run, a line's end or a jump
//! leaves out is color 0, a run that is too long for its line is cut, and the data may end early if every pixel is there, or
//! if it says that it does.

use crate::memory;
use crate::{Error, ErrorKind, Result};

/// Of a picture that ends early; the longest run has half as many.
const MOST_PIXELS_A_BYTE: usize = 256;

/// The number of each pixel's color, in the order of the file, whose coded pixels begin at `start`.
pub(super) fn numbers(bytes: &[u8], start: usize, half_bytes: bool, width: usize, height: usize) -> Result<Vec<u8>> {
    let mut coded = bytes.get(start..).unwrap_or_default();
    let halves = |byte: u8| [byte >> 4, byte & 15];
    let length = width * height;
    let mut numbers: Vec<u8> = memory::reserved(width, height, 1)?;
    // The place in the line, which is not always that of the number.
    let mut x = 0;
    while numbers.len() < length
        && let Some((&[count, value], rest)) = coded.split_first_chunk::<2>()
    {
        coded = rest;
        let left = length - numbers.len();
        match (count, value) {
            (0, 0) => {
                numbers.resize(numbers.len().next_multiple_of(width), 0);
                x = 0;
            }
            // Pillow refuses what ends here too early; browsers don't. Where there is next to nothing, it is no picture.
            (0, 1) if length / MOST_PIXELS_A_BYTE <= bytes.len() => numbers.resize(length, 0),
            (0, 1) => break,
            (0, 2) => {
                let Some((&[right, up], rest)) = coded.split_first_chunk::<2>() else { break };
                coded = rest;
                let jump = usize::from(up).saturating_mul(width).saturating_add(right.into());
                numbers.resize(numbers.len() + left.min(jump), 0);
                x = numbers.len() % width;
            }
            (0, count) => {
                let wanted = left.min(count.into());
                let length = if half_bytes { wanted.div_ceil(2) } else { wanted };
                let there = coded.get(..length).unwrap_or(coded);
                coded = &coded[there.len()..];
                if half_bytes {
                    numbers.extend(there.iter().flat_map(|&byte| halves(byte)).take(wanted));
                } else {
                    numbers.extend_from_slice(there);
                }
                if there.len() < length {
                    break;
                }
                x += usize::from(count);
                // To an even place in the file.
                if !(bytes.len() - coded.len()).is_multiple_of(2) {
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
