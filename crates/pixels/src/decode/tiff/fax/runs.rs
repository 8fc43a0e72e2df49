//! A row as runs of pixels.

use super::Stop;
use crate::{Result, memory};

/// The runs of a row, white first.
pub(super) struct Runs {
    pub(super) list: Vec<u32>,
    pub(super) length: usize,
    /// The pixel that has been reached.
    pub(super) at: i32,
    /// What of the run there is already.
    pub(super) run: i32,
}

impl Runs {
    /// With space for so many.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(most: usize) -> Result<Self> {
        Ok(Self { list: memory::zeroed_u32(most)?, length: 0, at: 0, run: 0 })
    }

    pub(super) fn clear(&mut self) {
        (self.length, self.at, self.run) = (0, 0, 0);
    }

    pub(super) fn is_full(&self) -> bool {
        self.length >= self.list.len()
    }

    pub(super) fn store(&mut self, run: i32) -> Result<(), Stop> {
        let slot = self.list.get_mut(self.length).ok_or(Stop::Overflow)?;
        *slot = run.cast_unsigned();
        self.length += 1;
        Ok(())
    }

    pub(super) fn push(&mut self, run: i32) -> Result<(), Stop> {
        self.store(self.run.wrapping_add(run))
    }

    /// Ends a run after `pixels` more.
    pub(super) fn set(&mut self, pixels: i32) -> Result<(), Stop> {
        self.push(pixels)?;
        self.at = self.at.wrapping_add(pixels);
        self.run = 0;
        Ok(())
    }

    pub(super) fn extend(&mut self, pixels: u16) {
        self.at = self.at.wrapping_add(i32::from(pixels));
        self.run = self.run.wrapping_add(i32::from(pixels));
    }

    /// Forgets a white and a black run of no pixels.
    pub(super) fn drop_empty_pair(&mut self) {
        if self.length >= 2 && self.list[self.length - 2..self.length] == [0, 0] {
            self.length -= 2;
        }
    }
}
