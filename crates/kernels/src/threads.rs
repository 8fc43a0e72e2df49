//! A pool of threads that somebody else starts.
//!
//! In a browser a thread is a worker, which only JavaScript can start; what it does from then on is here: it calls
//! [`Threads::help`] and stays there. The thread that hands out tasks takes part in the work, and never waits for a helper
//! that has not taken a task yet: one that is late, or was never given a processor, costs next to nothing.
//!
//! Each thread has a [`TaskRange`] of a run's tasks. Whoever has taken a task may read [`Threads::job`], since the run can't end
//! before that task does.
//!
//! Waiting begins by looking again and again, for as long as the gap between two kernels usually takes, and goes on asleep:
//! std's locks are WebAssembly's own `memory.atomic.wait32` there.
//!
//! **There is one more helper than may help at once**; the first to come takes part. A sleeping helper may wake on the caller's
//! processor, where it happened to fall asleep: the other processor was busy just then with what sent the caller its work or, in
//! a virtual machine, is halted and not considered. Two threads on one processor are no faster than one, and Linux takes some
//! 30 ms to move one of them, as long as a photo takes. Of two sleeping helpers one slept on another processor; the one that is
//! not needed goes back to sleep.

use super::pool::Pool;
use super::task_range::{TaskRange, take_tasks};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many ranges a helper looks at before it falls asleep: some 500 µs. What lies between two kernels, and between two
/// layers, where the worker looks at its messages, takes less; to be woken takes as long as a kernel. In tests helpers sleep.
const LOOKS: usize = if cfg!(test) { 5_000 } else { 500_000 };
/// How often the caller looks for the end of others' tasks: for longer than one takes. Who takes longer still may have lost
/// its processor to the caller.
const CALLER_LOOKS: usize = LOOKS / 2;

/// The most threads that take part in a run: a bit of a word for each.
const MOST_THREADS: usize = 64;

type Job = *const (dyn Fn(usize) + Sync);

/// See the module. One for a whole program, so that threads find it without being told.
pub struct Threads {
    /// What is left to be taken of this run.
    ranges: [TaskRange; MOST_THREADS],
    /// Tasks of this run.
    tasks: AtomicU32,
    /// What to call with a task's number.
    job: UnsafeCell<Option<Job>>,
    /// Tasks of this run that have returned, as far as those who did them have said so.
    done: AtomicU32,
    /// Whether a run is under way.
    busy: AtomicBool,
    /// Threads that may help at the same time.
    helpers: AtomicUsize,
    /// Those that do, a bit for each: they have a range, and look for tasks.
    members: AtomicU64,
    /// Whether one of them stopped in the middle of a task, which then never ends.
    failed: AtomicBool,
    /// How often helpers were called. Held only to fall asleep and to wake sleepers, so that no call is missed.
    calls: Mutex<u32>,
    /// Helpers are called.
    called: Condvar,
    /// A run is over, or a helper failed.
    over: Condvar,
}

// SAFETY: `job` is written between two runs by the thread that set `busy`, and read by threads that hold one of the run's
// tasks; the atomic that the task was taken from orders the two. What it points to is Sync.
unsafe impl Sync for Threads {}

impl Default for Threads {
    fn default() -> Self {
        Self::new()
    }
}

impl Threads {
    /// Without helpers.
    pub const fn new() -> Self {
        Self {
            ranges: [const { TaskRange::empty() }; MOST_THREADS],
            tasks: AtomicU32::new(0),
            job: UnsafeCell::new(None),
            done: AtomicU32::new(0),
            busy: AtomicBool::new(false),
            helpers: AtomicUsize::new(0),
            members: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            calls: Mutex::new(0),
            called: Condvar::new(),
            over: Condvar::new(),
        }
    }

    /// Says how many threads may help at the same time: work is split for them. Before the first run only.
    pub fn set_helpers(&self, helpers: usize) {
        self.helpers.store(helpers.min(MOST_THREADS - 1), Ordering::Relaxed);
    }

