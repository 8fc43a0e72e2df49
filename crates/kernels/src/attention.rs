//! Scaled dot-product attention, all heads. <https://arxiv.org/abs/1706.03762>
//!
//! A head's queries, keys and values are read where the linear layer left them, a stride apart: no tensor is transposed or
//! copied as a whole. Only one head at a time, a few dozen kilobytes that stay in the cache, is packed for the same tile
//! that the matrix products use ([`TileF32`]): the keys as weights of the scores, the values as weights of the result.
//! Scores never exist for more than a tile's rows: their softmax is taken as soon as they are there, and what it divides by
//! divides the result, of which there is less.
//!
//! Tasks are heads, each of one image; a batch only means more of them.

use super::buffer::Shared;
use super::matmul::Tiles;
use super::pool::{Pool, part, split};
use super::tile::{self, TileF32};
use super::{Isa, Workspace, check, math, product, too_large};
use crate::error::{Error, Result};
use simd::{Simd, Task};
use std::ops::Range;

/// The sizes of an attention.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Images or texts; tokens of different ones don't see each other.
    pub batch: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// How many of them look at the others: the first ones. Queries and results are of these alone.
    pub queries: usize,
    /// Attention heads; the channels are `heads · head_size`.
    pub heads: usize,
    /// Channels of a head. The scores are divided by its root.
    pub head_size: usize,
    /// Whether a token sees only itself and those before it, as in the text tower.
    pub causal: bool,
}

impl Attention {
    /// Attention of queries (batch · queries, channels), keys and values (batch · tokens, channels), each head owning
    /// `head_size` neighboring channels, into `y` (batch · queries, channels).
    ///
    /// ```
    /// use kernels::{Attention, Isa, Serial, Workspace};
    ///
    /// // One head of two channels. Both tokens ask for what the second one offers, and get its value.
    /// let sizes = Attention { batch: 1, tokens: 2, queries: 2, heads: 1, head_size: 2, causal: false };
    /// let queries = [0.0, 100.0, 0.0, 100.0];
    /// let keys = [1.0, 0.0, 0.0, 1.0];
    /// let values = [1.0, 2.0, 3.0, 4.0];
    /// let mut y = [0.0; 4];
    /// sizes.run(Isa::best(), [&queries, &keys, &values], &mut y, &mut Workspace::new(), &Serial)?;
    /// assert_eq!(y, [3.0, 4.0, 3.0, 4.0]);
    /// # Ok::<(), kernels::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Compute`] for slices of another length, or more queries than tokens; [`Error::OutOfMemory`], also for sizes
    /// whose product no address reaches.
    pub fn run(
        &self,
        isa: Isa,
        qkv: [&[f32]; 3],
        y: &mut [f32],
        workspace: &mut Workspace,
        pool: &dyn Pool,
    ) -> Result<()> {
        let Self { batch, tokens, queries, .. } = *self;
        let channels = product([self.heads, self.head_size])?;
        if queries > tokens {
            return Err(Error::Compute(format!("kernels: attention of {queries} queries to {tokens} tokens")));
        }
        for (what, (part, rows)) in
            ["queries", "keys", "values"].into_iter().zip(qkv.into_iter().zip([queries, tokens, tokens]))
        {
            check(what, part.len(), product([batch, rows])?, channels)?;
        }
        check("the result of an attention", y.len(), product([batch, queries])?, channels)?;
        let is_nothing = y.is_empty();
        let y = Shared::new(y);
        let heads = product([self.batch, self.heads])?;
        let tasks = split(heads, pool);
        let scratch = Scratch::new(self, isa)?;
        if is_nothing {
            return Ok(());
        }
        let buffer = Shared::new(workspace.floats.at_least(product([scratch.len, tasks])?)?);
        pool.run(tasks, &|task| {
            // SAFETY: the buffer has `scratch.len` values for each task.
            let buffer = Shared::at(unsafe { buffer.get().add(task * scratch.len) });
            isa.run(Heads { sizes: *self, heads: part(heads, tasks, task), qkv, y, scratch, buffer });
        });
        Ok(())
    }
}

