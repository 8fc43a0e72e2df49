//! Large buffers: refused with an error where memory runs out, instead of ending the process.

use crate::{Error, ErrorKind, Result};

/// `width·height·channels` zero bytes.
pub(crate) fn zeroed(width: usize, height: usize, channels: usize) -> Result<Vec<u8>> {
    filled(width, height, channels, 0)
}

/// `width·height·channels` times `value`.
pub(crate) fn filled<T: Clone>(width: usize, height: usize, channels: usize, value: T) -> Result<Vec<T>> {
    let mut buffer = reserved(width, height, channels)?;
    // No overflow: there is room for so many.
    buffer.resize(width * height * channels, value);
    Ok(buffer)
}

/// An empty buffer with room for `width·height·channels` values.
pub(crate) fn reserved<T>(width: usize, height: usize, channels: usize) -> Result<Vec<T>> {
    let length = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(channels))
        .ok_or_else(|| out_of_memory(width, height, channels))?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|error| out_of_memory(width, height, channels).with_source(error))?;
    Ok(buffer)
}

fn out_of_memory(width: usize, height: usize, channels: usize) -> Error {
    Error::new(ErrorKind::OutOfMemory, format!("no memory for {width}x{height}x{channels} values"))
}
