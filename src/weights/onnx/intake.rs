//! From the initializers of a graph to the tensors of a model, as they come.
//!
//! A tensor that stands as the towers see it goes row by row to its sinks while it arrives. One that is transposed or
//! scaled is collected first, in the bytes that it has in the file, until its scale is there too; its rows are made then.

use super::matrix::{Matrix, Scaling};
use super::names::Names;
use super::parts::{Form, Origin, Piece};
use super::tensor::{NumberType, Tensor};
use crate::error::{Error, Result};
use crate::weights::data::Output;
use crate::weights::decode::Decoder;
use crate::weights::format::Format;
use crate::weights::sinks::{chain, reserved};
use crate::weights::{TensorSpec, Use, invalid, missing, named};
use std::collections::HashMap;

/// What an initializer is to a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Data,
    /// All rows but the first.
    Rest,
    Scale,
    ZeroPoint,
}

/// A tensor that is not complete.
struct Pending {
    spec: TensorSpec,
    origin: Origin,
    data: Option<Collected>,
    rest: Option<Collected>,
    scale: Option<Collected>,
    zero_point: Option<Collected>,
}

/// An initializer in the bytes of the file.
#[derive(Clone)]
pub(super) struct Collected {
    pub(super) number_type: NumberType,
    pub(super) bytes: Vec<u8>,
}

impl Collected {
    /// Numbers in it, or what packs some of them.
    fn len(&self) -> usize {
        self.bytes.len() / self.number_type.bytes()
    }

    /// Leaves one of several equal parts of each of so many runs.
    fn cut(&mut self, Piece { index, of }: Piece, runs: usize) {
        let part = self.bytes.len() / runs.max(1) / of.max(1);
        let whole = part * of;
        let runs = self.bytes.chunks(whole.max(1));
        self.bytes = runs.flat_map(|run| run.iter().skip(index * part).take(part).copied()).collect();
    }
}

/// The tensors that a file is read for.
#[derive(Default)]
pub(super) struct Intake {
    pending: HashMap<usize, Pending>,
    /// What initializers are for, by their names.
    uses: HashMap<String, Vec<(usize, Role)>>,
}

/// An initializer that is arriving.
pub(super) enum Arriving {
    /// A tensor's own, row by row.
    Rows(Box<(TensorSpec, Decoder)>),
    /// To be collected.
    Bytes(Box<Tensor>, Collected),
}