/// Where a task keeps what, in its part of the workspace.
#[derive(Clone, Copy)]
struct Scratch {
    /// Tokens, filled up to whole panels.
    padded_tokens: usize,
    /// Offsets; the keys are at 0.
    values: usize,
    query: usize,
    scores: usize,
    inverses: usize,
    len: usize,
}

impl Scratch {
    /// # Errors
    /// [`Error::OutOfMemory`]: more than there are addresses.
    fn new(sizes: &Attention, isa: Isa) -> Result<Self> {
        let shape = isa.shape();
        let padded = |size: usize| size.checked_next_multiple_of(shape.f32_columns).ok_or_else(too_large);
        let (padded_tokens, padded_size) = (padded(sizes.tokens)?, padded(sizes.head_size)?);
        let after = |offset: usize, part: [usize; 2]| offset.checked_add(product(part)?).ok_or_else(too_large);
        let values = after(0, [padded_tokens, sizes.head_size])?;
        let query = after(values, [sizes.tokens, padded_size])?;
        let scores = after(query, [shape.f32_rows, sizes.head_size])?;
        let inverses = after(scores, [shape.f32_rows, padded_tokens])?;
        let end = after(inverses, [shape.f32_rows, 1])?;
        let len = end.checked_next_multiple_of(16).ok_or_else(too_large)?;
        Ok(Self { padded_tokens, values, query, scores, inverses, len })
    }
}

/// One task: some heads. Made by [`Attention::run`] alone, which checked the lengths of the slices.
struct Heads<'a> {
    sizes: Attention,
    heads: Range<usize>,
    qkv: [&'a [f32]; 3],
    /// (batch · queries, channels), of which a head's columns are its own.
    y: Shared<f32>,
    scratch: Scratch,
    /// As long as `scratch` says.
    buffer: Shared<f32>,
}

/// Where a head is: its image, and the first of its channels.
#[derive(Clone, Copy)]
struct Head {
    image: usize,
    channel: usize,
}

impl Task for Heads<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Attention { tokens, queries, heads, head_size, causal, .. } = self.sizes;
        let tiles = Tiles::new(queries, S::TILE_F32.0);
        for head in self.heads.clone() {
            let head = Head { image: head / heads, channel: head % heads * head_size };
            self.pack_keys_and_values::<S>(head);
            for tile in 0..tiles.count {
                let rows = tiles.range(tile);
                // Tokens that any row of the tile sees.
                let seen = if causal { rows.end } else { tokens };
                self.scale_queries(head, rows.clone());
                self.scores(simd, rows.len(), seen);
                self.softmax(simd, rows.clone(), seen);
                self.results(simd, head, rows, seen);
            }
        }
    }
}

