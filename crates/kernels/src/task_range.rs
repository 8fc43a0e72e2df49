//! Tasks in a row, of which each thread has a range: neighboring tasks read the same weights and write to the same lines of
//! the cache, so that they had better be done by one thread, one after the other. Who has done its own takes from the back of
//! others'.

use super::pool::part;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tasks that are to be taken: the end of their range in the upper half, its beginning in the lower one. Alone on its line of
/// the cache, and on that which processors fetch along with it.
#[repr(align(128))]
pub struct TaskRange(AtomicU64);

impl TaskRange {
    pub(super) const fn empty() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Becomes the `index`th of `count` ranges of so many tasks, fewer than 2³².
    pub(super) fn set(&self, tasks: usize, count: usize, index: usize) {
        debug_assert!(u32::try_from(tasks).is_ok(), "{tasks} tasks");
        let Range { start, end } = part(tasks, count, index);
        self.0.store((end as u64) << 32 | start as u64, Ordering::Release);
    }

    fn tasks(word: u64) -> Range<usize> {
        (word & 0xFFFF_FFFF) as usize..(word >> 32) as usize
    }

    #[cfg(any(test, target_arch = "wasm32"))]
    pub(super) fn is_empty(&self) -> bool {
        Self::tasks(self.0.load(Ordering::Relaxed)).is_empty()
    }

    /// The first task, which is the caller's from here on.
    fn take_first(&self) -> Option<usize> {
        self.take(|word| word + 1).map(|tasks| tasks.start)
    }

    /// The last one.
    fn take_last(&self) -> Option<usize> {
        self.take(|word| word - (1 << 32)).map(|tasks| tasks.end - 1)
    }

    fn take(&self, rest: impl Fn(u64) -> u64) -> Option<Range<usize>> {
        let next = |word| (!Self::tasks(word).is_empty()).then(|| rest(word));
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok().map(Self::tasks)
    }
}

/// A range of so many tasks for each of `count` threads.
#[cfg(not(target_arch = "wasm32"))]
pub fn task_ranges(tasks: usize, count: usize) -> Vec<TaskRange> {
    let ranges: Vec<_> = (0..count).map(|_| TaskRange::empty()).collect();
    for (index, range) in ranges.iter().enumerate() {
        range.set(tasks, count, index);
    }
    ranges
}

/// Does tasks until there are none left, those of the range `own` first: how many it did.
pub fn take_tasks(ranges: &[TaskRange], own: usize, mut task: impl FnMut(usize)) -> u32 {
    let (before, from_own) = ranges.split_at(own);
    let others = || from_own.iter().skip(1).chain(before);
    let take = || from_own[0].take_first().or_else(|| others().find_map(TaskRange::take_last));
    let mut count = 0;
    while let Some(index) = take() {
        task(index);
        count += 1;
    }
    count
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn each_task_is_done_once_whoever_begins() {
        for tasks in [0, 1, 3, 70_000] {
            for count in [1, 2, 5] {
                for own in 0..count {
                    let mut done = vec![0; tasks];
                    let ranges = task_ranges(tasks, count);
                    assert_eq!(take_tasks(&ranges, own, |task| done[task] += 1), tasks as u32);
                    assert!(done.iter().all(|&times| times == 1), "{tasks} tasks, thread {own} of {count}");
                    assert!(ranges.iter().all(TaskRange::is_empty));
                }
            }
        }
    }

    #[test]
    fn threads_share_many_tasks() {
        let ranges = task_ranges(70_000, 3);
        let mut done: Vec<usize> = std::thread::scope(|scope| {
            let work = |own| {
                let mut done = Vec::new();
                take_tasks(&ranges, own, |task| done.push(task));
                done
            };
            let threads: Vec<_> = (0..3).map(|own| scope.spawn(move || work(own))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        done.sort_unstable();
        assert!(done.into_iter().eq(0..70_000));
    }
}
