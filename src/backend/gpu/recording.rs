//! How a plan comes to be: operations over tokens that are [on a GPU](OnGpu) append their steps to a [`Recording`].

use super::kernels::{self, LARGEST_HEAD, Pointwise, Tile, attention, norm, part, product};
use super::matrix::padded;
use super::plan::{Buffer, Kernel, Plan, Role, Step, Tuning};
use crate::error::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The constants' place among the buffers of a plan, and the input's.
const CONSTANTS: usize = 0;
const INPUT: usize = 1;
/// Weights that a product takes at once.
const MOST_WEIGHTS: usize = 3;
/// The most workgroups along one axis that every GPU accepts.
const MOST_WORKGROUPS: usize = 65_535;

/// A plan under way. Clones share it.
#[derive(Clone)]
pub(crate) struct Recording(Arc<Mutex<State>>);

struct State {
    plan: Plan,
    constants: Vec<f32>,
    /// The scratch buffers that nobody uses just now.
    free: Vec<usize>,
    tuning: Tuning,
}

/// A scratch buffer, which goes back when the last one drops it who has tokens in it.
struct Scratch {
    recording: Recording,
    index: usize,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.index != INPUT {
            self.recording.state().free.push(self.index);
        }
    }
}

/// Where on a GPU the rows of some tokens are. Places are counted in vectors of four.
#[derive(Clone)]
pub(crate) struct OnGpu {
    scratch: Arc<Scratch>,
    start: usize,
    stride: usize,
}

/// Rows of values, and how many of each.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) rows: usize,
    pub(crate) channels: usize,
}

impl Rows {
    fn vectors(self) -> usize {
        padded(self.channels) / 4
    }
}

/// The weight of a linear layer on a GPU, and its bias.
pub(crate) struct GpuLinear {
    /// The tensor's name.
    pub(crate) name: String,
    pub(crate) half: bool,
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) bias: Option<Vec<f32>>,
}

/// What a product adds to.
pub(crate) enum Add<'a> {
    Nothing,
    /// What stands where the result goes.
    Itself,
    /// Rows of constants, one for each of a group; the groups stand `stride` rows apart, each after `first` other rows.
    Positions {
        values: &'a [f32],
        stride: usize,
        first: usize,
    },
}

