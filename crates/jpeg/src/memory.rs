//! Buffers: refused with an error where memory runs out, instead of ending the process. `webp` has the same few lines, with
//! an error of its own: either crate is of use alone.

use crate::{Error, ErrorKind, Result};

/// `count` times `value`.
pub(crate) fn filled<T: Clone>(count: usize, value: T) -> Result<Vec<T>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(count).map_err(|_| {
        let bytes = count.saturating_mul(size_of::<T>());
        Error::new(ErrorKind::OutOfMemory, format!("no memory for {bytes} bytes"))
    })?;
    buffer.resize(count, value);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_had_is_an_error() {
        assert_eq!(filled(3, 7.5).unwrap(), [7.5; 3]);
        for count in [usize::MAX, usize::MAX / 128, usize::MAX / 300] {
            assert_eq!(filled(count, [0i16; 64]).unwrap_err().kind(), ErrorKind::OutOfMemory);
        }
    }
}
