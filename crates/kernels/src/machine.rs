//! The threads of the machine that this was compiled for: one pool for a whole program.

#[cfg(not(target_arch = "wasm32"))]
mod rayon_pool {
    use crate::Pool;
    use crate::task_range::{take_tasks, task_ranges};

    /// rayon's threads.
    pub struct Rayon;

    impl Pool for Rayon {
        fn threads(&self) -> usize {
            rayon::current_num_threads()
        }

        /// The calling thread works too: were it to wait for rayon's, each kernel would begin and end with a thread waking up.
        fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
            let ranges = task_ranges(tasks, self.threads().min(tasks).max(1));
            rayon::in_place_scope(|scope| {
                for own in 1..ranges.len() {
                    let ranges = &ranges;
                    scope.spawn(move |_| {
                        take_tasks(ranges, own, task);
                    });
                }
                take_tasks(&ranges, 0, task);
            });
        }
    }
}

/// rayon's.
#[cfg(not(target_arch = "wasm32"))]
pub static POOL: rayon_pool::Rayon = rayon_pool::Rayon;
/// The calling thread alone: this build of WebAssembly has no others.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
pub static POOL: crate::Serial = crate::Serial;
/// The workers that JavaScript starts.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub static POOL: crate::Threads = crate::Threads::new();
