//! Large buffers: refused with an error where memory runs out, instead of ending the process.
//!
//! For zeros, `vec!` takes pages that are zero already and touches none; only it can't fail. That the memory is there has
//! been tried just before, and given back: two such buffers at a time would be twice the memory.

use crate::{Error, ErrorKind, Result};

/// `width·height·channels` zero bytes.
pub(crate) fn zeroed(width: usize, height: usize, channels: usize) -> Result<Vec<u8>> {
    let length = reserve::<u8>(width, height, channels)?.0;
    Ok(vec![0; length])
}

/// So many zeros.
pub(crate) fn zeroed_u32(length: usize) -> Result<Vec<u32>> {
    let length = reserve::<u32>(length, 1, 1)?.0;
    Ok(vec![0; length])
}

/// An empty buffer with space for `width·height·channels` values.
pub(crate) fn reserved<T>(width: usize, height: usize, channels: usize) -> Result<Vec<T>> {
    reserve(width, height, channels).map(|(_, buffer)| buffer)
}

/// The length, and an empty buffer with space for it.
fn reserve<T>(width: usize, height: usize, channels: usize) -> Result<(usize, Vec<T>)> {
    let failed = || {
        let context = format!("no memory for {width}x{height}x{channels} values");
        Error::new(ErrorKind::OutOfMemory, context)
    };
    let length = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels)).ok_or_else(failed)?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|error| failed().with_source(error))?;
    Ok((length, buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_had_is_an_error() {
        assert_eq!(zeroed(2, 3, 4).unwrap(), [0; 24]);
        for (width, height, channels) in [(usize::MAX, 1, 1), (usize::MAX, usize::MAX, 1), (1 << 30, 1 << 30, 64)] {
            assert_eq!(zeroed(width, height, channels).unwrap_err().kind(), ErrorKind::OutOfMemory);
        }
    }
}
