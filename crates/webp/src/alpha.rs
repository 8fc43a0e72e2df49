//! The alpha of a lossy picture: a plane of bytes, as they are or in a lossless picture's green, and in either case perhaps
//! as differences from their neighbors (RFC 9649, section 2.7.1.2).

use crate::vp8l::{self, Source};
use crate::{Error, Result, memory};

/// How many bytes decoding takes.
pub(crate) fn memory(width: usize, height: usize) -> u64 {
    width as u64 * height as u64 + vp8l::memory(width, height)
}

/// The plane, a byte for each pixel.
pub(crate) fn decode(chunk: &[u8], width: usize, height: usize, table_limit: u64) -> Result<Vec<u8>> {
    let Some((&header, data)) = chunk.split_first() else { return Err(Error::broken("an empty ALPH chunk")) };
    let (compression, filter, levels) = (header & 3, header >> 2 & 3, header >> 4 & 3);
    if compression > 1 || levels > 1 || header >> 6 != 0 || data.is_empty() {
        return Err(Error::broken(format!("an ALPH chunk that begins with {header:#04x}")));
    }
    let count = width.checked_mul(height).ok_or_else(|| Error::broken("too many pixels"))?;
    if compression == 0 && data.len() < count {
        return Err(Error::cut_short(format!("{} bytes of alpha for {width}x{height} pixels", data.len())));
    }
    let mut plane = memory::filled(count, 0)?;
    if compression == 0 {
        plane.copy_from_slice(&data[..count]);
    } else {
        let mut rows = plane.chunks_exact_mut(width);
        vp8l::decode(Source { data, width, height, is_alpha: true, table_limit }, &mut |row| {
            let to = rows.next().into_iter().flatten();
            to.zip(row).for_each(|(to, pixel)| *to = (pixel >> 8) as u8);
            Ok::<(), Error>(())
        })?;
    }
    undo_filter(filter, width, &mut plane);
    Ok(plane)
}

fn undo_filter(filter: u8, width: usize, plane: &mut [u8]) {
    if filter == 0 {
        return;
    }
    let (first, _) = plane.split_at_mut(width);
    for x in 1..width {
        first[x] = first[x].wrapping_add(first[x - 1]);
    }
    for start in (width..plane.len()).step_by(width) {
        let (before, row) = plane.split_at_mut(start);
        let (above, row) = (&before[start - width..], &mut row[..width]);
        match filter {
            1 => {
                let mut left = above[0];
                for value in row {
                    left = left.wrapping_add(*value);
                    *value = left;
                }
            }
            2 => row.iter_mut().zip(above).for_each(|(value, above)| *value = value.wrapping_add(*above)),
            _ => {
                let (mut left, mut corner) = (above[0], above[0]);
                for (value, &above) in row.iter_mut().zip(above) {
                    let gradient = i16::from(left) + i16::from(above) - i16::from(corner);
                    left = value.wrapping_add(gradient.clamp(0, 255) as u8);
                    (*value, corner) = (left, above);
                }
            }
        }
    }
}
