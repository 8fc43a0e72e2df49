//! The threads that compute a model: those of the kernels' pool, or some of them.

use kernels::{POOL, Pool};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The most threads that compute at the same time; without a number, all that there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Threads(Option<NonZero<usize>>);

impl Threads {
    pub(crate) fn at_most(threads: Option<NonZero<usize>>) -> Self {
        Self(threads)
    }

    /// What `make` makes of each, in order, side by side.
    pub(crate) fn map<I: Send, T: Send>(self, items: Vec<I>, make: impl Fn(I) -> T + Sync) -> Vec<T> {
        let slots: Vec<_> = items.into_iter().map(|item| (Mutex::new(Some(item)), Mutex::new(None))).collect();
        self.run(slots.len(), &|index| {
            let (item, made) = &slots[index];
            let item = item.lock().unwrap_or_else(PoisonError::into_inner).take();
            let result = item.map(&make);
            *made.lock().unwrap_or_else(PoisonError::into_inner) = result;
        });
        slots.into_iter().filter_map(|(_, made)| made.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

impl Pool for Threads {
    fn threads(&self) -> usize {
        self.0.map_or(usize::MAX, NonZero::get).min(POOL.threads())
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        match self.0.map(NonZero::get) {
            Some(most) if most < POOL.threads() => run_on(most.min(tasks), tasks, task),
            _ => POOL.run(tasks, task),
        }
    }
}

/// Each of `threads` threads takes the next task, as long as there are any.
fn run_on(threads: usize, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    let take = |_| {
        while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < tasks) {
            task(index);
        }
    };
    match threads {
        0 | 1 => take(0),
        _ => POOL.run(threads, &take),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_side_by_side_is_in_order() {
        for most in [0, 1, 3] {
            let threads = Threads::at_most(NonZero::new(most));
            let names: Vec<String> = (0..50).map(|at| at.to_string()).collect();
            assert_eq!(threads.map(names.clone(), |name| name), names);
            assert!(threads.map(Vec::<String>::new(), |name| name).is_empty());
        }
    }

    #[test]
    fn no_more_threads_take_part_than_may() {
        for most in [1, 2, 3] {
            let threads = Threads::at_most(NonZero::new(most));
            assert!(threads.threads() <= most);
            let (counts, seen) = ([const { AtomicUsize::new(0) }; 50], Mutex::new(Vec::new()));
            threads.run(counts.len(), &|index| {
                counts[index].fetch_add(1, Ordering::Relaxed);
                seen.lock().unwrap().push(std::thread::current().id());
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "each task once");
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|id| format!("{id:?}"));
            seen.dedup();
            assert!(seen.len() <= most, "{} threads, not {most}", seen.len());
        }
    }
}