impl Recording {
    /// Of a pass whose input is so many rows; and the input.
    pub(crate) fn new(tuning: Tuning, input: Rows) -> (Self, OnGpu) {
        let (input_rows, input_columns) = (input.rows, padded(input.channels));
        let constants = Buffer { size: 0, role: Role::Constants(Vec::new()) };
        let plan = Plan {
            kernels: Vec::new(),
            buffers: vec![constants, Buffer { size: bytes(input), role: Role::Input }],
            uniforms: Vec::new(),
            steps: Vec::new(),
            input_rows,
            input_columns,
            output_rows: 0,
            output_columns: 0,
        };
        let state = State { plan, constants: Vec::new(), free: Vec::new(), tuning };
        let recording = Self(Arc::new(Mutex::new(state)));
        let scratch = Arc::new(Scratch { recording: recording.clone(), index: INPUT });
        (recording, OnGpu { scratch, start: 0, stride: input.vectors() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan that gives `output`.
    pub(crate) fn finish(self, output: OnGpu, rows: Rows) -> Result<Plan> {
        let is_whole = output.start == 0 && output.stride == rows.vectors() && output.index() != INPUT;
        let output = if is_whole { output } else { output.copied(rows)? };
        let mut state = self.state();
        let mut plan = state.plan.clone();
        let constants = std::mem::take(&mut state.constants);
        drop(state);
        if let Some(buffer) = plan.buffers.get_mut(CONSTANTS) {
            // None is empty.
            *buffer = Buffer { size: (constants.len() * size_of::<f32>()).max(16), role: Role::Constants(constants) };
        }
        if let Some(buffer) = plan.buffers.get_mut(output.scratch.index) {
            buffer.role = Role::Output;
        }
        (plan.output_rows, plan.output_columns) = (rows.rows, padded(rows.channels));
        Ok(plan)
    }
}

fn bytes(rows: Rows) -> usize {
    rows.rows.saturating_mul(padded(rows.channels)).saturating_mul(size_of::<f32>()).max(16)
}

impl State {
    /// A row of constants, filled up; its place.
    fn constant(&mut self, values: &[f32]) -> usize {
        let at = self.constants.len();
        self.constants.extend_from_slice(values);
        self.constants.resize(padded(self.constants.len()), 0.0);
        at / 4
    }

    /// Rows of constants, each filled up.
    fn constant_rows(&mut self, values: &[f32], channels: usize) -> usize {
        let at = self.constants.len();
        for row in values.chunks(channels.max(1)) {
            self.constant(row);
        }
        at / 4
    }

    fn zeros(&mut self, len: usize) -> usize {
        self.constant(&vec![0.0; len])
    }

    /// A scratch buffer of at least so many bytes: the smallest that is free and large enough; else the largest free one, which
    /// grows; else a new one.
    fn scratch(&mut self, size: usize) -> usize {
        let size_of = |index: usize| self.plan.buffers.get(index).map_or(0, |buffer| buffer.size);
        let fits =
            self.free.iter().copied().filter(|index| size_of(*index) >= size).min_by_key(|index| size_of(*index));
        match fits.or_else(|| self.free.iter().copied().max_by_key(|index| size_of(*index))) {
            Some(index) => {
                self.free.retain(|free| *free != index);
                if let Some(buffer) = self.plan.buffers.get_mut(index) {
                    buffer.size = buffer.size.max(size);
                }
                index
            }
            None => {
                self.plan.buffers.push(Buffer { size, role: Role::Scratch });
                self.plan.buffers.len() - 1
            }
        }
    }

    fn weight(&mut self, weight: &GpuLinear) -> usize {
        let is_it = |buffer: &Buffer| matches!(&buffer.role, Role::Weight(name) if *name == weight.name);
        self.plan.buffers.iter().position(is_it).unwrap_or_else(|| {
            let size = padded(weight.inputs) * padded(weight.outputs) * if weight.half { 2 } else { 4 };
            self.plan.buffers.push(Buffer { size, role: Role::Weight(weight.name.clone()) });
            self.plan.buffers.len() - 1
        })
    }

    /// Appends a step; its sizes are 32-bit numbers.
    fn step(&mut self, kernel: Kernel, buffers: Vec<usize>, sizes: &[u32], workgroups: [usize; 3]) -> Result<()> {
        let workgroups = workgroups.map(|count| u32::try_from(count).ok().filter(|_| count <= MOST_WORKGROUPS));
        let [Some(x), Some(y), Some(z)] = workgroups else {
            return Err(Error::new(
                ErrorKind::OutOfMemory,
                format!("too much for one dispatch of a GPU: {}", kernel.label),
            ));
        };
        let kernel = match self.plan.kernels.iter().position(|known| known.wgsl == kernel.wgsl) {
            Some(index) => index,
            None => {
                self.plan.kernels.push(kernel);
                self.plan.kernels.len() - 1
            }
        };
        let uniform = self.plan.uniforms.len();
        self.plan.uniforms.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        self.plan.uniforms.resize(uniform + Plan::UNIFORM, 0);
        self.plan.steps.push(Step { kernel, buffers, uniform, workgroups: [x, y, z] });
        Ok(())
    }
}

/// Places and counts as the kernels take them.
fn sizes<const N: usize>(sizes: [usize; N]) -> Result<[u32; N]> {
    let mut numbers = [0; N];
    for (number, size) in numbers.iter_mut().zip(sizes) {
        let too_large = |_| Error::new(ErrorKind::OutOfMemory, format!("a GPU's numbers don't reach {size}"));
        *number = u32::try_from(size).map_err(too_large)?;
    }
    Ok(numbers)
}

/// Workgroups that are enough for `rows`, along two axes.
fn across(rows: usize) -> [usize; 2] {
    let x = rows.clamp(1, 32_768);
    [x, rows.div_ceil(x)]
}

impl OnGpu {
    pub(crate) fn recording(&self) -> &Recording {
        &self.scratch.recording
    }

    /// Room for so many rows, as yet unwritten.
    pub(crate) fn unwritten(recording: &Recording, rows: Rows) -> Self {
        let index = recording.state().scratch(bytes(rows));
        Self { scratch: Arc::new(Scratch { recording: recording.clone(), index }), start: 0, stride: rows.vectors() }
    }

    fn index(&self) -> usize {
        self.scratch.index
    }

    /// Some of the rows: the one at `first`, and each `apart` rows after it.
    pub(crate) fn every(&self, first: usize, apart: usize) -> Self {
        let Self { scratch, start, stride } = self;
        Self { scratch: scratch.clone(), start: start + first * stride, stride: stride * apart }
    }

    /// Makes a copy of these rows the ones to be written to, where others see them too.
    pub(crate) fn own(&mut self, rows: Rows) -> Result<()> {
        if Arc::strong_count(&self.scratch) > 1 {
            *self = self.copied(rows)?;
        }
        Ok(())
    }

    fn copied(&self, rows: Rows) -> Result<Self> {
        let copy = Self::unwritten(self.recording(), rows);
        pointwise_step(Pointwise::Copy, Some(self), &copy, rows, &[], 0)?;
        Ok(copy)
    }

    /// What layers give of these rows, all in one buffer.
    pub(crate) fn multiplied(
        &self,
        layers: &[&GpuLinear],
        rows: usize,
        activation: ::kernels::Activation,
    ) -> Result<Vec<Self>> {
        let Some(first) = layers.first() else { return Ok(Vec::new()) };
        let alike = |layer: &&&GpuLinear| {
            (layer.outputs, layer.inputs, layer.half) == (first.outputs, first.inputs, first.half)
        };
        if layers.len() > MOST_WEIGHTS || !layers.iter().all(|layer| alike(&layer)) {
            let mut all = Vec::new();
            for layer in layers {
                all.extend(self.multiplied(&[layer], rows, activation)?);
            }
            return Ok(all);
        }
        let plane = Rows { rows, channels: first.outputs };
        let y = Self::unwritten(self.recording(), Rows { rows: rows * layers.len(), ..plane });
        self.multiply(layers, rows, &y, activation, &Add::Nothing)?;
        let planes = 0..layers.len();
        Ok(planes.map(|index| Self { start: index * rows * y.stride, ..y.clone() }).collect())
    }

    /// Writes to `y` what layers of one shape give of these rows, each to a plane of its own.
    pub(crate) fn multiply(
        &self,
        layers: &[&GpuLinear],
        rows: usize,
        y: &Self,
        activation: ::kernels::Activation,
        add: &Add<'_>,
    ) -> Result<()> {
        let Some(first) = layers.first() else { return Ok(()) };
        let mut state = self.recording().state();
        let tile = Tile::of(state.tuning, rows);
        let mut buffers = vec![self.index(), CONSTANTS, y.index()];
        let mut biases = [0; 4];
        for (layer, bias) in layers.iter().zip(&mut biases) {
            buffers.push(state.weight(layer));
            *bias = match &layer.bias {
                Some(values) => state.constant(values),
                None => state.zeros(layer.outputs),
            };
        }
        let (columns, depth) = (padded(first.outputs) / 4, padded(first.inputs) / 4);
        let (kind, group, stride, before, positions) = match add {
            Add::Nothing => (0, 1, 0, 0, 0),
            Add::Itself => (1, 1, 0, 0, 0),
            Add::Positions { values, stride, first: before } => {
                let group = values.len() / first.outputs.max(1);
                (2, group, *stride, *before, state.constant_rows(values, first.outputs))
            }
        };
        let activation = match activation {
            ::kernels::Activation::None => 0,
            ::kernels::Activation::QuickGelu => 1,
            ::kernels::Activation::Gelu => 2,
            ::kernels::Activation::GeluTanh => 3,
        };
        let numbers = sizes(
            [
                [rows, columns, depth, activation],
                [self.start, self.stride, y.start, y.stride],
                [rows * y.stride, kind, group, stride],
                [before, positions, 0, 0],
                biases,
            ]
            .concat_array::<20>(),
        )?;
        let workgroups = [(columns * 4).div_ceil(tile.size()), rows.div_ceil(tile.size()), layers.len()];
        state.step(product(tile, layers.len(), first.half), buffers, &numbers, workgroups)
    }

    /// Each row normed.
    pub(crate) fn normed(&self, rows: Rows, [weight, bias]: [&[f32]; 2], eps: f32) -> Result<Self> {
        let y = Self::unwritten(self.recording(), rows);
        let mut state = self.recording().state();
        let (weight, bias) = (state.constant(weight), state.constant(bias));
        let [x, z] = across(rows.rows);
        let mut numbers = sizes([
            rows.rows,
            rows.channels,
            rows.vectors(),
            x,
            self.start,
            self.stride,
            y.start,
            y.stride,
            weight,
            bias,
            0,
            0,
        ])?;
        numbers[10] = eps.to_bits();
        state.step(norm(), vec![self.index(), CONSTANTS, y.index()], &numbers, [x, z, 1])?;
        drop(state);
        Ok(y)
    }

    /// What queries gather, of `batch` photos or texts.
    pub(crate) fn attention([q, k, v]: [&Self; 3], sizes_of: &::kernels::Attention) -> Result<Self> {
        let ::kernels::Attention { batch, tokens, queries, heads, head_size, causal } = *sizes_of;
        if head_size > LARGEST_HEAD {
            let what = format!("a GPU computes heads of at most {LARGEST_HEAD} channels, not {head_size}");
            return Err(Error::new(ErrorKind::Config, what));
        }
        let y = Self::unwritten(q.recording(), Rows { rows: batch * queries, channels: heads * head_size });
        let mut state = q.recording().state();
        let parts = 4 / part(head_size);
        let places = [q, k, v, &y].map(|rows| [rows.start * parts, rows.stride * parts]);
        let mut numbers = sizes([[tokens, queries, usize::from(causal), 0], [0; 4], [0; 4]].concat_array::<12>())?;
        numbers[3] = (1.0 / (head_size as f32).sqrt()).to_bits();
        numbers[4..].copy_from_slice(&sizes(places.concat_array::<8>())?);
        let buffers = vec![q.index(), k.index(), v.index(), y.index()];
        // What fills up the rows is not written: a product comes next, whose weights are zero there.
        state.step(attention(head_size), buffers, &numbers, [heads, queries.div_ceil(64), batch])?;
        drop(state);
        Ok(y)
    }

    /// The same row of constants so often.
    pub(crate) fn repeated(recording: &Recording, values: &[f32], rows: usize) -> Result<Self> {
        let rows = Rows { rows, channels: values.len() };
        let y = Self::unwritten(recording, rows);
        y.fill(values, rows)?;
        Ok(y)
    }

    /// Writes a row of constants to each of these.
    pub(crate) fn fill(&self, values: &[f32], rows: Rows) -> Result<()> {
        pointwise_step(Pointwise::Fill, None, self, rows, values, 0)
    }

    /// Adds `x`, each of whose channels is multiplied by a value.
    pub(crate) fn add_scaled(&self, x: &Self, scale: &[f32], rows: Rows) -> Result<()> {
        pointwise_step(Pointwise::AddScaled, Some(x), self, rows, scale, 0)
    }

    pub(crate) fn tanh(&self, rows: Rows) -> Result<()> {
        pointwise_step(Pointwise::Tanh, None, self, rows, &[], 0)
    }

    /// The means of `tokens` rows each; `rows` of them.
    pub(crate) fn mean(&self, rows: Rows, tokens: usize) -> Result<Self> {
        let y = Self::unwritten(self.recording(), rows);
        pointwise_step(Pointwise::Mean, Some(self), &y, rows, &[], tokens)?;
        Ok(y)
    }
}

fn pointwise_step(
    what: Pointwise,
    x: Option<&OnGpu>,
    y: &OnGpu,
    rows: Rows,
    constant: &[f32],
    tokens: usize,
) -> Result<()> {
    let mut state = y.recording().state();
    let constant = state.constant(constant);
    let (buffer, start, stride) = x.map_or((CONSTANTS, 0, 0), |x| (x.index(), x.start, x.stride));
    let numbers = sizes([rows.rows, rows.vectors(), start, stride, y.start, y.stride, constant, tokens])?;
    let workgroups = [rows.vectors().div_ceil(64), rows.rows, 1];
    state.step(kernels::pointwise(what), vec![buffer, CONSTANTS, y.index()], &numbers, workgroups)
}

/// Arrays in one.
trait ConcatArray {
    fn concat_array<const N: usize>(self) -> [usize; N];
}

impl<const M: usize, const K: usize> ConcatArray for [[usize; K]; M] {
    fn concat_array<const N: usize>(self) -> [usize; N] {
        let mut all = [0; N];
        all.iter_mut().zip(self.iter().flatten()).for_each(|(place, value)| *place = *value);
        all
    }
}
