//! Tables of which single rows are read when they are asked for.
//!
//! The table of a multilingual text tower is most of its file: 256,000 rows or more, of which a query needs some ten. So it
//! may be left where it stands; what is kept of it is its place, from which rows follow.

use super::format::{Format, check_finite, values_in};
use super::{GAP, TensorSpec};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::ops::Range;

/// Where a table stands: rows of `columns` values, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TablePlace {
    /// The file, by the name that [`Loader::file`](crate::model::Loader::file) gives it.
    pub(crate) file: String,
    start: u64,
    format: Format,
    rows: usize,
    pub(crate) columns: usize,
}

impl TablePlace {
    /// Of a tensor that stands in some file from byte `start` on. `None` for a form whose rows don't stand by themselves.
    pub(super) fn new(spec: &TensorSpec, format: Format, start: u64) -> Option<Self> {
        let [rows, columns @ ..] = spec.shape.as_slice() else { return None };
        let row_bytes = format.float_bytes()?.checked_mul(values_in(columns))? as u64;
        start.checked_add(row_bytes.checked_mul(*rows as u64)?)?.checked_add(GAP)?;
        Some(Self { file: String::new(), start, format, rows: *rows, columns: values_in(columns) })
    }

    /// Of what a file of ours says of a table that it has not (`stored.rs`).
    pub(super) fn from_text(text: &str, spec: &TensorSpec) -> Option<Self> {
        let (format, rest) = text.split_once(' ')?;
        let (start, file) = rest.split_once(' ')?;
        let formats = [Format::F64, Format::F32, Format::F16, Format::Bf16];
        let format = formats.into_iter().find(|known| known.dtype().to_string() == format)?;
        Self::new(spec, format, start.parse().ok()?).map(|place| place.in_file(file))
    }

    /// The same as such a text.
    pub(super) fn to_text(&self) -> String {
        format!("{} {} {}", self.format.dtype(), self.start, self.file)
    }

    /// The same in a file of that name.
    pub(super) fn in_file(self, file: &str) -> Self {
        Self { file: file.to_owned(), ..self }
    }

    fn row_bytes(&self) -> u64 {
        (self.format.float_bytes().unwrap_or_default() * self.columns) as u64
    }

    /// The bytes of rows, those that stand close together in one range.
    pub(crate) fn ranges(&self, rows: &BTreeSet<u32>) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for row in rows.iter().filter(|row| (**row as usize) < self.rows) {
            let start = self.start + u64::from(*row) * self.row_bytes();
            match ranges.last_mut() {
                Some(last) if start <= last.end + GAP => last.end = start + self.row_bytes(),
                _ => ranges.push(start..start + self.row_bytes()),
            }
        }
        ranges
    }

    /// The whole rows in the bytes of the file from `at` on.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): a value is not finite.
    pub(crate) fn rows_in(&self, at: u64, bytes: &[u8]) -> Result<Vec<(u32, Vec<f32>)>> {
        let row_bytes = self.row_bytes().max(1);
        let first = at.saturating_sub(self.start).div_ceil(row_bytes);
        let skipped = usize::try_from(self.start + first * row_bytes - at).unwrap_or(usize::MAX);
        let whole = bytes.get(skipped..).unwrap_or_default().chunks_exact(row_bytes as usize);
        let rows = (first..self.rows as u64).zip(whole).map(|(row, bytes)| {
            let mut values = vec![0.0; self.columns];
            self.format.read_floats(bytes, &mut values);
            let named = |error: Error| error.within(format_args!("row {row} of the table of tokens"));
            check_finite(&values, 0).map_err(named)?;
            Ok((row as u32, values))
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Use;
    use half::f16;

    fn place(format: Format) -> TablePlace {
        let spec = TensorSpec::new("table", [100_000, 3], Use::Rows);
        TablePlace::new(&spec, format, 1000).unwrap()
    }

    #[test]
    fn a_place_is_a_text_and_back() {
        let spec = TensorSpec::new("table", [100_000, 3], Use::Rows);
        for format in [Format::F64, Format::F32, Format::F16, Format::Bf16] {
            let place = place(format).in_file("model-00001 of 2.safetensors");
            assert_eq!(TablePlace::from_text(&place.to_text(), &spec), Some(place));
        }
        for wrong in ["", "F32", "F32 x a", "I8 5 a", "F32 -1 a"] {
            assert_eq!(TablePlace::from_text(wrong, &spec), None, "{wrong}");
        }
    }

    #[test]
    fn rows_that_stand_close_together_are_one_range() {
        let ranges = |rows: &[u32]| place(Format::F32).ranges(&rows.iter().copied().collect());
        assert_eq!(ranges(&[0, 5]), vec![Range { start: 1000, end: 1072 }]);
        assert_eq!(ranges(&[2, 99_999]), [1024..1036, 1_200_988..1_201_000]);
        assert_eq!(ranges(&[100_000]), []);
    }

    #[test]
    fn rows_are_those_that_are_whole() {
        let bytes: Vec<u8> = (0..12).flat_map(|value| (value as f32).to_le_bytes()).collect();
        let rows = |at: u64, bytes: &[u8]| place(Format::F32).rows_in(at, bytes).unwrap();
        assert_eq!(rows(1012, &bytes[..35]), [(1, vec![0., 1., 2.]), (2, vec![3., 4., 5.])]);
        assert_eq!(rows(1004, &bytes), [(1, vec![2., 3., 4.]), (2, vec![5., 6., 7.]), (3, vec![8., 9., 10.])]);
        assert_eq!(rows(1_200_988, &bytes), [(99_999, vec![0., 1., 2.])]);
        let halves: Vec<u8> = [1.5, -2.0, 65504.0].iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        assert_eq!(place(Format::F16).rows_in(1000, &halves).unwrap(), [(0, vec![1.5, -2.0, 65504.0])]);
        assert!(place(Format::F32).rows_in(1000, &f32::NAN.to_le_bytes().repeat(3)).is_err());
    }
}
