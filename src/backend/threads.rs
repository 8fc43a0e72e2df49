//! The threads that compute a model: those of the kernels' pool, or some of them.

use kernels::{POOL, Pool};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The most threads that compute at the same time; without a number, all that there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Threads(Option<NonZero<usize>>);

impl Threads {
    pub(crate) fn at_most(threads: Option<NonZero<usize>>) -> Self {
        Self(threads)
    }

    /// What `make` makes of each, in order, side by side, on threads that are started for it: those of the kernels are left to
    /// kernels, since whoever runs one beside this would wait at each for as long as one of these takes. On one thread in a browser.
    pub(crate) fn map<I: Send, T: Send>(self, items: Vec<I>, make: impl Fn(I) -> T + Sync) -> Vec<T> {
        let threads = self.threads().min(items.len());
        if threads < 2 || cfg!(target_arch = "wasm32") {
            return items.into_iter().map(make).collect();
        }
        let waiting = Mutex::new(items.into_iter().enumerate());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            let mut made = Vec::new();
            while let Some((at, item)) = next() {
                made.push((at, make(item)));
            }
            made
        };
        let mut all = thread::scope(|scope| {
            // One that can't be started leaves its part to the others.
            let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
            let helpers: Vec<_> = (1..threads).filter_map(start).collect();
            let mut made = work();
            for helper in helpers {
                made.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            made
        });
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, made)| made).collect()
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
    fn kernels_of_others_run_while_something_takes_long() {
        let (begun, end) = (std::sync::Barrier::new(3), std::sync::Barrier::new(3));
        if Threads::default().threads() < 2 {
            return;
        }
        let both = Threads::at_most(NonZero::new(2));
        thread::scope(|scope| {
            scope.spawn(|| both.map(vec![(), ()], |()| (begun.wait(), end.wait())));
            begun.wait();
            let count = AtomicUsize::new(0);
            POOL.run(100, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 100);
            end.wait();
        });
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
