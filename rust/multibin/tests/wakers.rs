//! What wakers may do, what dead ones cost, and how futures keep time without a runtime.
#![cfg(not(loom))]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use multibin::{Adapt, Batch, Change, Config, Edges, Fill, NextError, Overrun, Scheduler, Worker};

use common::{Task, block_on, pending};

mod common;

/// Longer than any test here takes.
const LIMIT: Duration = Duration::from_secs(60);
const BOUNDS: [u32; 4] = [0, 8, 16, 32];

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) };
    common::scheduler(&BOUNDS, config)
}

/// Runs `check` in a thread and panics if it does not end in time.
fn in_time(check: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        check();
        done.send(()).unwrap();
    });
    match ended.recv_timeout(LIMIT) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}

/// A waker that calls the scheduler in every way, under a lock.
///
/// Its threads call the scheduler under that lock too: so do wakers that need Python's lock.
struct CallingWaker {
    scheduler: Scheduler,
    lock: Arc<Mutex<()>>,
    leases: Mutex<Vec<Batch>>,
    calls: AtomicU64,
}

thread_local! {
    static HOLDS_LOCK: Cell<bool> = const { Cell::new(false) };
}

impl CallingWaker {
    /// Calls the scheduler under the lock, which this thread may hold already.
    fn call_locked(&self) {
        let guard = (!HOLDS_LOCK.replace(true)).then(|| self.lock.lock().unwrap());
        self.call();
        if guard.is_some() {
            HOLDS_LOCK.set(false);
        }
    }

    fn call(&self) {
        let Self { scheduler, leases, .. } = self;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match call % 7 {
            0 => drop(scheduler.submit(call, 3)),
            1 => drop(scheduler.stats()),
            2 => drop(scheduler.cancel(call)),
            3 => scheduler.worker().close(),
            4 => scheduler.observe(3, 4),
            5 => {
                let edges = Some(Edges::new(&BOUNDS).unwrap());
                scheduler.reconfigure(&Change { edges, ..Change::default() }).unwrap();
            }
            _ => {
                let lease = leases.lock().unwrap().pop();
                if let Some(lease) = lease {
                    lease.resubmit(&[(0, 9)], true).unwrap();
                    lease.done();
                }
            }
        }
    }

    /// Takes a batch with a future, makes a call, and resubmits a lease that the call left.
    fn step(self: &Arc<Self>, worker: &Worker) {
        let waker = Waker::from(Arc::clone(self));
        let mut next = worker.next_batch_async(None);
        let polled = Pin::new(&mut next).poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(Ok(batch)) = polled {
            self.leases.lock().unwrap().push(batch);
        }
        self.call_locked();
        let leases = std::mem::take(&mut *self.leases.lock().unwrap());
        if let Some(lease) = leases.first() {
            let _ = lease.resubmit(&[(0, 9)], false);
        }
    }
}

impl Wake for CallingWaker {
    fn wake(self: Arc<Self>) {
        self.call_locked();
        thread::sleep(Duration::from_micros(20));
    }
}

#[test]
fn wakers_may_wait_and_call_the_scheduler() {
    in_time(|| {
        let config =
            Config { overrun: Overrun::Climb, adapt: Some(Adapt::default()), ..Config::new(1) };
        let scheduler = common::scheduler(&BOUNDS, config);
        let lock = Arc::new(Mutex::new(()));
        let end = Instant::now() + Duration::from_millis(700);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let worker = scheduler.worker();
                    let waker = Arc::new(CallingWaker {
                        scheduler: scheduler.clone(),
                        lock: Arc::clone(&lock),
                        leases: Mutex::default(),
                        calls: AtomicU64::new(0),
                    });
                    while Instant::now() < end {
                        waker.step(&worker);
                    }
                });
            }
        });
        scheduler.close();
        common::serve(&scheduler, |_| {});
        assert!(scheduler.drain(Some(Duration::ZERO)), "{:?}", scheduler.stats());
    });
}

