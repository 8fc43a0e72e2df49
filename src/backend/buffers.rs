//! The memory of forward passes on the CPU, used again: what one operation is done with, the next one takes.
//!
//! A model has one set of buffers, and one more for passes that run side by side, on a thread each. Activations
//! ([`Tokens`](super::Tokens)) hold one of them and give it back when they are dropped, so that a model which has seen a photo computes
//! the next one without asking the system for memory; and asks anew only when more passes run at the same time than ever before, or larger
//! ones.

use super::threads::Threads;
use crate::error::Result;
use kernels::{Buffer, POOL, Pool, Workspace};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buffers that are kept for the next operation: those of some ten passes at the same time, or of one for each thread. What is more
/// goes back to the system.
fn most_free() -> usize {
    64.max(8 * POOL.threads())
}

/// The buffers of a model that nobody uses just now, and the threads that fill them.
#[derive(Default)]
pub(crate) struct Buffers {
    free: Mutex<Free>,
    threads: Threads,
}

#[derive(Default)]
struct Free {
    /// The one given back last, which is still in the processor's caches, at the end.
    buffers: Vec<Buffer<f32>>,
    workspaces: Vec<Workspace>,
}

impl std::fmt::Debug for Buffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
    }
}

impl Buffers {
    /// To be filled by these threads.
    pub(super) fn new(threads: Threads) -> Self {
        Self { free: Mutex::default(), threads }
    }

    pub(super) fn threads(&self) -> &Threads {
        &self.threads
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `len` values with arbitrary contents: of the smallest buffer that has as many, or of a new one.
    pub(super) fn take(self: &Arc<Self>, len: usize) -> Result<BufferValues> {
        let mut free = self.free();
        let large = free.buffers.iter().map(|buffer| buffer.as_ref().len()).enumerate().rev();
        let best = large.filter(|(_, size)| *size >= len).min_by_key(|(_, size)| *size);
        let buffer = best.map(|(at, _)| free.buffers.remove(at));
        drop(free);
        let buffer = buffer.map_or_else(|| Buffer::zeroed(len), Ok)?;
        Ok(BufferValues { buffer, len, buffers: self.clone() })
    }

    /// Runs kernels with a workspace that is nobody else's, on the model's threads.
    pub(super) fn with_workspace<T>(&self, work: impl FnOnce(&mut Workspace, &dyn kernels::Pool) -> T) -> T {
        let workspace = self.free().workspaces.pop();
        let mut workspace = workspace.unwrap_or_default();
        let result = work(&mut workspace, &self.threads);
        let mut free = self.free();
        if free.workspaces.len() < most_free() {
            free.workspaces.push(workspace);
        }
        result
    }
}

/// Values in a buffer that goes back to where it was taken from.
pub(crate) struct BufferValues {
    buffer: Buffer<f32>,
    len: usize,
    buffers: Arc<Buffers>,
}

impl BufferValues {
    pub(super) fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
    }
}

impl Deref for BufferValues {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer.as_ref()[..self.len]
    }
}

impl DerefMut for BufferValues {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer.as_mut()[..self.len]
    }
}

impl Drop for BufferValues {
    fn drop(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, Buffer::new());
        let mut free = self.buffers.free();
        if free.buffers.len() < most_free() {
            free.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_where_it_is_large_enough() {
        let buffers = Arc::new(Buffers::default());
        let at = |values: &BufferValues| values.as_ptr() as usize;
        let (small, large) = (buffers.take(10).unwrap(), buffers.take(1000).unwrap());
        let (small_at, large_at) = (at(&small), at(&large));
        drop(large);
        drop(small);
        let again = [buffers.take(10).unwrap(), buffers.take(3).unwrap(), buffers.take(3).unwrap()];
        assert_eq!(again.each_ref().map(|values| values.len()), [10, 3, 3]);
        assert_eq!([at(&again[0]), at(&again[1])], [small_at, large_at], "the smallest that is free");
        assert!(![small_at, large_at].contains(&at(&again[2])), "none was free");
    }

    #[test]
    fn what_nobody_needs_goes_back_to_the_system() {
        let buffers = Arc::new(Buffers::default());
        let many: Vec<_> = (0..most_free() + 3).map(|_| buffers.take(1).unwrap()).collect();
        drop(many);
        assert_eq!(buffers.free().buffers.len(), most_free());
    }
}