impl Heads<'_> {
    /// A head's columns of the queries (0), keys (1) or values (2), of which each image has `tokens` rows; and how far it is
    /// from one row to the next.
    #[inline(always)]
    fn columns(&self, index: usize, head: Head, tokens: usize) -> (&[f32], usize) {
        let stride = self.sizes.heads * self.sizes.head_size;
        (&self.qkv[index][head.image * tokens * stride + head.channel..], stride)
    }

    #[inline(always)]
    fn pack_keys_and_values<S: Simd>(&self, head: Head) {
        let Attention { tokens, head_size, .. } = self.sizes;
        let (keys, values) = (self.columns(1, head, tokens), self.columns(2, head, tokens));
        let columns = S::TILE_F32.1 * S::LANES;
        let buffer = self.buffer.get();
        // SAFETY: `Scratch` has whole panels for the keys, at the beginning, and for the values.
        unsafe {
            pack_transposed(keys, tokens, head_size, columns, buffer);
            pack(values, tokens, head_size, columns, buffer.add(self.scratch.values));
        }
    }

    /// The queries of a tile's rows, divided by the root of a head's channels.
    #[inline(always)]
    fn scale_queries(&self, head: Head, rows: Range<usize>) {
        let (queries, stride) = self.columns(0, head, self.sizes.queries);
        let head_size = self.sizes.head_size;
        let scale = 1.0 / (head_size as f32).sqrt();
        for (r, row) in rows.enumerate() {
            let query = &queries[row * stride..][..head_size];
            for (c, &value) in query.iter().enumerate() {
                // SAFETY: `Scratch` has a tile's rows of as many channels for the queries.
                unsafe { *self.buffer.get().add(self.scratch.query + r * head_size + c) = value * scale };
            }
        }
    }

    /// The products of a tile's queries with the keys of the tokens that they see.
    #[inline(always)]
    fn scores<S: Simd>(&self, simd: S, height: usize, seen: usize) {
        let Scratch { padded_tokens, query, scores, .. } = self.scratch;
        let (head_size, buffer) = (self.sizes.head_size, self.buffer.get());
        let columns = S::TILE_F32.1 * S::LANES;
        for column in (0..seen).step_by(columns) {
            let width = columns.min((seen - column).next_multiple_of(S::LANES));
            // SAFETY: the queries are there, the panel of keys was packed, and a line of scores has whole panels.
            unsafe {
                let job = TileF32 {
                    a: buffer.add(query),
                    a_stride: Some(head_size),
                    w: buffer.add(column * head_size),
                    depth: head_size,
                    y: buffer.add(scores + column),
                    y_stride: padded_tokens,
                    width,
                    add: None,
                    bias: None,
                };
                tile::f32(simd, height, &job);
            }
        }
    }

    /// The softmax of a tile's scores but for what it divides by: one over that is kept.
    #[inline(always)]
    fn softmax<S: Simd>(&self, simd: S, rows: Range<usize>, seen: usize) {
        let Scratch { padded_tokens, scores, inverses, .. } = self.scratch;
        let buffer = self.buffer.get();
        for (r, row) in rows.enumerate() {
            let visible = if self.sizes.causal { row + 1 } else { seen };
            // SAFETY: a line of scores has whole panels, and each row one value of what it divides by.
            unsafe {
                let line = buffer.add(scores + r * padded_tokens);
                *buffer.add(inverses + r) = softmax(simd, line, visible);
                for j in visible..seen {
                    *line.add(j) = 0.0;
                }
            }
        }
    }

    /// The sums of the values, each times its weight, into the result's rows of the tile.
    #[inline(always)]
    fn results<S: Simd>(&self, simd: S, head: Head, rows: Range<usize>, seen: usize) {
        let Attention { tokens, queries, heads, head_size, .. } = self.sizes;
        let Scratch { padded_tokens, values, scores, inverses, .. } = self.scratch;
        let (stride, buffer) = (heads * head_size, self.buffer.get());
        let columns = S::TILE_F32.1 * S::LANES;
        // SAFETY: the rows are the image's, and the columns the head's own.
        let y = unsafe { self.y.get().add((head.image * queries + rows.start) * stride + head.channel) };
        for column in (0..head_size).step_by(columns) {
            // SAFETY: the weights are there, and the panel of values was packed.
            unsafe {
                let job = TileF32 {
                    a: buffer.add(scores),
                    a_stride: Some(padded_tokens),
                    w: buffer.add(values + column * tokens),
                    depth: seen,
                    y: y.add(column),
                    y_stride: stride,
                    width: columns.min(head_size - column),
                    add: None,
                    bias: None,
                };
                tile::f32(simd, rows.len(), &job);
            }
        }
        for r in 0..rows.len() {
            // SAFETY: these columns of the row are this task's alone.
            let (inverse, row) =
                unsafe { (*buffer.add(inverses + r), std::slice::from_raw_parts_mut(y.add(r * stride), head_size)) };
            row.iter_mut().for_each(|value| *value *= inverse);
        }
    }
}

