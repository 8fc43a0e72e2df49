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
use search::slices::{self, Best};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `None` for the address 0.
///
/// # Safety
/// The module's condition, unless the address is 0.
pub(crate) unsafe fn optional<'a, T>(address: *const T, len: usize) -> Option<&'a [T]> {
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
