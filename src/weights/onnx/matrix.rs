//! The rows of a weight that stands in its initializer transposed, in whole numbers, or both.

use super::intake::Collected;
use super::parts::Form;
use super::tensor::NumberType;
use crate::error::Result;
use crate::weights::format::check_finite;
use crate::weights::invalid;
use crate::weights::sinks::{Row, RowSink, reserved};

/// Rows that are made at a time: what a transposed weight has of each of them lies side by side.
const AT_ONCE: usize = 16;

/// A weight, whole.
pub(super) struct Matrix {
    pub(super) data: Collected,
    pub(super) form: Form,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) scaling: Option<Scaling>,
}

/// What whole numbers are scaled by.
pub(super) struct Scaling {
    scales: Vec<f32>,
    /// As many as there are scales, or one, or none.
    zero_points: Vec<f32>,
    /// Scales of a row.
    of_row: usize,
}

impl Scaling {
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): so many scales or zero points have no meaning.
    pub(super) fn new(scale: &Collected, zero_point: Option<Collected>, form: Form, rows: usize) -> Result<Self> {
        let scales = floats(scale)?;
        let of_row = match form {
            Form::Blocks { size, inputs, .. } => inputs.div_ceil(size.max(1)),
            _ => 1,
        };
        if scales.len() != 1 && scales.len() != rows.saturating_mul(of_row) {
            return Err(invalid(format!("{} scales for {rows} rows", scales.len())));
        }
        let zero_points = match (zero_point, form) {
            (None, Form::Blocks { bits, .. }) => vec![f32::from(1u8 << (bits - 1).min(7))],
            (None, _) => vec![0.0],
            (Some(zero), Form::Blocks { bits, .. }) if zero.number_type == NumberType::U8 => {
                unpacked(&zero.bytes, bits, rows, of_row)
            }
            (Some(zero), _) => floats(&zero)?,
        };
        if zero_points.len() != 1 && zero_points.len() != scales.len() {
            return Err(invalid(format!("{} zero points for {} scales", zero_points.len(), scales.len())));
        }
        if let Some(scale) = scales.iter().chain(&zero_points).find(|scale| !scale.is_finite()) {
            return Err(invalid(format!("not finite: a scale is {scale}")));
        }
        Ok(Self { scales, zero_points, of_row })
    }

    /// Scale and zero point of a block of a row.
    fn of(&self, row: usize, block: usize) -> (f32, f32) {
        let at = row * self.of_row + block;
        let one = |values: &[f32]| values.get(if values.len() == 1 { 0 } else { at }).copied().unwrap_or_default();
        (one(&self.scales), one(&self.zero_points))
    }
}

/// The zero points of blocks: of each row as many whole bytes as it takes.
fn unpacked(bytes: &[u8], bits: usize, rows: usize, of_row: usize) -> Vec<f32> {
    let row = (of_row * bits).div_ceil(8).max(1);
    let numbers = bytes.chunks(row).take(rows);
    numbers.flat_map(|row| (0..of_row).map(|at| f32::from(whole_number(row, bits, at)))).collect()
}

/// Number `at` of those that are packed in bytes, the lowest bits first; 4 or 8 bits each.
fn whole_number(packed: &[u8], bits: usize, at: usize) -> u8 {
    match bits {
        4 => packed.get(at / 2).map_or(0, |byte| byte >> (4 * (at % 2)) & 15),
        _ => packed.get(at).copied().unwrap_or_default(),
    }
}

impl Matrix {
    /// Gives all rows to a sink.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): a value is not finite; and the sink's.
    pub(super) fn rows(&self, sink: &mut dyn RowSink) -> Result<()> {
        if let Form::Blocks { bits, .. } = self.form
            && !matches!(bits, 4 | 8)
        {
            return Err(invalid(format!("it is in blocks of {bits} bits; this reads 4 and 8")));
        }
        let mut values: Vec<f32> = reserved(AT_ONCE * self.columns)?;
        for first in (0..self.rows).step_by(AT_ONCE) {
            let count = AT_ONCE.min(self.rows - first);
            values.clear();
            values.resize(count * self.columns, 0.0);
            match self.form {
                Form::Transposed => self.transposed(first, count, &mut values),
                Form::Blocks { bits, size, .. } => self.blocks(first, (bits, size), &mut values),
                Form::Plain | Form::Exponential => self.plain(first, &mut values),
            }
            for (at, row) in values.chunks(self.columns.max(1)).enumerate() {
                check_finite(row, (first + at) * self.columns)?;
                sink.push(Row::Floats(row))?;
            }
        }
        Ok(())
    }

    fn plain(&self, first: usize, values: &mut [f32]) {
        numbers(&self.data, first * self.columns, values);
        if self.form == Form::Exponential {
            values.iter_mut().for_each(|value| *value = value.ln());
        }
        for (at, row) in values.chunks_mut(self.columns.max(1)).enumerate() {
            self.scale(first + at, row);
        }
    }

    fn transposed(&self, first: usize, count: usize, values: &mut [f32]) {
        let mut column = [0.0; AT_ONCE];
        for at in 0..self.columns {
            let column = column.get_mut(..count).unwrap_or_default();
            numbers(&self.data, at * self.rows + first, column);
            for (row, value) in column.iter().enumerate() {
                if let Some(place) = values.get_mut(row * self.columns + at) {
                    *place = *value;
                }
            }
        }
        for (at, row) in values.chunks_mut(self.columns.max(1)).enumerate() {
            self.scale(first + at, row);
        }
    }

