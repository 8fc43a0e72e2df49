//! The weight of a linear layer as the kernels read it: `[input][output]`, each filled up with zeros to a multiple of four, in
//! half precision where that loses nothing, or was asked for.

use crate::error::{Error, ErrorKind, Result};
use half::f16;
use std::borrow::Cow;

/// Filled up to whole vectors of four.
pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// A weight, packed.
pub(crate) struct Matrix {
    /// Little-endian. Empty once they have been given out.
    pub(crate) bytes: Vec<u8>,
    pub(crate) half: bool,
}

impl Matrix {
    /// Of rows of `inputs` weights, one row for each output; `rounded` to half precision, or so only where that loses nothing.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub(crate) fn new(values: &[f32], inputs: usize, rounded: bool) -> Result<Self> {
        let fits = |value: f32| f16::from_f32(value).is_finite();
        let is_half = |value: f32| f16::from_f32(value).to_f32().to_bits() == value.to_bits();
        let half = values.iter().all(|value| if rounded { fits(*value) } else { is_half(*value) });
        let outputs = values.len() / inputs.max(1);
        let columns = padded(outputs);
        let size = if half { size_of::<f16>() } else { size_of::<f32>() };
        let (mut bytes, len) = (Vec::new(), padded(inputs) * columns * size);
        bytes.try_reserve_exact(len).map_err(|error| {
            Error::new(ErrorKind::OutOfMemory, format!("no memory for {len} bytes")).with_source(error)
        })?;
        bytes.resize(len, 0);
        for (input, place) in bytes.chunks_exact_mut((columns * size).max(1)).enumerate().take(inputs) {
            let column = values.iter().skip(input).step_by(inputs.max(1));
            match half {
                true => column
                    .zip(place.as_chunks_mut::<2>().0)
                    .for_each(|(value, to)| *to = f16::from_f32(*value).to_le_bytes()),
                false => column.zip(place.as_chunks_mut::<4>().0).for_each(|(value, to)| *to = value.to_le_bytes()),
            }
        }
        Ok(Self { bytes, half })
    }
}

/// Rows filled up with zeros to a multiple of four.
pub(crate) fn padded_rows(values: &[f32], columns: usize) -> Cow<'_, [f32]> {
    let stride = padded(columns);
    if stride == columns {
        return Cow::Borrowed(values);
    }
    let mut rows = vec![0.0; values.len() / columns.max(1) * stride];
    for (place, row) in rows.chunks_exact_mut(stride).zip(values.chunks_exact(columns)) {
        place.iter_mut().zip(row).for_each(|(place, value)| *place = *value);
    }
    Cow::Owned(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_transposed_and_filled_up() {
        // Two outputs of three inputs; 0.1 has no half.
        let single = Matrix::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 0.1], 3, false).unwrap();
        let floats: Vec<f32> = single.bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert!(!single.half);
        assert_eq!(floats, [1.0, 4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0, 3.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let half = Matrix::new(&[1.0, -2.5], 1, false).unwrap();
        let floats: Vec<f32> =
            half.bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect();
        assert!(half.half && Matrix::new(&[0.1], 1, true).unwrap().half);
        assert_eq!(floats[..4], [1.0, -2.5, 0.0, 0.0]);
        assert_eq!(padded_rows(&[1.0, 2.0, 3.0], 3)[..], [1.0, 2.0, 3.0, 0.0]);
    }
}
