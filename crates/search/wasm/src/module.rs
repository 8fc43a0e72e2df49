//! What `web/search/engine.ts` calls, over plain memory: the npm package's search module.
//!
//! It has to stay small, since it travels inside the JavaScript: no std, and nothing here allocates. The memory is the caller's.
//! From `__heap_base` on JavaScript lays out everything, and hands in addresses and lengths.
//!
//! # Safety
//! Of every function: the addresses are aligned for their type, the ranges that they span lie in memory and don't overlap
//! what is written.

use crate::checksum::{self, Tables};
use core::slice::{from_raw_parts, from_raw_parts_mut};
use search::Match;
use search::slices::{self, Best, Link, Links, PANEL, SKETCH, Sketched, VECTORS, Values};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `None` for the address 0.
///
/// # Safety
/// The module's condition, unless the address is 0.
unsafe fn optional<'a, T>(address: *const T, len: usize) -> Option<&'a [T]> {
    // SAFETY: the module's condition.
    (!address.is_null()).then(|| unsafe { from_raw_parts(address, len) })
}

/// Scores of `count` f32 rows, times their scales, if there are some, times `factor`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scores_f32(
    rows: *const f32,
    count: usize,
    dimension: usize,
    query: *const f32,
    scales: *const f32,
    factor: f32,
    out: *mut f32,
) {
    // SAFETY: the module's condition.
    unsafe {
        let out = from_raw_parts_mut(out, count);
        let query = from_raw_parts(query, dimension);
        let rows = from_raw_parts(rows, count * dimension);
        slices::scores_f32(rows, query, out);
        slices::scale(out, optional(scales, count), factor);
    }
}

/// The same of 8-bit rows and a query from [`quantize_query`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scores_int8(
    rows: *const i8,
    count: usize,
    dimension: usize,
    query: *const i16,
    scales: *const f32,
    factor: f32,
    out: *mut f32,
) {
    // SAFETY: the module's condition.
    unsafe {
        let out = from_raw_parts_mut(out, count);
        let query = from_raw_parts(query, dimension);
        let rows = from_raw_parts(rows, count * dimension);
        slices::scores_int8(rows, query, out);
        slices::scale(out, optional(scales, count), factor);
    }
}

/// Offers scores to a heap with room for `k` that holds `len`; returns how many it holds then.
#[allow(clippy::too_many_arguments)] // JavaScript has no structs to pass
#[unsafe(no_mangle)]
pub unsafe extern "C" fn offer(
    scores: *const f32,
    count: usize,
    first: u32,
    mask: *const u8,
    threshold: f32,
    heap: *mut Match,
    len: usize,
    k: usize,
) -> usize {
    // SAFETY: the module's condition.
    unsafe {
        let scores = from_raw_parts(scores, count);
        Best::new(from_raw_parts_mut(heap, k), len).offer(scores, first, optional(mask, count), threshold)
    }
}

/// Puts the best of a heap first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sort(heap: *mut Match, len: usize) {
    // SAFETY: the module's condition.
    unsafe { Best::new(from_raw_parts_mut(heap, len), len) }.sort();
}

/// Rows of f32 to 8 bits, and their steps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quantize_rows(
    rows: *const f32,
    count: usize,
    dimension: usize,
    values: *mut i8,
    steps: *mut f32,
) {
    // SAFETY: the module's condition.
    unsafe {
        let values = from_raw_parts_mut(values, count * dimension);
        let rows = from_raw_parts(rows, count * dimension);
        slices::quantize_rows(rows, dimension, values, from_raw_parts_mut(steps, count));
    }
}

/// A query of f32 to 16 bits; returns what a step is worth.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quantize_query(query: *const f32, dimension: usize, levels: *mut i16) -> f32 {
    // SAFETY: the module's condition.
    unsafe { slices::quantize_query(from_raw_parts(query, dimension), from_raw_parts_mut(levels, dimension)) }
}

/// The sum of squares of each of `count` rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn squares(rows: *const f32, count: usize, dimension: usize, out: *mut f32) {
    // SAFETY: the module's condition.
    let (rows, out) = unsafe { (from_raw_parts(rows, count * dimension), from_raw_parts_mut(out, count)) };
    slices::squares(rows, dimension, out);
}