    /// Works for this pool, forever.
    pub fn help(&self) -> ! {
        let mut seen = 0;
        loop {
            let looks = LOOKS / self.threads();
            if look(looks, || self.is_full() || self.has_task())
                && let Some(seat) = self.join()
            {
                while look(looks, || self.has_task()) {
                    self.take_tasks(1 + seat);
                }
                self.members.fetch_and(!(1 << seat), Ordering::AcqRel);
            }
            let mut calls = self.lock();
            while *calls == seen {
                calls = self.called.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            seen = *calls;
        }
    }

    fn is_full(&self) -> bool {
        self.members.load(Ordering::Acquire).count_ones() as usize >= self.helpers.load(Ordering::Relaxed)
    }

    /// Becomes a member, unless there are enough: which one.
    fn join(&self) -> Option<usize> {
        let helpers = self.helpers.load(Ordering::Relaxed);
        let seat = |members: u64| members.trailing_ones() as usize;
        let join = |members: u64| ((members.count_ones() as usize) < helpers).then(|| members | 1 << seat(members));
        self.members.fetch_update(Ordering::AcqRel, Ordering::Acquire, join).ok().map(seat)
    }

    /// Says that a helper stopped in the middle of a task: whoever waits for it panics.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.wake_caller();
    }

    /// The ranges of a run, one for each thread.
    fn ranges(&self) -> &[TaskRange] {
        &self.ranges[..self.threads()]
    }

    fn has_task(&self) -> bool {
        self.ranges().iter().any(|range| !range.is_empty())
    }

    /// Does tasks until there are none left: those of the thread's `own` range, or else what others have.
    fn take_tasks(&self, own: usize) {
        let count = take_tasks(self.ranges(), own, |task| {
            // SAFETY: this thread holds a task that is not done, so that `run` has not returned: the job is the one it was
            // called with. (A panic ends a run early; in WebAssembly it frees nothing.)
            unsafe {
                if let Some(job) = *self.job.get() {
                    (*job)(task);
                }
            }
        });
        // The last one out: the caller may be asleep.
        if count > 0 && self.done.fetch_add(count, Ordering::AcqRel) + count == self.tasks.load(Ordering::Relaxed) {
            self.wake_caller();
        }
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls helpers, if more of them may help. Who stops helping at this very moment misses a run; the next one calls it.
    fn call_helpers(&self) {
        if !self.is_full() {
            let mut calls = self.lock();
            *calls = calls.wrapping_add(1);
            drop(calls);
            self.called.notify_all();
        }
    }

    /// Waits until a run of so many tasks is over, or a helper has failed.
    fn wait(&self, tasks: u32) {
        let is_over = || self.done.load(Ordering::Acquire) == tasks || self.failed.load(Ordering::Acquire);
        if look(CALLER_LOOKS, is_over) {
            return;
        }
        let mut guard = self.lock();
        while !is_over() {
            guard = self.over.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The lock is taken so that the caller is not between having looked and having fallen asleep.
    fn wake_caller(&self) {
        drop(self.lock());
        self.over.notify_all();
    }
}

/// Looks so many times whether something is so.
fn look(times: usize, is_so: impl Fn() -> bool) -> bool {
    for _ in 0..times {
        if is_so() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

impl Pool for Threads {
    fn threads(&self) -> usize {
        self.helpers.load(Ordering::Relaxed) + 1
    }

    /// # Panics
    /// If a helper [failed](Self::fail).
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if tasks <= 1 || self.threads() == 1 || self.busy.swap(true, Ordering::Acquire) {
            return (0..tasks).for_each(task);
        }
        // SAFETY: only the lifetime changes. Nobody reads the job without holding a task of this run, and this function
        // returns when all tasks are done. Nobody reads it now: the tasks of the run before are all done.
        unsafe { *self.job.get() = Some(std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(task)) };
        self.done.store(0, Ordering::Relaxed);
        self.tasks.store(tasks as u32, Ordering::Relaxed);
        // Before there is anything to take: who is woken on the caller's own processor may run at once, until it is tired of
        // looking, and must not be the first to join.
        self.call_helpers();
        let ranges = self.ranges();
        for (index, range) in ranges.iter().enumerate().rev() {
            range.set(tasks, ranges.len(), index);
        }
        self.take_tasks(0);
        self.wait(tasks as u32);
        let is_done = self.done.load(Ordering::Acquire) == tasks as u32;
        assert!(is_done, "a thread of the engine stopped in the middle of its work");
        self.busy.store(false, Ordering::Release);
    }
}
