//! Near duplicates over plain memory: what `web/search/near.ts` calls.
//!
//! # Safety
//! Of every function: the condition of `module.rs`.

use crate::module::optional;
use core::slice::{from_raw_parts, from_raw_parts_mut};
use search::slices::{self, Link, Links, PANEL, SKETCH, Sketched, VECTORS, Values};

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

/// Of `len` links keeps those that decide the groups: fewer than there are rows. Returns how many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn near_reduce(near: *const Near, len: usize) -> usize {
    // SAFETY: the module's condition.
    unsafe {
        let mut links = (*near).links(len);
        links.reduce();
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