impl Intake {
    /// Of the specs takes those that the file has; the others stay.
    pub(super) fn take(&mut self, specs: &mut Vec<TensorSpec>, names: &Names) {
        let mut at = 0;
        for mut spec in std::mem::take(specs) {
            let Some(origin) = names.get(&spec.name).cloned() else {
                specs.push(spec);
                continue;
            };
            if spec.usage == Use::Rows {
                // Where an initializer stands is known only when it comes.
                spec.usage = Use::Table;
            }
            let Origin { data, rest, scale, zero_point, .. } = &origin;
            let parts = [
                (Some(data), Role::Data),
                (rest.as_ref().map(|(rest, _)| rest), Role::Rest),
                (scale.as_ref(), Role::Scale),
                (zero_point.as_ref(), Role::ZeroPoint),
            ];
            for (name, role) in parts {
                if let Some(name) = name {
                    self.uses.entry(name.clone()).or_default().push((at, role));
                }
            }
            self.pending.insert(at, Pending { spec, origin, data: None, rest: None, scale: None, zero_point: None });
            at += 1;
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn is_wanted(&self, initializer: &str) -> bool {
        self.uses.contains_key(initializer)
    }

    /// Begins an initializer of `len` bytes, which is wanted.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): it is of another shape, length or type than what it is for.
    pub(super) fn begin(&mut self, tensor: Tensor, len: u64, output: &Output) -> Result<Arriving> {
        let uses = self.uses.get(&tensor.name).map(Vec::as_slice).unwrap_or_default();
        for (at, role) in uses {
            if let Some(pending) = self.pending.get(at) {
                pending.check(*role, &tensor).map_err(|error| named(&pending.spec.name, error))?;
            }
        }
        let number_type = tensor.number_type()?;
        let bytes = tensor.len().saturating_mul(number_type.bytes());
        if bytes as u64 != len {
            let what =
                format!("the initializer {} has {len} bytes; its shape {:?} is {bytes}", tensor.name, tensor.dims);
            return Err(invalid(what));
        }
        if let ([(at, Role::Data)], NumberType::Floats(format)) = (uses, number_type)
            && let Some(pending) = self.pending.get(at).filter(|pending| pending.is_plain())
        {
            let at = *at;
            let spec = pending.spec.clone();
            let decoder = pending.decoder(format, output).map_err(|error| named(&spec.name, error))?;
            self.pending.remove(&at);
            self.uses.remove(&tensor.name);
            return Ok(Arriving::Rows(Box::new((spec, decoder))));
        }
        Ok(Arriving::Bytes(Box::new(tensor), Collected { number_type, bytes: reserved(bytes)? }))
    }

    /// Puts an initializer that has arrived where it belongs.
    pub(super) fn end(&mut self, arriving: Arriving, output: &mut Output) -> Result<()> {
        let (tensor, collected) = match arriving {
            Arriving::Rows(row) => {
                let (spec, decoder) = *row;
                let value = decoder.end().map_err(|error| named(&spec.name, error))?;
                output.weights.insert(spec.name, value);
                return Ok(());
            }
            Arriving::Bytes(tensor, collected) => (tensor, collected),
        };
        let mut uses = self.uses.remove(&tensor.name).unwrap_or_default();
        let mut collected = Some(collected);
        while let Some((at, role)) = uses.pop() {
            let Some(pending) = self.pending.get_mut(&at) else { continue };
            let Some(bytes) = (if uses.is_empty() { collected.take() } else { collected.clone() }) else { continue };
            pending.put(role, bytes);
            if pending.is_complete()
                && let Some(pending) = self.pending.remove(&at)
            {
                let name = pending.spec.name.clone();
                pending.finish(output).map_err(|error| named(&name, error))?;
            }
        }
        Ok(())
    }

    /// The error of a file that has ended without a tensor.
    pub(super) fn missing(&self) -> Option<Error> {
        let pending = self.pending.values().min_by(|a, b| a.spec.name.cmp(&b.spec.name))?;
        let name = &pending.spec.name;
        let Origin { data, rest, scale, zero_point, .. } = &pending.origin;
        let lacks = [
            (Some(data), &pending.data, "weights"),
            (rest.as_ref().map(|(rest, _)| rest), &pending.rest, "other rows"),
            (scale.as_ref(), &pending.scale, "scale"),
            (zero_point.as_ref(), &pending.zero_point, "zero point"),
        ];
        let lack =
            lacks.into_iter().find_map(|(name, part, what)| name.filter(|_| part.is_none()).map(|name| (name, what)));
        Some(match lack {
            Some((initializer, what)) => {
                let what = format!("tensor {name}: its {what}, the initializer {initializer}, is not in the ONNX file");
                invalid(what).about_tensor(name)
            }
            None => missing(name),
        })
    }
}

impl Arriving {
    /// Takes what belongs to the initializer, of which `left` bytes are to come, and gives back the rest.
    pub(super) fn push<'a>(&mut self, piece: &'a [u8], left: u64) -> Result<&'a [u8]> {
        let mine = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (mine, rest) = piece.split_at(mine);
        match self {
            Self::Rows(row) => {
                let (spec, decoder) = &mut **row;
                decoder.push(mine).map_err(|error| named(&spec.name, error))?;
            }
            Self::Bytes(_, collected) => collected.bytes.extend_from_slice(mine),
        }
        Ok(rest)
    }

    /// The name of the tensor, or of the initializer.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Rows(row) => &row.0.name,
            Self::Bytes(tensor, _) => &tensor.name,
        }
    }
}

impl Pending {
    /// Whether the initializer is the tensor, row by row.
    fn is_plain(&self) -> bool {
        let Origin { form, scale, piece, rest, .. } = &self.origin;
        *form == Form::Plain && scale.is_none() && piece.is_none() && rest.is_none()
    }

    fn is_complete(&self) -> bool {
        let Origin { rest, scale, zero_point, .. } = &self.origin;
        self.data.is_some()
            && rest.is_some() == self.rest.is_some()
            && scale.is_some() == self.scale.is_some()
            && zero_point.is_some() == self.zero_point.is_some()
    }

    fn put(&mut self, role: Role, mut collected: Collected) {
        if let Some(piece) = self.origin.piece {
            // What stands for all outputs stays; outputs are on the second axis of a matrix that stands transposed.
            let is_transposed = role == Role::Data && self.origin.form == Form::Transposed;
            let runs = if is_transposed { self.spec.rows().1 } else { 1 };
            if collected.len() > 1 {
                collected.cut(piece, runs);
            }
        }
        let part = match role {
            Role::Data => &mut self.data,
            Role::Rest => &mut self.rest,
            Role::Scale => &mut self.scale,
            Role::ZeroPoint => &mut self.zero_point,
        };
        *part = Some(collected);
    }

    fn decoder(&self, format: Format, output: &Output) -> Result<Decoder> {
        let spec = &self.spec;
        let sink = chain(spec, format, spec.usage.destination(output.target), output.recording.as_ref())?;
        Decoder::new(format, spec.rows(), sink)
    }