/// Each dead waker wakes the next from within its own call, on a small stack.
#[test]
fn twenty_thousand_dead_wakers_are_passed_at_once() {
    struct Dead(Scheduler);
    impl Wake for Dead {
        fn wake(self: Arc<Self>) {
            self.0.renotify();
        }
    }
    let run = || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let waker = Waker::from(Arc::new(Dead(scheduler.clone())));
        let dead: Vec<_> = (0..20_000).map(|_| pending(&worker, &waker)).collect();
        let alive = Task::waiting(worker.next_batch_async(None));
        scheduler.submit(7, 3).unwrap();
        let start = Instant::now();
        alive.sleep(LIMIT);
        assert!(start.elapsed() < LIMIT);
        assert_eq!(alive.run().unwrap().rows()[0].key, 7);
        drop(dead);
    };
    thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_thread_is_served_beside_a_task_that_is_never_polled() {
    in_time(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let dead = pending(&worker, Waker::noop());
        thread::scope(|scope| {
            let alive = scope.spawn(|| worker.next_batch(None).unwrap().rows()[0].key);
            thread::sleep(Duration::from_millis(50));
            scheduler.submit(7, 3).unwrap();
            assert_eq!(alive.join().unwrap(), 7);
        });
        drop(dead);
    });
}

#[test]
fn futures_time_themselves() {
    in_time(|| {
        let wait = Duration::from_millis(30);
        let scheduler = scheduler(Fill::Elastic, 2);
        let worker = scheduler.worker();
        let start = Instant::now();
        let outcome = block_on(worker.next_batch_async(Some(wait)));
        assert_eq!(outcome.err(), Some(NextError::Timeout));
        assert!(start.elapsed() >= wait);

        let config = Config { fill: Fill::Strict, max_wait: Some(wait), ..Config::new(2) };
        let strict = common::scheduler(&BOUNDS, config);
        let worker = strict.worker();
        thread::scope(|scope| {
            let next = scope.spawn(|| block_on(worker.next_batch_async(None)).unwrap());
            thread::sleep(Duration::from_millis(20));
            strict.submit(7, 3).unwrap();
            let batch = next.join().unwrap();
            assert!(batch.waits().next().unwrap() >= wait);
            batch.done();
        });
    });
}

#[test]
fn draining_may_be_awaited() {
    in_time(|| {
        let scheduler = scheduler(Fill::Elastic, 2);
        let worker = scheduler.worker();
        scheduler.submit(7, 3).unwrap();
        let batch = worker.next_batch(None).unwrap();
        assert_eq!((batch.held(), batch.is_done()), (1, false));
        assert!(!block_on(scheduler.drain_async(Some(Duration::from_millis(20)))));
        let mut drain = scheduler.drain_async(None);
        assert_eq!(drain.try_now(), None);
        thread::scope(|scope| {
            let drained = [scope.spawn(|| block_on(drain)), scope.spawn(|| scheduler.drain(None))];
            thread::sleep(Duration::from_millis(20));
            batch.done();
            assert_eq!((batch.held(), batch.is_done()), (0, true));
            for drained in drained {
                assert!(drained.join().unwrap());
            }
        });
    });
}

#[test]
fn a_batch_keeps_its_worker() {
    let scheduler = scheduler(Fill::Elastic, 1);
    let (worker, other) = (scheduler.worker(), scheduler.worker());
    scheduler.submit(7, 3).unwrap();
    let batch = worker.next_batch(None).unwrap();
    batch.resubmit(&[(0, 9)], false).unwrap();
    drop(worker);
    assert_eq!((scheduler.stats().restarted, batch.held()), (0, 0));
    drop(batch);
    assert_eq!(scheduler.stats().restarted, 1);
    assert_eq!(other.next_batch(Some(Duration::ZERO)).unwrap().rows()[0].key, 7);
}

#[cfg(target_os = "linux")]
#[test]
fn the_timer_thread_ends_with_its_scheduler() {
    fn timer_threads() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let names = threads
            .flatten()
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        names.filter(|name| name.trim() == "multibin-timer").count()
    }
    // A process of its own, as other tests have timer threads.
    let name = "the_timer_thread_ends_with_its_scheduler";
    if std::env::var_os("ALONE").is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        assert!(alone.env("ALONE", "1").args(["--exact", name]).status().unwrap().success());
        return;
    }
    let first = scheduler(Fill::Elastic, 1);
    let worker = first.worker();
    assert!(worker.next_batch(Some(Duration::from_millis(1))).is_err());
    assert_eq!(timer_threads(), 0, "a thread times itself");
    let mut next = worker.next_batch_async(Some(LIMIT));
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    thread::sleep(Duration::from_millis(20));
    assert_eq!(timer_threads(), 1);
    drop((next, worker, first));
    let start = Instant::now();
    while timer_threads() > 0 {
        assert!(start.elapsed() < LIMIT, "the timer thread runs on");
        thread::sleep(Duration::from_millis(1));
    }
}