/// What near duplicates are looked for in, and the room that it takes.
#[repr(C)]
pub struct Near {
    rows: *const u8,
    /// 1 if rows are of 8 bits, 0 if they are of f32.
    int8: usize,
    count: usize,
    dimension: usize,
    /// Of each row; NaN for one that was removed.
    scales: *const f32,
    /// Room for a value a row.
    inverse: *mut f32,
    /// Room for 63 rows of f32 each.
    basis: *mut f32,
    next: *mut f32,
    /// Room for a row of f32.
    row: *mut f32,
    /// Room for 64 values a row, of a number of rows that is a multiple of 16.
    panels: *mut f32,
    /// Room for two links a row.
    links: *mut Link,
    /// Room for a number a row.
    parents: *mut u32,
    /// The same.
    labels: *mut u32,
    threshold: f32,
}

impl Near {
    /// `count` rows from `first` on.
    ///
    /// # Safety
    /// The module's condition.
    unsafe fn values(&self, first: usize, count: usize) -> Values<'_> {
        let (at, len) = (first * self.dimension, count * self.dimension);
        // SAFETY: the module's condition.
        unsafe {
            if self.int8 == 1 {
                Values::Int8(from_raw_parts(self.rows.cast::<i8>().add(at), len))
            } else {
                Values::F32(from_raw_parts(self.rows.cast::<f32>().add(at), len))
            }
        }
    }

    /// The links so far, of which there are `len`.
    ///
    /// # Safety
    /// The module's condition; what the last one gave is no longer in use.
    unsafe fn links(&self, len: usize) -> Links<'_> {
        // SAFETY: the module's condition.
        unsafe {
            let memory = from_raw_parts_mut(self.links, 2 * self.count);
            Links::new(memory, len, from_raw_parts_mut(self.parents, self.count))
        }
    }
}

/// Measures the rows, and makes the basis of their sketches.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn near_prepare(near: *const Near) {
    // SAFETY: the module's condition.
    unsafe {
        let near = &*near;
        let rows = near.values(0, near.count);
        let inverse = from_raw_parts_mut(near.inverse, near.count);
        slices::inverse_lengths(rows, near.dimension, optional(near.scales, near.count), inverse);
        let basis = from_raw_parts_mut(near.basis, VECTORS * near.dimension);
        let next = from_raw_parts_mut(near.next, VECTORS * near.dimension);
        slices::make_basis(rows, inverse, basis, next, from_raw_parts_mut(near.row, near.dimension));
    }
}

/// Sketches the rows of the panels from `first` up to `end`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn near_sketch(near: *const Near, first: usize, end: usize) {
    // SAFETY: the module's condition.
    unsafe {
        let near = &*near;
        let (from, count) = (first * PANEL, (end * PANEL).min(near.count) - first * PANEL);
        let inverse = from_raw_parts(near.inverse.add(from), count);
        let basis = from_raw_parts(near.basis, VECTORS * near.dimension);
        let row = from_raw_parts_mut(near.row, near.dimension);
        let panels = from_raw_parts_mut(near.panels.add(from * SKETCH), (end - first) * PANEL * SKETCH);
        slices::sketch_rows(near.values(from, count), inverse, basis, row, panels);
    }
}

/// Links the rows of some panels with those of others to `len` links; returns how many there are then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn near_link(
    near: *const Near,
    first: usize,
    first_end: usize,
    second: usize,
    second_end: usize,
    len: usize,
) -> usize {
    // SAFETY: the module's condition.
    unsafe {
        let near = &*near;
        let inverse = from_raw_parts(near.inverse, near.count);
        let panels = from_raw_parts(near.panels, near.count.div_ceil(PANEL) * PANEL * SKETCH);
        let sketched = Sketched::new(near.values(0, near.count), near.dimension, inverse, panels);
        let mut links = near.links(len);
        slices::link_panels(sketched, near.threshold, first..first_end, second..second_end, &mut links);
        links.len()
    }
}

/// The groups that `len` links make: their rows' labels, and a link each. Returns how many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn near_groups(near: *const Near, len: usize) -> usize {
    // SAFETY: the module's condition.
    unsafe {
        let near = &*near;
        near.links(len).groups(from_raw_parts_mut(near.labels, near.count))
    }
}

/// Fills the 8 KiB of tables that [`crc32`] takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crc32_tables(tables: *mut Tables) {
    // SAFETY: the module's condition.
    checksum::fill_tables(unsafe { &mut *tables });
}

/// The CRC-32 of what had `crc` before and of these bytes after it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crc32(tables: *const Tables, crc: u32, bytes: *const u8, len: usize) -> u32 {
    // SAFETY: the module's condition.
    unsafe { checksum::crc32(&*tables, crc, from_raw_parts(bytes, len)) }
}