    /// Whether an initializer can be what it is to this tensor.
    fn check(&self, role: Role, tensor: &Tensor) -> Result<()> {
        let TensorSpec { shape, .. } = &self.spec;
        let (number_type, (rows, columns)) = (tensor.number_type()?, self.spec.rows());
        // Outputs of all that stands there.
        let of = self.origin.piece.map_or(1, |piece| piece.of);
        let rows = rows.saturating_mul(of);
        if matches!(role, Role::Scale | Role::ZeroPoint) {
            let most = match self.origin.form {
                Form::Blocks { size, .. } => rows.saturating_mul(columns.div_ceil(size.max(1))),
                _ => rows,
            };
            if role == Role::Scale && !matches!(number_type, NumberType::Floats(_)) {
                return Err(invalid(format!("its scale, {}, is in whole numbers", tensor.name)));
            }
            // Outputs are on the first axis, or on the second of a matrix that stands transposed.
            let of_outputs = if self.origin.form == Form::Transposed { 1 } else { 0 };
            let axis = self.origin.axis.map(|axis| if axis < 0 { axis + shape.len() as i64 } else { axis });
            if tensor.len() > 1 && axis.is_some_and(|axis| axis != of_outputs) {
                return Err(invalid(format!("its scales, {}, are not one for each output", tensor.name)));
            }
            return if tensor.len() <= most { Ok(()) } else { Err(self.other_shape(role, tensor)) };
        }
        let without_ones = |dims: &[usize]| dims.iter().copied().filter(|dim| *dim != 1).collect::<Vec<_>>();
        let (mut expected, mut found) = (shape.clone(), without_ones(&tensor.dims));
        if let Some(outputs) = expected.first_mut() {
            *outputs = outputs.saturating_mul(of);
        }
        let expected = without_ones(&expected);
        let fits = match self.origin.form {
            // The first row, and then the others, whose place may have two axes.
            _ if role == Role::Rest => {
                if self.origin.rest.as_ref().is_some_and(|(_, form)| *form == Form::Transposed) {
                    found.reverse();
                }
                found.last() == Some(&columns) && tensor.len() == rows.saturating_sub(1).saturating_mul(columns)
            }
            _ if self.origin.rest.is_some() => found == [columns],
            Form::Plain | Form::Exponential => found == expected,
            Form::Transposed => {
                found.reverse();
                found == expected
            }
            Form::Blocks { bits, size, outputs, inputs } => {
                if !matches!(bits, 4 | 8) || size == 0 || !size.saturating_mul(bits).is_multiple_of(8) {
                    return Err(invalid(format!("blocks of {size} numbers of {bits} bits; this reads 4 and 8 bits")));
                }
                let blocks = inputs.div_ceil(size).saturating_mul(size.saturating_mul(bits) / 8);
                (outputs, inputs) == (rows, columns) && tensor.len() == outputs.saturating_mul(blocks)
            }
        };
        let is_scaled = self.origin.scale.is_some();
        match number_type {
            _ if !fits => Err(self.other_shape(role, tensor)),
            NumberType::Floats(_) if is_scaled => Err(invalid("it has a scale, and is not in whole numbers")),
            NumberType::U8 | NumberType::I8 if !is_scaled => Err(invalid("it is in 8 bits, without a scale")),
            _ => Ok(()),
        }
    }

    fn other_shape(&self, role: Role, tensor: &Tensor) -> Error {
        let (shape, dims) = (&self.spec.shape, &tensor.dims);
        let part = match role {
            Role::Data | Role::Rest => "",
            Role::Scale => "scale of the ",
            Role::ZeroPoint => "zero point of the ",
        };
        let name = &tensor.name;
        let what = format!("the initializer {name}, of shape {dims:?}, is not the {part}tensor of shape {shape:?}");
        invalid(what).about_shape(shape, dims)
    }

    /// Makes its rows of all that was collected.
    fn finish(self, output: &mut Output) -> Result<()> {
        let Self { spec, origin, data, rest, scale, zero_point } = self;
        let data = data.ok_or_else(|| missing(&spec.name))?;
        let stands = match data.number_type {
            NumberType::Floats(format) => format,
            NumberType::U8 | NumberType::I8 => Format::F32,
        };
        let (rows, columns) = spec.rows();
        // What is a part of a layer that gives more is as if it gave no more.
        let form = match origin.form {
            Form::Blocks { bits, size, inputs, .. } => Form::Blocks { bits, size, outputs: rows, inputs },
            form => form,
        };
        let scaling = scale.map(|scale| Scaling::new(&scale, zero_point, form, rows)).transpose()?;
        let mut sink = chain(&spec, stands, spec.usage.destination(output.target), output.recording.as_ref())?;
        match rest.zip(origin.rest) {
            Some((rest, (_, form_of_rest))) => {
                Matrix { data, form: Form::Plain, rows: 1, columns, scaling }.rows(&mut *sink)?;
                let rows = rows.saturating_sub(1);
                Matrix { data: rest, form: form_of_rest, rows, columns, scaling: None }.rows(&mut *sink)?;
            }
            None => Matrix { data, form, rows, columns, scaling }.rows(&mut *sink)?,
        }
        output.weights.insert(spec.name, sink.end()?);
        Ok(())
    }
}
