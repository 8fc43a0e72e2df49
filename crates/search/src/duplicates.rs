//! Groups of near duplicates: what Rust programs call.

use crate::exact::{Error, Result, invalid};
use crate::links::{Link, Links};
use crate::sketch::{PANEL, SKETCH, VECTORS};
use crate::slices::{self, Sketched, Values};
use std::ops::ControlFlow;

/// Panels that are compared in one go with as many: their sketches fit the cache.
const BLOCK: usize = 16;

/// Rows that are nearly the same: each is linked to another of them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// Their numbers, ascending.
    pub rows: Vec<u32>,
    /// The cosine of the weakest link that holds the group together: with a threshold above it, it would fall apart.
    pub similarity: f32,
}

/// The groups of rows that are linked by cosines from `threshold` on, directly or through others: the connected components. The
/// largest comes first, of equal ones the one whose first row does.
///
/// Every pair that reaches the threshold counts; nothing is left to chance. Few pairs need all of their values, though: a
/// bound from 64 numbers a row decides of the others (`sketch.rs`). That is so as long as the squares of values that matter are
/// not too small for an f32: of rows longer than 10⁻¹⁵.
///
/// `progress` is told now and then how many of all pairs are done, and ends the search by breaking off: there are no groups then.
///
/// ```
/// use search::{Values, near_duplicates};
/// use std::ops::ControlFlow;
///
/// let embeddings = [1.0, 0.0, 0.0, 1.0, 0.99, 0.01]; // three of two values
/// let groups = near_duplicates(Values::F32(&embeddings), 2, 0.95, |_, _| ControlFlow::Continue(()))?;
/// assert_eq!(groups.unwrap()[0].rows, [0, 2]);
/// # Ok::<(), search::Error>(())
/// ```
///
/// # Errors
/// [`Error`] for values that can't be divided into rows of `dimension`, a row without a length, or a threshold that is NaN.
pub fn near_duplicates(
    rows: Values<'_>,
    dimension: usize,
    threshold: f32,
    mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Option<Vec<Group>>, Error> {
    let values = match rows {
        Values::F32(values) => values.len(),
        Values::Int8(values) => values.len(),
    };
    if dimension == 0 || !values.is_multiple_of(dimension) {
        return Err(invalid(format!("{values} values cannot be divided into rows of {dimension}")));
    }
    let count = values / dimension;
    if threshold.is_nan() || u32::try_from(count).is_err() {
        return Err(invalid(format!("near duplicates of {count} rows from {threshold} on")));
    }
    let mut inverse = vec![0.0; count];
    slices::inverse_lengths(rows, dimension, None, &mut inverse);
    if let Some(row) = inverse.iter().position(|x| x.is_nan()) {
        return Err(invalid(format!("row {row} has no length, or one that is out of range")));
    }
    let (mut basis, mut next) = (vec![0.0; VECTORS * dimension], vec![0.0; VECTORS * dimension]);
    let mut row = vec![0.0; dimension];
    slices::make_basis(rows, &inverse, &mut basis, &mut next, &mut row);
    let mut panels = vec![0.0; count.div_ceil(PANEL) * PANEL * SKETCH];
    slices::sketch_rows(rows, &inverse, &basis, &mut row, &mut panels);

    let sketched = Sketched::new(rows, dimension, &inverse, &panels);
    let (mut memory, mut parents) = (vec![Link::default(); 2 * count], vec![0; count]);
    let mut links = Links::new(&mut memory, 0, &mut parents);
    let pairs = |rows: usize| rows as u64 * (rows as u64).saturating_sub(1) / 2;
    let last = count.div_ceil(PANEL);
    for second in (0..last).step_by(BLOCK) {
        let end = (second + BLOCK).min(last);
        for first in (0..end).step_by(BLOCK) {
            slices::link_panels(sketched, threshold, first..(first + BLOCK).min(last), second..end, &mut links);
        }
        if progress(pairs(count.min(end * PANEL)), pairs(count)).is_break() {
            return Ok(None);
        }
    }
    let mut labels = vec![0; count];
    let found = links.groups(&mut labels);
    let mut groups: Vec<Group> =
        memory[..found].iter().map(|group| Group { rows: Vec::new(), similarity: group.score }).collect();
    for (row, &label) in (0..).zip(&labels) {
        if let Some(group) = groups.get_mut(label as usize) {
            group.rows.push(row);
        }
    }
    Ok(Some(groups))
}
