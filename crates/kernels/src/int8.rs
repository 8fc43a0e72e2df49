//! Matrix products in 8 bits: a quarter of the memory, three to four times the speed.
//!
//! **Weights** have 8 bits, symmetric, one step for each output (a row of the weight), quantized row by row while they
//! are read. **Activations** have 7 bits, 0..=127, with a step and a zero point for each token, found on the fly. Seven,
//! since that is what the dot product of relaxed SIMD takes as its second operand; a zero point, since what comes out of a GELU
//! is almost all on one side of zero, and would otherwise waste a whole bit.
//!
//! With `x ≈ x_step · (q − zero)` and `w ≈ w_step · p`, both integers,
//! `Σ x w ≈ x_step · w_step · (Σ q p − zero · Σ p)`: the sum runs over integers, is exact, and the same on every instruction
//! set and for any number of threads; `Σ p` is known when the weights are. The rounding to integers is the same
//! everywhere too: no fused multiply-add is used on the way.
//!
//! A few rows of activations, those that embeddings are made of, have 14 bits: their upper and their lower seven are two
//! rows of the product, which are summed when they are written. Of what the arithmetic costs in accuracy, most comes by
//! way of these, and they are one row in fifty.
//!
//! Where [`Rotation::On`] says so, weights and activations are rotated before they are quantized, against outliers
//! (`rotate.rs`).
//!
//! Layouts, with G = 4 products a lane (2 in plain SIMD): weights `[panel][depth / G][columns][G]`, activations
//! `[row tile][depth / G][rows][4 bytes]`. The depth is padded with weights of zero to whole vectors
//! and an even number of groups.

mod activations;

use activations::{QuantizeTile, Tile, cut};

use super::buffer::{Buffer, Shared};
use super::pool::{Pool, part, run_parts, split};
use super::quantize::{self, Quantizer};
use super::tile::{self, TileInt8};
use super::{Activation, Isa, Layer, Output, Workspace, check, check_same_isa, math, product};
use crate::error::{Error, Result};
use simd::{Shape, Simd, Task};
use std::ptr::NonNull;

/// Rows that go past all panels together, at most: 264 × 3072 bytes are 811 kB. A photo's 257 tokens are one block.
const ROWS_PER_BLOCK: usize = 264;

/// Whether to rotate weights and activations before they are quantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// As they are: for inputs without outliers, such as pixels.
    Off,
    /// By a Hadamard matrix, if the number of inputs is a multiple of 16.
    On,
}

/// The weight and bias of a linear layer, in 8 bits, packed for one instruction set.
pub struct PackedInt8 {
    isa: Isa,
    outputs: usize,
    inputs: usize,
    /// The rotation's blocks, 1 for none, and the sign of each input, empty for none.
    block: usize,
    signs: Buffer<f32>,
    weights: Buffer<i8>,
    /// Whether the [sums](quantize::sums_fit) of all rows fit.
    sums_fit: bool,
    /// What a step of the weights is worth; this and the next two have one value for each column of every panel.
    steps: Buffer<f32>,
    /// The sum of the quantized weights.
    sums: Buffer<i32>,
    bias: Buffer<f32>,
}

/// `inputs` of a product in 8 bits, filled up to whole vectors and an even number of groups.
fn padded_depth(shape: Shape, inputs: usize) -> usize {
    inputs.next_multiple_of(shape.lanes.max(2 * shape.group))
}

/// Takes the rows of a weight one by one; see [`PackedInt8::builder`].
pub struct PackedInt8Builder {
    packed: PackedInt8,
    rows: usize,
    quantizer: Box<Quantizer>,
}

