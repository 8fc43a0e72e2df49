//! Threads, and that they don't change a result.

use super::{Backwards, PLAIN, Rng, packed_f32, packed_int8};
use crate::*;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A pool with threads that help until the program ends.
#[cfg(not(target_arch = "wasm32"))]
fn threads(helpers: usize) -> &'static Threads {
    let pool: &Threads = Box::leak(Box::new(Threads::new()));
    pool.set_helpers(helpers);
    for _ in 0..helpers {
        std::thread::spawn(|| {
            // What a worker does whose instance traps (`web/worker/threads.ts`).
            let _ = std::thread::spawn(|| pool.help()).join();
            pool.fail();
        });
    }
    pool
}

/// All kernels once, on one pool.
fn everything(isa: Isa, pool: &dyn Pool) -> Vec<f32> {
    let mut rng = Rng(7);
    let mut workspace = Workspace::new();
    let sizes = Attention { batch: 2, tokens: 17, queries: 17, heads: 4, head_size: 20, causal: false };
    let (rows, channels) = (34, 80);
    let (x, g, b) = (rng.values(rows * channels), rng.values(channels), rng.values(channels));
    let mut y = vec![0.0; x.len()];
    layer_norm(isa, &x, [&g, &b], 1e-5, &mut y, pool).unwrap();
    let mut layer = || packed_f32(isa, &rng.values(channels * channels), None, channels, channels);
    let qkv = [layer(), layer(), layer()];
    let mut parts = [(); 3].map(|()| vec![0.0; x.len()]);
    let layers = qkv.iter().zip(&mut parts).map(|(weight, y)| Layer { weight, output: PLAIN, y });
    multiply(layers.collect(), &y, rows, &[], &mut workspace, pool).unwrap();
    sizes.run(isa, parts.each_ref().map(|part| &part[..]), &mut y, &mut workspace, pool).unwrap();
    let out = packed_int8(isa, &rng.values(channels * channels), Some(&b), channels, channels, Rotation::On);
    let mut sum = x;
    let out = Layer { weight: &out, output: Output::Add, y: &mut sum };
    multiply(vec![out], &y, rows, &[0, 17], &mut workspace, pool).unwrap();
    sum
}

#[test]
fn threads_and_repetition_do_not_change_a_bit() {
    #[cfg(not(target_arch = "wasm32"))]
    let pools: Vec<_> = (0..5).map(threads).collect();
    for isa in Isa::available() {
        let expected = everything(isa, &Serial);
        assert_eq!(expected, everything(isa, &Serial));
        for threads in [2, 3, 5] {
            assert_eq!(expected, everything(isa, &Backwards(threads)));
            #[cfg(not(target_arch = "wasm32"))]
            assert_eq!(expected, everything(isa, pools[threads - 1]));
        }
    }
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn a_pool_runs_each_task_once_and_returns_when_all_are_done() {
    use std::sync::atomic::{AtomicU32, Ordering};
    // One helper is said to be there and never comes.
    let pool = threads(3);
    pool.set_helpers(4);
    let mut rng = Rng(8);
    for round in 0..3000 {
        let counts: Vec<AtomicU32> = (0..rng.below(20)).map(|_| AtomicU32::new(0)).collect();
        pool.run(counts.len(), &|task| {
            if round % 100 == 0 && task == 1 {
                std::thread::sleep(std::time::Duration::from_millis(1)); // all others fall asleep meanwhile
            }
            counts[task].fetch_add(1, Ordering::Relaxed);
        });
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "round {round}");
    }
    // A run within a run is done by its own thread.
    let count = AtomicU32::new(0);
    let inner = |_| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    pool.run(3, &|_| pool.run(5, &inner));
    assert_eq!(count.into_inner(), 15);
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn no_more_threads_help_than_may() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    let pool = threads(4);
    pool.set_helpers(2);
    let (working, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for _ in 0..10 {
        most.store(0, Ordering::SeqCst);
        // A machine with other work gives processors late.
        let mut runs = 0;
        while runs < 20 || (runs < 5000 && most.load(Ordering::SeqCst) < 3) {
            runs += 1;
            pool.run(20, &|_| {
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(50));
                working.fetch_sub(1, Ordering::SeqCst);
            });
        }
        assert_eq!(most.load(Ordering::SeqCst), 3, "the caller and two helpers");
        std::thread::sleep(Duration::from_millis(5)); // all fall asleep, and others may help from here on
    }
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn a_thread_that_stops_in_the_middle_of_its_work_is_no_hang() {
    let pool = threads(1);
    let run = || {
        let caller = std::thread::current().id();
        pool.run(2, &|_| {
            if std::thread::current().id() != caller {
                panic!("on purpose");
            }
            std::thread::sleep(std::time::Duration::from_millis(20)); // so that the helper has one as well
        });
    };
    let failed = (0..100).any(|_| std::thread::spawn(run).join().is_err());
    assert!(failed, "the helper never had a task");
}
