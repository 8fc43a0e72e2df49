//! f32 matrix products with packed weights: `y = activation(x · Wᵀ + bias)`, or `y += x · Wᵀ + bias`.
//!
//! The loops are those of BLIS (<https://github.com/flame/blis>), with the sizes the other way round, since here `x` is small and `W`
//! large. From the outside in:
//!
//! 1. tasks: ranges of columns, of all layers that share `x`;
//! 2. blocks of rows, so that a block of `x` stays in the second-level cache; up to [`ROWS_PER_BLOCK`] rows there is one,
//!    and the weights are read from memory once;
//! 3. a handful of panels at a time ([`PANELS_PER_CHUNK`]), so that their part of `y` stays close between
//! 4. blocks of the depth, [`DEPTH`] long: a panel's block (37 kB in WebAssembly) stays close while
//! 5. all row tiles of the block pass by it ([`tile::f32`]).
//!
//! `x` is packed at each call, once for all layers, which costs one part in the number of columns, a thousandth or so.
//! Layouts: weights `[depth block][panel][depth][columns]`, activations `[depth block][row tile][depth][rows]`.

use super::buffer::{Buffer, Shared};
use super::pool::{Pool, part, run_parts};
use super::tile::{self, TileF32};
use super::{Activation, Isa, Layer, Output, Workspace, check, check_same_isa, math};
use crate::error::{Error, Result};
use simd::{Simd, Task};
use std::ptr::NonNull;

/// Depth of a block. After each the sums are written, and read again for the next: at 256 f32 took 3 % longer.
const DEPTH: usize = 768;

/// Rows of a block, at most: 264 × 768 f32 are 811 kB. A photo's 257 tokens are one block.
const ROWS_PER_BLOCK: usize = 264;

/// Panels that go through all blocks of the depth before the next ones.
const PANELS_PER_CHUNK: usize = 8;

/// The weight and bias of a linear layer, packed for one instruction set.
pub struct PackedF32 {
    isa: Isa,
    outputs: usize,
    inputs: usize,
    weights: Buffer<f32>,
    /// One for each column of every panel, padding included; empty for none.
    bias: Buffer<f32>,
}

/// Takes the rows of a weight one by one; see [`PackedF32::builder`].
pub struct PackedF32Builder {
    packed: PackedF32,
    rows: usize,
}

impl PackedF32 {
    /// For a weight of `outputs` rows of `inputs` values.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn builder(isa: Isa, outputs: usize, inputs: usize) -> Result<PackedF32Builder> {
        let padded = outputs.next_multiple_of(isa.shape().f32_columns);
        let len = padded.saturating_mul(inputs);
        let weights = Buffer::zeroed(len)?;
        Ok(PackedF32Builder { packed: Self { isa, outputs, inputs, weights, bias: Buffer::new() }, rows: 0 })
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
        self.weights.bytes() + self.bias.bytes()
    }

    /// Multiplies `x` (rows, inputs) with each of the weights.
    ///
    /// # Errors
    /// [`Error::Compute`] for slices of another length, or weights of another number of inputs; [`Error::OutOfMemory`].
    pub fn multiply(
        layers: Vec<Layer<'_, Self>>,
        x: &[f32],
        rows: usize,
        workspace: &mut Workspace,
        pool: &dyn Pool,
    ) -> Result<()> {
        let Some(&Layer { weight: &Self { isa, inputs, .. }, .. }) = layers.first() else { return Ok(()) };
        check_same_isa(isa, layers.iter().map(|layer| layer.weight.isa))?;
        for Layer { weight, y, .. } in &layers {
            check("the input of a linear layer", x.len(), rows, weight.inputs)?;
            check("the result of a linear layer", y.len(), rows, weight.outputs)?;
        }
        let shape = isa.shape();
        let tiles = Tiles::new(rows, shape.f32_rows);
        let packed = workspace.floats.at_least(x.len())?;
        let target = Shared::new(packed);
        run_parts(pool, &[tiles.count], &|_, some| {
            for tile in some {
                // SAFETY: a tile's rows are packed into places of their own, and `packed` is as long as `x`.
                unsafe { pack_tile(x, rows, inputs, tiles.range(tile), target.get()) };
            }
        });

        let packed: &[f32] = packed;
        let jobs = layers.into_iter().map(|Layer { weight, output, y }| Product {
            weight,
            tiles,
            panels: 0..if rows > 0 { weight.outputs.div_ceil(shape.f32_columns) } else { 0 },
            packed,
            output,
            y: Shared::new(y),
        });
        let jobs: Vec<Product<'_>> = jobs.collect();
        let panels: Vec<usize> = jobs.iter().map(|job| job.panels.len()).collect();
        run_parts(pool, &panels, &|layer, panels| isa.run(Product { panels, ..jobs[layer].clone() }));
        Ok(())
    }
}