impl PackedInt8 {
    /// For a weight of `outputs` rows of `inputs` values.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn builder(isa: Isa, outputs: usize, inputs: usize, rotation: Rotation) -> Result<PackedInt8Builder> {
        let shape = isa.shape();
        let (block, signs) = quantize::signs(inputs, rotation)?;
        let padded = outputs.next_multiple_of(shape.int8_columns);
        let depth = padded_depth(shape, inputs);
        let packed = Self {
            isa,
            outputs,
            inputs,
            block,
            signs,
            weights: Buffer::zeroed(padded.saturating_mul(depth))?,
            sums_fit: true,
            steps: Buffer::zeroed(padded)?,
            sums: Buffer::zeroed(padded)?,
            bias: Buffer::zeroed(padded)?,
        };
        Ok(PackedInt8Builder { packed, rows: 0, quantizer: Box::new(Quantizer::new(isa, inputs, rotation)?) })
    }

    /// An error unless row `index` of `len` values is one of this weight.
    fn check_row(&self, index: usize, len: usize) -> Result<()> {
        let Self { outputs, inputs, .. } = *self;
        if len == inputs && index < outputs {
            return Ok(());
        }
        let what = format!("row {index} of {len} values for a weight of {outputs} × {inputs}");
        Err(Error::Weights(what))
    }

    /// Puts a row that was checked into its place.
    fn set_row(&mut self, index: usize, row: &[i8], step: f32) {
        let shape = self.isa.shape();
        let (columns, group) = (shape.int8_columns, shape.group);
        let depth = padded_depth(shape, self.inputs);
        let (panel, column) = (index / columns, index % columns);
        let place = &mut self.weights.as_mut()[panel * columns * depth..][..columns * depth];
        let mut sum = 0;
        for (values, groups) in row.chunks(group).zip(place.chunks_exact_mut(columns * group)) {
            for (&w, q) in values.iter().zip(&mut groups[column * group..]) {
                *q = w;
                sum += i32::from(w);
            }
        }
        self.sums_fit &= quantize::sums_fit(row);
        self.steps.as_mut()[index] = step;
        self.sums.as_mut()[index] = sum;
    }

    /// Channels out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Channels in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Memory held.
    pub fn bytes(&self) -> usize {
        self.signs.bytes() + self.weights.bytes() + self.steps.bytes() + self.sums.bytes() + self.bias.bytes()
    }

    /// Multiplies `x` (rows, inputs) with each of the weights, which are rotated alike. The rows named by `fine`, in ascending
    /// order, have 14 bits.
    ///
    /// # Errors
    /// [`Error::Compute`] for slices of another length, or weights that take another input; [`Error::OutOfMemory`].
    pub fn multiply(
        layers: Vec<Layer<'_, Self>>,
        x: &[f32],
        rows: usize,
        fine: &[usize],
        workspace: &mut Workspace,
        pool: &dyn Pool,
    ) -> Result<()> {
        let Some(&Layer { weight: first, .. }) = layers.first() else { return Ok(()) };
        check_same_isa(first.isa, layers.iter().map(|layer| layer.weight.isa))?;
        for Layer { weight, y, .. } in &layers {
            check("the input of a linear layer", x.len(), rows, weight.inputs)?;
            check("the result of a linear layer", y.len(), rows, weight.outputs)?;
        }
        if layers.iter().any(|layer| layer.weight.block != first.block) {
            return Err(Error::Compute("kernels: weights rotated differently".to_owned()));
        }
        let shape = first.isa.shape();
        let depth = padded_depth(shape, first.inputs) / shape.group;
        let tiles = cut(rows, fine, shape.int8_rows)?;
        let packed_rows = tiles.last().map_or(0, |tile| tile.begin + tile.height());
        let packed = workspace.bytes.at_least(product([packed_rows, depth, 4])?)?;
        let zeros = workspace.ints.at_least(packed_rows)?;
        let rotated_len = first.signs.as_ref().len();
        let tasks = split(tiles.len(), pool);
        let (steps, rotated) = workspace.floats.at_least(packed_rows + tasks * rotated_len)?.split_at_mut(packed_rows);

        let target = (Shared::new(packed), Shared::new(steps), Shared::new(zeros));
        let rotated = Shared::new(rotated);
        pool.run(tasks, &|task| {
            let (packed, steps, zeros) = target;
            // SAFETY: there is a row of them for each task.
            let rotated = Shared::at(unsafe { rotated.get().add(task * rotated_len) });
            for tile in &tiles[part(tiles.len(), tasks, task)] {
                first.isa.run(QuantizeTile { weight: first, x, tile, packed, steps, zeros, rotated });
            }
        });

        let (packed, steps, zeros): (&[u8], &[f32], &[i32]) = (packed, steps, zeros);
        let jobs = layers.into_iter().map(|Layer { weight, output, y }| Product {
            weight,
            tiles: &tiles,
            panels: 0..weight.outputs.div_ceil(shape.int8_columns),
            packed,
            steps,
            zeros,
            output,
            y: Shared::new(y),
        });
        let jobs: Vec<Product<'_>> = jobs.collect();
        let panels: Vec<usize> = jobs.iter().map(|job| job.panels.len()).collect();
        run_parts(pool, &panels, &|layer, panels| first.isa.run(Product { panels, ..jobs[layer].clone() }));
        Ok(())
    }
}

