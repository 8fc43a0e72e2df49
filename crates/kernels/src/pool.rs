//! How kernels meet threads: they hand out numbered tasks, and know nothing of who runs them.

use std::ops::Range;

/// Runs tasks, on one thread or on many.
pub trait Pool: Sync {
    /// How many tasks run at the same time: a hint for how finely to split.
    fn threads(&self) -> usize;

    /// Calls `task` once with each of `0..tasks`, in any order, at any time, on any thread, and returns when all have
    /// returned. What they wrote is then visible to the caller.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// The calling thread alone.
pub struct Serial;

impl Pool for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        for index in 0..tasks {
            task(index);
        }
    }
}

/// Into how many tasks to split `parts` equal parts of work: one for a single thread, else many for each thread, so that
/// one that comes late or was held up doesn't hold up all.
pub(super) fn split(parts: usize, pool: &dyn Pool) -> usize {
    match pool.threads() {
        0 | 1 => parts.min(1),
        threads => parts.min(threads * 64),
    }
}

/// Runs several pieces of work, each of so many equal parts, as one: `task` is called with a piece and some of its parts.
pub(super) fn run_parts(pool: &dyn Pool, pieces: &[usize], task: &(dyn Fn(usize, Range<usize>) + Sync)) {
    let total = pieces.iter().sum();
    let tasks = split(total, pool);
    pool.run(tasks, &|index| {
        let parts = part(total, tasks, index);
        let mut begin = 0;
        for (piece, &count) in pieces.iter().enumerate() {
            let (first, last) = (parts.start.max(begin), parts.end.min(begin + count));
            if first < last {
                task(piece, first - begin..last - begin);
            }
            begin += count;
        }
    });
}

/// The `index`th of `count` nearly equal ranges of `0..total`.
pub(super) fn part(total: usize, count: usize, index: usize) -> Range<usize> {
    let (base, extra) = (total / count, total % count);
    let begin = index * base + index.min(extra);
    begin..begin + base + usize::from(index < extra)
}