    fn scale(&self, row: usize, values: &mut [f32]) {
        if let Some(scaling) = &self.scaling {
            let (scale, zero_point) = scaling.of(row, 0);
            values.iter_mut().for_each(|value| *value = (*value - zero_point) * scale);
        }
    }

    fn blocks(&self, first: usize, (bits, size): (usize, usize), values: &mut [f32]) {
        let Some(scaling) = &self.scaling else { return };
        let bytes_of_row = scaling.of_row * (size * bits / 8);
        for (at, values) in values.chunks_mut(self.columns.max(1)).enumerate() {
            let row = first + at;
            let packed = self.data.bytes.get(row * bytes_of_row..).unwrap_or_default();
            for (block, values) in values.chunks_mut(size.max(1)).enumerate() {
                let (scale, zero_point) = scaling.of(row, block);
                for (at, value) in values.iter_mut().enumerate() {
                    *value = (f32::from(whole_number(packed, bits, block * size + at)) - zero_point) * scale;
                }
            }
        }
    }
}

/// All numbers of an initializer.
fn floats(collected: &Collected) -> Result<Vec<f32>> {
    let len = collected.bytes.len() / collected.number_type.bytes();
    let mut values = reserved(len)?;
    values.resize(len, 0.0);
    numbers(collected, 0, &mut values);
    Ok(values)
}

/// The numbers from `first` on, as floats.
fn numbers(collected: &Collected, first: usize, values: &mut [f32]) {
    let bytes = collected.bytes.get(first * collected.number_type.bytes()..).unwrap_or_default();
    match collected.number_type {
        NumberType::U8 => bytes.iter().zip(values).for_each(|(byte, value)| *value = f32::from(*byte)),
        NumberType::I8 => bytes.iter().zip(values).for_each(|(byte, value)| *value = f32::from(*byte as i8)),
        NumberType::Floats(format) => format.read_floats(bytes, values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::format::Format;
    use crate::weights::sinks::{Value, floats as collect};

    fn rows_of(matrix: &Matrix) -> Vec<f32> {
        let mut sink = collect(matrix.rows * matrix.columns).unwrap();
        matrix.rows(&mut *sink).unwrap();
        let Value::Floats(values) = sink.end().unwrap() else { panic!("no floats") };
        values
    }

    fn whole_numbers(bytes: &[u8]) -> Collected {
        Collected { number_type: NumberType::U8, bytes: bytes.to_vec() }
    }

    fn f32s(values: &[f32]) -> Collected {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Collected { number_type: NumberType::Floats(Format::F32), bytes }
    }

    #[test]
    fn blocks_of_4_and_of_8_bits_with_and_without_zero_points() {
        // Two rows of three values in blocks of two: the last number of each row is none.
        let (rows, columns) = (2, 3);
        let scales = f32s(&[1.0, 2.0, 10.0, 0.5]);
        let form = |bits| Form::Blocks { bits, size: 2, outputs: rows, inputs: columns };
        let cases = [
            (4, vec![0x9a, 0x0b, 0x8c, 0x07], None, [2.0, 1.0, 6.0, 40.0, 0.0, -0.5]),
            (4, vec![0x9a, 0x0b, 0x8c, 0x07], Some(vec![0x21, 0x43]), [9.0, 8.0, 18.0, 90.0, 50.0, 1.5]),
            (8, vec![130, 127, 128, 0, 129, 128, 130, 0], None, [2.0, -1.0, 0.0, 10.0, 0.0, 1.0]),
            (8, vec![3, 2, 9, 0, 7, 6, 5, 0], Some(vec![1, 2, 3, 4]), [2.0, 1.0, 14.0, 40.0, 30.0, 0.5]),
        ];
        for (bits, data, zero_points, expected) in cases {
            let zero_points = zero_points.map(|bytes| whole_numbers(&bytes));
            let scaling = Scaling::new(&scales, zero_points, form(bits), rows).unwrap();
            let data = whole_numbers(&data);
            let matrix = Matrix { data, form: form(bits), rows, columns, scaling: Some(scaling) };
            assert_eq!(rows_of(&matrix), expected, "{bits} bits");
        }
    }

    #[test]
    fn transposed_whole_numbers_have_the_scale_of_their_output() {
        let scaling = Scaling::new(&f32s(&[1.0, 10.0]), Some(whole_numbers(&[0, 5])), Form::Transposed, 2).unwrap();
        let data = whole_numbers(&[1, 6, 2, 7, 3, 8]);
        let matrix = Matrix { data, form: Form::Transposed, rows: 2, columns: 3, scaling: Some(scaling) };
        assert_eq!(rows_of(&matrix), [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        assert!(Scaling::new(&f32s(&[1.0; 3]), None, Form::Transposed, 2).is_err(), "three scales for two rows");
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let data = f32s(&[1.0, f32::NAN, 2.0, 3.0]);
        let matrix = Matrix { data, form: Form::Transposed, rows: 2, columns: 2, scaling: None };
        let error = matrix.rows(&mut *collect(4).unwrap()).unwrap_err();
        assert!(error.to_string().contains("not finite: value 2 is NaN"), "{error}");
        assert!(Scaling::new(&f32s(&[f32::INFINITY]), None, Form::Plain, 1).is_err());
    }
}