impl PackedInt8Builder {
    /// The next row: the weights of one output. Gives it back in 8 bits, with its step.
    ///
    /// # Errors
    /// [`Error::Weights`] for a row of another length, or one too many.
    pub fn push_row(&mut self, row: &[f32]) -> Result<(&[i8], f32)> {
        self.packed.check_row(self.rows, row.len())?;
        let (row, step) = self.quantizer.quantize(row);
        self.packed.set_row(self.rows, row, step);
        self.rows += 1;
        Ok((row, step))
    }

    /// The next row, in 8 bits already; its step comes with [`set_steps`](Self::set_steps).
    ///
    /// # Errors
    /// As [`push_row`](Self::push_row).
    pub fn push_quantized(&mut self, row: &[i8]) -> Result<()> {
        self.packed.check_row(self.rows, row.len())?;
        self.packed.set_row(self.rows, row, 0.0);
        self.rows += 1;
        Ok(())
    }

    /// The steps of all rows.
    ///
    /// # Errors
    /// [`Error::Weights`] for another number of them.
    pub fn set_steps(&mut self, steps: &[f32]) -> Result<()> {
        let outputs = self.packed.outputs;
        if steps.len() != outputs {
            return Err(Error::Weights(format!("{} steps for {outputs} outputs", steps.len())));
        }
        self.packed.steps.as_mut()[..outputs].copy_from_slice(steps);
        Ok(())
    }

    /// The packed layer, once all rows are there; `bias` has one value for each output.
    ///
    /// # Errors
    /// [`Error::Weights`] for missing rows or a bias of another length.
    pub fn finish(mut self, bias: Option<&[f32]>) -> Result<PackedInt8> {
        let outputs = self.packed.outputs;
        if self.rows != outputs || bias.is_some_and(|bias| bias.len() != outputs) {
            let what = format!("{} rows and {:?} biases for {outputs} outputs", self.rows, bias.map(<[f32]>::len));
            return Err(Error::Weights(what));
        }
        if let Some(bias) = bias {
            self.packed.bias.as_mut()[..outputs].copy_from_slice(bias);
        }
        Ok(self.packed)
    }
}

/// One task of a product: all rows, some panels.
#[derive(Clone)]
struct Product<'a> {
    weight: &'a PackedInt8,
    tiles: &'a [Tile],
    panels: std::ops::Range<usize>,
    packed: &'a [u8],
    steps: &'a [f32],
    zeros: &'a [i32],
    output: Output,
    y: Shared<f32>,
}

impl Task for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let PackedInt8 { outputs, inputs, ref weights, ref steps, ref sums, ref bias, .. } = *self.weight;
        let (weights, steps) = (weights.as_ref().as_ptr(), steps.as_ref().as_ptr());
        let (sums, bias) = (sums.as_ref().as_ptr(), NonNull::from(bias.as_ref()).cast::<f32>());
        let columns = S::TILE_INT8.1 * S::LANES;
        let depth = padded_depth(self.weight.isa.shape(), inputs) / S::GROUP;
        // Blocks of nearly equal height: each reads all weights.
        let blocks = self.tiles.len().div_ceil((ROWS_PER_BLOCK / S::TILE_INT8.0).max(1));
        let activation = self.output.activation();
        for tiles in (0..blocks).map(|block| &self.tiles[part(self.tiles.len(), blocks, block)]) {
            for panel in self.panels.clone() {
                let column = panel * columns;
                let width = columns.min(outputs - column);
                for tile in tiles {
                    // SAFETY: the layouts are those of `push_row` and `QuantizeTile`; tasks write disjoint panels.
                    unsafe {
                        let at = tile.rows.start * outputs + column;
                        let y = self.y.get().add(at);
                        let job = TileInt8 {
                            a: self.packed.as_ptr().add(tile.begin * depth * 4),
                            w: weights.add(column * depth * S::GROUP),
                            depth,
                            sums_fit: self.weight.sums_fit,
                            steps: self.steps.as_ptr().add(tile.begin),
                            zeros: self.zeros.as_ptr().add(tile.begin),
                            weight_steps: steps.add(column),
                            weight_sums: sums.add(column),
                            bias: bias.add(column),
                            y,
                            y_stride: outputs,
                            width,
                            add: self.output.addend(y),
                            split: tile.split,
                        };
                        tile::int8(simd, tile.height(), &job);
                        if activation != Activation::None {
                            for r in 0..tile.rows.len() {
                                math::activate(simd, activation, y.add(r * outputs), width);
                            }
                        }
                    }
                }
            }
        }
    }
}
