//! Large buffers: refused with an error where memory runs out, instead of ending the process.

use crate::{Error, Result};

/// `width·height·channels` zero bytes.
pub(crate) fn zeroed(width: usize, height: usize, channels: usize) -> Result<Vec<u8>> {
    let length = reserve::<u8>(width, height, channels)?.0;
    // `vec!` takes pages that are zero already and touches none; only it can't fail. That the memory is there has just
    // been tried.
    Ok(vec![0; length])
}

/// `width·height·channels` times `value`.
pub(crate) fn filled<T: Clone>(width: usize, height: usize, channels: usize, value: T) -> Result<Vec<T>> {
    let (length, mut buffer) = reserve(width, height, channels)?;
    buffer.resize(length, value);
    Ok(buffer)
}

/// The length, and an empty buffer with room for it.
fn reserve<T>(width: usize, height: usize, channels: usize) -> Result<(usize, Vec<T>)> {
    let failed = || Error::OutOfMemory(format!("{width}x{height}x{channels} values"));
    let length = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels)).ok_or_else(failed)?;
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(length).map_err(|_| failed())?;
    Ok((length, buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_had_is_an_error() {
        assert_eq!(zeroed(2, 3, 4).unwrap(), [0; 24]);
        assert_eq!(filled(1, 3, 1, 7.5).unwrap(), [7.5; 3]);
        for (width, height, channels) in [(usize::MAX, 1, 1), (usize::MAX, usize::MAX, 1), (1 << 30, 1 << 30, 64)] {
            assert!(matches!(zeroed(width, height, channels), Err(Error::OutOfMemory(_))));
        }
    }
}
