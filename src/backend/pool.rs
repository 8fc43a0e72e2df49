//! The memory of forward passes on the CPU, used again: what one operation is done with, the next one takes.
//!
//! A model has one pool. Activations ([`Tokens`](super::Tokens)) hold a buffer of it and give it back when they are
//! dropped, so that a model which has seen a photo computes the next one without asking the system for memory; and asks
//! anew only when more passes run at the same time than ever before, or larger ones.

use crate::error::Result;
use kernels::{Buffer, Workspace};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buffers that are kept for the next operation: those of some ten passes at the same time. What is more goes back to the
/// system.
const MOST_FREE: usize = 64;

/// Buffers that nobody uses just now.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Free>);

#[derive(Default)]
struct Free {
    /// The one given back last, which is still in the processor's caches, at the end.
    buffers: Vec<Buffer<f32>>,
    workspaces: Vec<Workspace>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `len` values, whatever they are: of the smallest buffer that has as many, or of a new one.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> Result<Values> {
        let mut free = self.free();
        let large = free.buffers.iter().map(|buffer| buffer.as_ref().len()).enumerate().rev();
        let best = large.filter(|(_, room)| *room >= len).min_by_key(|(_, room)| *room);
        let buffer = best.map(|(at, _)| free.buffers.remove(at));
        drop(free);
        let buffer = buffer.map_or_else(|| Buffer::zeroed(len), Ok)?;
        Ok(Values { buffer, len, pool: self.clone() })
    }

    /// Runs kernels with a workspace that is nobody else's.
    pub(super) fn with_workspace<T>(&self, work: impl FnOnce(&mut Workspace) -> T) -> T {
        let workspace = self.free().workspaces.pop();
        let mut workspace = workspace.unwrap_or_default();
        let result = work(&mut workspace);
        let mut free = self.free();
        if free.workspaces.len() < MOST_FREE {
            free.workspaces.push(workspace);
        }
        result
    }
}

/// Values in a buffer that goes back to its pool.
pub(crate) struct Values {
    buffer: Buffer<f32>,
    len: usize,
    pool: Arc<Pool>,
}

impl Values {
    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer.as_ref()[..self.len]
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer.as_mut()[..self.len]
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, Buffer::new());
        let mut free = self.pool.free();
        if free.buffers.len() < MOST_FREE {
            free.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_where_it_is_large_enough() {
        let pool = Arc::new(Pool::default());
        let at = |values: &Values| values.as_ptr() as usize;
        let (small, large) = (pool.take(10).unwrap(), pool.take(1000).unwrap());
        let (small_at, large_at) = (at(&small), at(&large));
        drop(large);
        drop(small);
        let again = [pool.take(10).unwrap(), pool.take(3).unwrap(), pool.take(3).unwrap()];
        assert_eq!(again.each_ref().map(|values| values.len()), [10, 3, 3]);
        assert_eq!([at(&again[0]), at(&again[1])], [small_at, large_at], "the smallest that is free");
        assert!(![small_at, large_at].contains(&at(&again[2])), "none was free");
    }

    #[test]
    fn what_nobody_needs_goes_back_to_the_system() {
        let pool = Arc::new(Pool::default());
        let many: Vec<_> = (0..MOST_FREE + 3).map(|_| pool.take(1).unwrap()).collect();
        drop(many);
        assert_eq!(pool.free().buffers.len(), MOST_FREE);
    }
}
