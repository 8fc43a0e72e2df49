//! Time as the processor counts it for this thread, so that a busy machine finds nothing that is not there.

/// Seconds for any input, and for a megabyte of it. (Instrumented code takes several times as long as what is shipped.)
const SECONDS: f64 = 1.0;

fn seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is alive, and the clock is one that Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What `work` yields, if it does in time.
pub fn bounded<T>(bytes: &[u8], work: impl FnOnce() -> T) -> T {
    let start = seconds();
    let result = work();
    let took = seconds() - start;
    let most = SECONDS * (1.0 + bytes.len() as f64 / 1e6);
    assert!(took < most, "{} bytes took {took:.2} s", bytes.len());
    result
}
