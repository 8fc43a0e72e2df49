//! JPEG, by this crate's own decoder: see [`crate::image::jpeg`].

use super::check_pixels;
use crate::image::jpeg::{Decoder, Scale};
use crate::image::limits::Limits;
use crate::image::memory;
use crate::image::pixels::Pixels;
use crate::{Error, ErrorKind, Result};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let mut decoder = Decoder::new(bytes)?;
    let scale = Scale::Full;
    let (width, height) = decoder.size(scale);
    check_pixels(width as u64, height as u64, limits)?;
    let layout = decoder.layout();
    let pixels = (width * height * layout.channels()) as u64;
    let needed = pixels.saturating_add(decoder.memory(scale));
    if needed > limits.max_alloc {
        let context = format!("{width}x{height} pixels take {needed} bytes, over the limit of {}", limits.max_alloc);
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    let orientation = decoder.take_metadata().orientation();
    let mut data = memory::reserved(width, height, layout.channels())?;
    decoder.decode(scale, |row| {
        data.extend_from_slice(row);
        Ok(())
    })?;
    Pixels::new(width, height, layout, orientation, data)
}