/// Writes one of values that lie a stride apart. Volatile, or else the compiler makes AVX-512's scatters of them, which take
/// longer than as many stores, and were two fifths of an attention.
///
/// # Safety
/// `place` is valid for a value.
#[inline(always)]
unsafe fn write_apart(place: *mut f32, value: f32) {
    // SAFETY: the caller's promise.
    unsafe { place.write_volatile(value) };
}

/// Packs (tokens, channels) as `[panel of tokens][channel][columns]`; missing tokens are zero.
///
/// # Safety
/// `place` is valid for `tokens` rounded up to whole panels, times `channels`.
#[inline(always)]
unsafe fn pack_transposed(
    (source, stride): (&[f32], usize),
    tokens: usize,
    channels: usize,
    columns: usize,
    place: *mut f32,
) {
    for token in 0..tokens.next_multiple_of(columns) {
        let (panel, column) = (token / columns, token % columns);
        // SAFETY: the token's first value, and those of its other channels, a panel's width apart, are the panel's.
        let write = |channel, value| unsafe {
            write_apart(place.add(panel * channels * columns + column).add(channel * columns), value);
        };
        if token < tokens {
            let row = &source[token * stride..][..channels];
            row.iter().enumerate().for_each(|(channel, &value)| write(channel, value));
        } else {
            (0..channels).for_each(|channel| write(channel, 0.0));
        }
    }
}

/// Packs (tokens, channels) as `[panel of channels][token][columns]`; missing channels are zero.
///
/// # Safety
/// `place` is valid for `channels` rounded up to whole panels, times `tokens`.
#[inline(always)]
unsafe fn pack((source, stride): (&[f32], usize), tokens: usize, channels: usize, columns: usize, place: *mut f32) {
    for token in 0..tokens {
        let row = &source[token * stride..][..channels];
        for (panel, values) in row.chunks(columns).enumerate() {
            // SAFETY: within the panel's `tokens · columns` values; `values` is at most `columns` long.
            unsafe {
                let place = place.add((panel * tokens + token) * columns);
                std::ptr::copy_nonoverlapping(values.as_ptr(), place, values.len());
                for column in values.len()..columns {
                    *place.add(column) = 0.0;
                }
            }
        }
    }
}

/// Replaces `len` scores by `exp(score − largest)` and returns one over their sum.
///
/// # Safety
/// `x` is valid for `len` rounded up to whole vectors.
#[inline(always)]
unsafe fn softmax<S: Simd>(simd: S, x: *mut f32, len: usize) -> f32 {
    let padded = len.next_multiple_of(S::LANES);
    // SAFETY: everything below `padded` is the caller's promise.
    unsafe {
        // Past the end: nothing in the sum (e⁻⁸⁷, where every sum is at least 1) and never the largest.
        for j in len..padded {
            *x.add(j) = f32::NEG_INFINITY;
        }
        let mut largest = simd.load(x);
        let mut j = S::LANES;
        while j < padded {
            largest = simd.max(largest, simd.load(x.add(j)));
            j += S::LANES;
        }
        let mut lanes = [f32::NEG_INFINITY; 16];
        simd.store(lanes.as_mut_ptr(), largest);
        let largest = lanes.iter().fold(f32::NEG_INFINITY, |largest, &x| if largest < x { x } else { largest });

        let largest = simd.splat(largest);
        let mut sum = simd.splat(0.0);
        let mut j = 0;
        while j < padded {
            let e = math::exp(simd, simd.sub(simd.load(x.add(j)), largest));
            simd.store(x.add(j), e);
            sum = simd.add(sum, e);
            j += S::LANES;
        }
        let mut lanes = [0f32; 16];
        simd.store(lanes.as_mut_ptr(), sum);
        1.0 / lanes.iter().sum::<f32>()
    }
}
