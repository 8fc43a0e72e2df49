//! GIF: the first frame, as Pillow shows it.
//!
//! The frame lies on a canvas that grows where it reaches over the edge, filled with the transparent colour, or with
//! colour 0 where there is none. Colours beyond the palette's end are gray levels, as in Pillow's palettes.

use std::num::NonZeroU64;

use ::gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::{broken, pixel_buffer};
use crate::format::Format;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::new(limits.max_alloc).unwrap_or(NonZeroU64::MIN)));
    let mut decoder = options.read_info(bytes).map_err(failed)?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder.next_frame_info().map_err(failed)?;
    let Some(frame) = frame else { return Err(Error::new(ErrorKind::Decode, "GIF without a frame")) };
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    let (transparent, palette) = (frame.transparent, frame.palette.clone());
    let width = screen.0.max((left + frame_width) as u32);
    let height = screen.1.max((top + frame_height) as u32);

    let channels = if transparent.is_some() { 4 } else { 3 };
    // Besides the pixels, the frame's colour numbers are held.
    let mut data = pixel_buffer(width, height, channels, 1, limits)?;
    let mut numbers = memory::zeroed(frame_width, frame_height, 1)?;
    decoder.read_into_buffer(&mut numbers).map_err(failed)?;

    let palette = palette.as_deref().or(decoder.global_palette()).unwrap_or_default();
    let color = |number: u8| -> [u8; 4] {
        let known = palette.as_chunks::<3>().0.get(usize::from(number));
        let [red, green, blue] = known.copied().unwrap_or([number; 3]);
        [red, green, blue, if transparent == Some(number) { 0 } else { 255 }]
    };
    let colors: [[u8; 4]; 256] = std::array::from_fn(|number| color(number as u8));
    let (width, height, channels) = (width as usize, height as usize, channels as usize);
    let around = &colors[usize::from(transparent.unwrap_or(0))][..channels];
    data.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(around));
    let rows = data.chunks_exact_mut(width * channels).skip(top);
    for (row, numbers) in rows.zip(numbers.chunks_exact(frame_width.max(1))) {
        for (pixel, number) in row.chunks_exact_mut(channels).skip(left).zip(numbers) {
            pixel.copy_from_slice(&colors[usize::from(*number)][..channels]);
        }
    }
    let layout = if transparent.is_some() { Layout::Rgba } else { Layout::Rgb };
    Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, data)
}

fn failed(error: DecodingError) -> Error {
    match error {
        DecodingError::OutOfMemory => Error::new(ErrorKind::TooLarge, "GIF over the limits").with_source(error),
        _ => broken(Format::Gif, error),
    }
}
