//! A pool of threads that somebody else starts.
//!
//! In a browser a thread is a worker, which only JavaScript can start; what it does from then on is here: it calls
//! [`Threads::help`] and stays there. The thread that hands out tasks takes part in the work, and never waits for a helper
//! that has not taken a task yet: one that is late, or was never given a processor, costs nothing.
//!
//! All that is to be known of a run is in one word, [`Threads::claims`]: how many tasks it has and which is the next. A
//! thread takes a task by raising it. Whoever has one may read [`Threads::job`], since the run can't end before that
//! task does.
//!
//! Waiting begins by looking again and again, for as long as the gap between two kernels usually takes, and goes on asleep:
//! std's locks are WebAssembly's own `memory.atomic.wait32` there.
//!
//! **There is one helper more than may help**, and who comes first does ([`Threads::members`]). For a sleeper is woken where
//! it fell asleep, which may be the processor that the caller has been given meanwhile, while the other one is busy just then
//! with what sent the caller its work, or, in a virtual machine, is halted and not thought of. Two threads on one processor
//! are no faster than one, and systems mend that late: Linux after some 30 ms, which is as long as a picture takes. Of two
//! sleepers one will have slept elsewhere. The other one sees that it is not needed, and goes on sleeping.

use super::pool::Pool;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How often a helper looks before it falls asleep: some 500 µs. What lies between two kernels, and between two layers,
/// where the worker looks at its messages, takes less; to be woken takes as long as a kernel.
const LOOKS: usize = 500_000;
/// How often the caller looks for the end of others' tasks: for longer than one takes. Who takes longer still may have lost
/// its processor to the caller.
const CALLER_LOOKS: usize = LOOKS / 2;

/// The most tasks of a run: what half a word holds.
const MOST_TASKS: usize = u16::MAX as usize;

type Job = *const (dyn Fn(usize) + Sync);

/// See the module. One for a whole program, so that threads find it without being told.
pub(crate) struct Threads {
    /// Tasks of this run in the upper half, tasks taken in the lower one: equal when there is nothing to take.
    claims: AtomicU32,
    /// What to call with a task's number.
    job: UnsafeCell<Option<Job>>,
    /// Tasks of this run that have returned.
    done: AtomicU32,
    /// Whether a run is under way.
    busy: AtomicBool,
    /// Threads that may help at the same time.
    helpers: AtomicUsize,
    /// Those that do: they take tasks, and look for some.
    members: AtomicUsize,
    /// Whether one of them stopped in the middle of a task, which then never ends.
    failed: AtomicBool,
    /// How often helpers were called. Held only to fall asleep and to wake sleepers, so that no call is missed.
    calls: Mutex<u32>,
    /// Helpers are called.
    call: Condvar,
    /// A run is over, or a helper failed.
    end: Condvar,
}

// SAFETY: `job` is written between two runs by the thread that set `busy`, and read by threads that hold one of the run's
// tasks; the atomic that the task was taken from orders the two. What it points to is Sync.
unsafe impl Sync for Threads {}

impl Threads {
    pub(crate) const fn new() -> Self {
        Self {
            claims: AtomicU32::new(0),
            job: UnsafeCell::new(None),
            done: AtomicU32::new(0),
            busy: AtomicBool::new(false),
            helpers: AtomicUsize::new(0),
            members: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            calls: Mutex::new(0),
            call: Condvar::new(),
            end: Condvar::new(),
        }
    }

    /// Says how many threads may help at the same time: from now on work is split for them.
    pub(crate) fn set_helpers(&self, helpers: usize) {
        self.helpers.store(helpers, Ordering::Relaxed);
    }

    /// Works for this pool, for ever.
    pub(crate) fn help(&self) -> ! {
        let mut seen = 0;
        loop {
            if look(LOOKS, || self.is_full() || self.has_task()) && self.join() {
                while look(LOOKS, || self.has_task()) {
                    self.take_tasks();
                }
                self.members.fetch_sub(1, Ordering::AcqRel);
            }
            let mut calls = self.calls();
            while *calls == seen {
                calls = self.call.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            seen = *calls;
        }
    }

    fn is_full(&self) -> bool {
        self.members.load(Ordering::Acquire) >= self.helpers.load(Ordering::Relaxed)
    }

    fn join(&self) -> bool {
        let helpers = self.helpers.load(Ordering::Relaxed);
        let join = |members| (members < helpers).then_some(members + 1);
        self.members.fetch_update(Ordering::AcqRel, Ordering::Acquire, join).is_ok()
    }

    /// Says that a helper stopped in the middle of a task: whoever waits for it panics.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.wake_caller();
    }

    fn has_task(&self) -> bool {
        let claims = self.claims.load(Ordering::Acquire);
        claims >> 16 != claims & 0xFFFF
    }

    /// Takes tasks and does them until there are none left.
    fn take_tasks(&self) {
        let mut claims = self.claims.load(Ordering::Acquire);
        while claims >> 16 != claims & 0xFFFF {
            match self.claims.compare_exchange_weak(claims, claims + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: this thread holds a task that is not done, so that `run` has not returned: the job is the
                    // one it was called with.
                    unsafe {
                        if let Some(job) = *self.job.get() {
                            (*job)((claims & 0xFFFF) as usize);
                        }
                    }
                    // The last one out: the caller may be asleep.
                    if self.done.fetch_add(1, Ordering::AcqRel) + 1 == claims >> 16 {
                        self.wake_caller();
                    }
                    claims = self.claims.load(Ordering::Acquire);
                }
                Err(now) => claims = now,
            }
        }
    }

    fn calls(&self) -> MutexGuard<'_, u32> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls helpers, if more of them may help.
    fn call(&self) {
        if !self.is_full() {
            let mut calls = self.calls();
            *calls = calls.wrapping_add(1);
            drop(calls);
            self.call.notify_all();
        }
    }

    /// Waits until a run of so many tasks is over, or a helper has failed.
    fn wait(&self, tasks: u32) {
        let is_over = || self.done.load(Ordering::Acquire) == tasks || self.failed.load(Ordering::Acquire);
        if look(CALLER_LOOKS, is_over) {
            return;
        }
        let mut guard = self.calls();
        while !is_over() {
            guard = self.end.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The lock is taken so that the caller is not between having looked and having fallen asleep.
    fn wake_caller(&self) {
        drop(self.calls());
        self.end.notify_all();
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
        if tasks <= 1 || tasks > MOST_TASKS || self.threads() == 1 || self.busy.swap(true, Ordering::Acquire) {
            return (0..tasks).for_each(task);
        }
        // SAFETY: only the lifetime changes. Nobody reads the job without holding a task of this run, and this function
        // returns when all tasks are done. Nobody reads it now: the tasks of the run before are all done.
        unsafe { *self.job.get() = Some(std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(task)) };
        self.done.store(0, Ordering::Relaxed);
        // Before there is anything to take: who is woken on the caller's own processor may run at once, and must not be the
        // first to join.
        self.call();
        self.claims.store((tasks as u32) << 16, Ordering::Release);
        self.take_tasks();
        self.wait(tasks as u32);
        let is_done = self.done.load(Ordering::Acquire) == tasks as u32;
        assert!(is_done, "a thread of the engine stopped in the middle of its work");
        self.busy.store(false, Ordering::Release);
    }
}