impl PackedF32Builder {
    /// The next row: the weights of one output.
    ///
    /// # Errors
    /// [`Error::Weights`] for a row of another length, or one too many.
    pub fn push_row(&mut self, row: &[f32]) -> Result<()> {
        let PackedF32 { isa, outputs, inputs, ref mut weights, .. } = self.packed;
        if row.len() != inputs || self.rows == outputs {
            let (rows, len) = (self.rows, row.len());
            let what = format!("row {rows} of {len} values for a weight of {outputs} × {inputs}");
            return Err(Error::Weights(what));
        }
        let columns = isa.shape().f32_columns;
        let padded = outputs.next_multiple_of(columns);
        let (panel, column) = (self.rows / columns, self.rows % columns);
        for (block, values) in row.chunks(DEPTH).enumerate() {
            let begin = block * DEPTH * padded + panel * values.len() * columns;
            let places = weights.as_mut()[begin..].chunks_exact_mut(columns);
            for (place, &value) in places.zip(values) {
                place[column] = value;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The packed layer, once all rows are there; `bias` has one value for each output.
    ///
    /// # Errors
    /// [`Error::Weights`] for missing rows or a bias of another length; [`Error::OutOfMemory`].
    pub fn finish(mut self, bias: Option<&[f32]>) -> Result<PackedF32> {
        let PackedF32 { isa, outputs, .. } = self.packed;
        if self.rows != outputs || bias.is_some_and(|bias| bias.len() != outputs) {
            let what = format!("{} rows and {:?} biases for {outputs} outputs", self.rows, bias.map(<[f32]>::len));
            return Err(Error::Weights(what));
        }
        if let Some(bias) = bias {
            self.packed.bias = Buffer::zeroed(outputs.next_multiple_of(isa.shape().f32_columns))?;
            self.packed.bias.as_mut()[..outputs].copy_from_slice(bias);
        }
        Ok(self.packed)
    }
}

/// Rows cut into tiles of nearly equal height: 50 rows by 8 are 7 tiles of 8 and 7, not six of 8 and one of 2, which would
/// leave most of the multipliers idle.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    rows: usize,
    pub(super) count: usize,
}

impl Tiles {
    pub(super) fn new(rows: usize, tallest: usize) -> Self {
        Self { rows, count: rows.div_ceil(tallest) }
    }

    /// The rows of a tile.
    pub(super) fn range(self, tile: usize) -> std::ops::Range<usize> {
        part(self.rows, self.count, tile)
    }
}

/// Packs the rows of one tile, in each block of the depth.
///
/// # Safety
/// `x` is (total, inputs), `packed` valid for as many values.
unsafe fn pack_tile(x: &[f32], total: usize, inputs: usize, rows: std::ops::Range<usize>, packed: *mut f32) {
    let height = rows.len();
    for depth in (0..inputs).step_by(DEPTH) {
        let len = DEPTH.min(inputs - depth);
        // SAFETY: blocks before this one hold `depth · total` values, tiles before this one `rows.start · len` of it.
        let place = unsafe { packed.add(depth * total + rows.start * len) };
        for (r, row) in rows.clone().enumerate() {
            let source = &x[row * inputs + depth..][..len];
            for (step, &value) in source.iter().enumerate() {
                // SAFETY: `step · height + r` is less than the tile's `len · height` values.
                unsafe { *place.add(step * height + r) = value };
            }
        }
    }
}

/// One task of a product: all rows, some panels.
#[derive(Clone)]
struct Product<'a> {
    weight: &'a PackedF32,
    tiles: Tiles,
    panels: std::ops::Range<usize>,
    packed: &'a [f32],
    output: Output,
    y: Shared<f32>,
}

impl Task for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let PackedF32 { outputs, inputs, ref weights, ref bias, .. } = *self.weight;
        let columns = S::TILE_F32.1 * S::LANES;
        let padded = outputs.next_multiple_of(columns);
        let (weights, bias) = (weights.as_ref().as_ptr(), bias.as_ref());
        let biases = (!bias.is_empty()).then(|| NonNull::from(bias).cast::<f32>());
        let (tiles, total) = (self.tiles, self.tiles.rows);
        // Blocks of nearly equal height: each reads all weights.
        let blocks = tiles.count.div_ceil((ROWS_PER_BLOCK / S::TILE_F32.0).max(1));
        let activation = self.output.activation();

        for block in 0..blocks {
            let block = part(tiles.count, blocks, block);
            let mut chunk = self.panels.start;
            while chunk < self.panels.end {
                let chunk_end = (chunk + PANELS_PER_CHUNK).min(self.panels.end);
                let mut depth = 0;
                // At least one round, so that a layer without inputs gives its bias.
                loop {
                    let len = DEPTH.min(inputs - depth);
                    let (first, last) = (depth == 0, depth + len == inputs);
                    for panel in chunk..chunk_end {
                        let column = panel * columns;
                        let width = columns.min(outputs - column);
                        for tile in block.clone() {
                            let rows = tiles.range(tile);
                            // SAFETY: the layouts are those of `push_row` and `pack_tile`; tasks write disjoint panels.
                            unsafe {
                                let at = rows.start * outputs + column;
                                let y = self.y.get().add(at);
                                let job = TileF32 {
                                    a: self.packed.as_ptr().add(depth * total + rows.start * len),
                                    a_stride: None,
                                    w: weights.add(depth * padded + column * len),
                                    depth: len,
                                    y,
                                    y_stride: outputs,
                                    width,
                                    add: if first { self.output.addend(y) } else { NonNull::new(y) },
                                    bias: if first { biases.map(|bias| bias.add(column)) } else { None },
                                };
                                tile::f32(simd, rows.len(), &job);
                                if last && activation != Activation::None {
                                    for r in 0..rows.len() {
                                        math::activate(simd, activation, y.add(r * outputs), width);
                                    }
                                }
                            }
                        }
                    }
                    depth += len;
                    if last {
                        break;
                    }
                }
                chunk = chunk_end;
            }
        }
    }
}
