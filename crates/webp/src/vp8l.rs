//! Lossless pictures (RFC 9649, section 3), decoded to the pixels of libwebp 1.6. The alpha of lossy pictures is one, too.
//!
//! Pixels are held as they come, 4 bytes each, since any of them may be copied later; what was done to them before is
//! undone row by row, and finished rows are handed on.
//!
//! ```text
//! bits.rs       bits                 codes.rs      prefix codes of a picture    huffman.rs  their tables
//! image.rs      pixels as they come  transform.rs  transforms, undone
//! ```

mod bits;
mod codes;
mod huffman;
mod image;
mod transform;

use self::bits::Bits;
use self::image::{Image, Start};
use self::transform::Transform;
use crate::{Error, Result, memory};

/// Bytes before the picture, where it is one by itself.
const HEADER: u32 = 5;

/// How many bytes decoding takes, besides the tables of codes.
pub(crate) fn memory(width: usize, height: usize) -> u64 {
    let (width, height) = (width as u64, height as u64);
    // Images with a pixel for each tile: two for transforms, and one for the codes.
    let tiles = width.div_ceil(4) * height.div_ceil(4);
    4 * (width * height + 3 * tiles + 2 * width)
}

/// What is decoded.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Is it alpha, without a header, and the values in green?
    pub(crate) is_alpha: bool,
    /// How many bytes the tables of codes may take.
    pub(crate) table_limit: u64,
}

/// Decodes the picture, and hands on its rows, one by one: alpha, red, green and blue from the highest byte down.
pub(crate) fn decode<E: From<Error>>(
    source: Source<'_>,
    sink: &mut dyn FnMut(&[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let Source { data, width, height, is_alpha, table_limit } = source;
    let mut bits = Bits::new(data);
    if !is_alpha {
        // Its size and version, which the container has read.
        (0..HEADER).for_each(|_| {
            bits.read(8);
        });
    }
    let (mut transforms, mut seen, mut packed_width) = (Vec::new(), 0, width);
    while bits.flag() {
        let (transform, width) = Transform::read(&mut bits, (packed_width, height), &mut seen, table_limit)?;
        transforms.push(transform);
        packed_width = width;
    }
    let start = Start::read(&mut bits, (packed_width, height), true, table_limit)?;
    // libwebp has a decoder of its own for this, which does not mind where the last pixel ends.
    let may_overshoot = is_alpha && matches!(transforms[..], [Transform::Palette { .. }]) && start.is_green_alone();
    let image = Image::read(&mut bits, &start, (packed_width, height), may_overshoot)?;
    drop(start);
    let mut row = memory::filled(width, 0)?;
    for y in 0..height {
        row.clear();
        row.extend_from_slice(image.row(y));
        transforms.iter_mut().rev().for_each(|transform| transform.undo(y, &mut row));
        sink(&row)?;
    }
    Ok(())
}
