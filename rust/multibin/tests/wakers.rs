//! What wakers may do, what those that do nothing cost, and what wakes futures without any.
#![cfg(not(loom))]

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use multibin::{
    Adapt, Batch, Change, Config, Edges, Fill, NextBatch, NextError, Overrun, Scheduler, Worker,
};

/// Longer than anything here takes.
const LOST: Duration = Duration::from_secs(60);

fn edges() -> Edges {
    Edges::new(&[0, 8, 16, 32]).unwrap()
}

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) };
    Scheduler::new(edges(), config).unwrap()
}

/// Runs `check` in a thread, which must end in time: one that hangs fails the test.
fn in_time(check: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        check();
        done.send(()).unwrap();
    });
    match ended.recv_timeout(LOST) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => thread.join().unwrap(),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor without a timer: it polls when it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn asleep(worker: &Worker, waker: &Waker) -> NextBatch {
    let mut next = worker.next_batch_async(None);
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(waker)).is_pending());
    next
}

/// Waits for a while, then calls the scheduler in every way, under a lock whose holders do so too:
/// as a waker that needs Python's lock does.
struct Busybody {
    scheduler: Scheduler,
    python: Arc<Mutex<()>>,
    leases: Mutex<Vec<Batch>>,
    calls: AtomicU64,
}

thread_local! {
    static ATTACHED: Cell<bool> = const { Cell::new(false) };
}

impl Busybody {
    /// Calls the scheduler under the lock that wakers wait for, unless this thread holds it.
    fn attached(&self) {
        let python = (!ATTACHED.replace(true)).then(|| self.python.lock().unwrap());
        self.meddle();
        if python.is_some() {
            ATTACHED.set(false);
        }
    }

    fn meddle(&self) {
        let Self { scheduler, leases, .. } = self;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match call % 7 {
            0 => drop(scheduler.submit(call, 3)),
            1 => drop(scheduler.stats()),
            2 => drop(scheduler.cancel(call)),
            3 => scheduler.worker().close(),
            4 => scheduler.observe(3, 4),
            5 => scheduler
                .reconfigure(&Change { edges: Some(edges()), ..Change::default() })
                .unwrap(),
            _ => {
                let lease = leases.lock().unwrap().pop();
                if let Some(lease) = lease {
                    lease.resubmit(&[(0, 9)], true).unwrap();
                    lease.done();
                }
            }
        }
    }
}

impl Wake for Busybody {
    fn wake(self: Arc<Self>) {
        self.attached();
        thread::sleep(Duration::from_micros(20));
    }
}

#[test]
fn wakers_may_wait_and_call_the_scheduler() {
    in_time(|| {
        let config =
            Config { overrun: Overrun::Climb, adapt: Some(Adapt::default()), ..Config::new(1) };
        let scheduler = Scheduler::new(edges(), config).unwrap();
        let python = Arc::new(Mutex::new(()));
        let end = Instant::now() + Duration::from_millis(700);
        thread::scope(|scope| {
            for _ in 0..4 {
                let python = Arc::clone(&python);
                let scheduler = scheduler.clone();
                scope.spawn(move || {
                    let worker = scheduler.worker();
                    let busybody = Arc::new(Busybody {
                        scheduler: scheduler.clone(),
                        python,
                        leases: Mutex::default(),
                        calls: AtomicU64::new(0),
                    });
                    let waker = Waker::from(Arc::clone(&busybody));
                    while Instant::now() < end {
                        let mut next = worker.next_batch_async(None);
                        if let Poll::Ready(Ok(batch)) =
                            Pin::new(&mut next).poll(&mut Context::from_waker(&waker))
                        {
                            busybody.leases.lock().unwrap().push(batch);
                        }
                        busybody.attached();
                        let leases = std::mem::take(&mut *busybody.leases.lock().unwrap());
                        if let Some(lease) = leases.first() {
                            let _ = lease.resubmit(&[(0, 9)], false);
                        }
                    }
                });
            }
        });
        scheduler.close();
        let worker = scheduler.worker();
        while let Ok(batch) = worker.next_batch(None) {
            batch.done();
        }
        assert!(scheduler.drain(Some(Duration::ZERO)), "{:?}", scheduler.stats());
    });
}

/// Each one wakes the next from within, on a small stack.
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
        let dead: Vec<_> = (0..20_000).map(|_| asleep(&worker, &waker)).collect();
        let woken = Arc::new(Unpark(thread::current()));
        let alive = asleep(&worker, &Waker::from(woken));
        scheduler.submit(7, 3).unwrap();
        let start = Instant::now();
        thread::park_timeout(LOST);
        assert!(start.elapsed() < LOST);
        assert_eq!(block_on(alive).unwrap().rows()[0].key, 7);
        drop(dead);
    };
    thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_thread_is_served_beside_a_task_that_never_comes() {
    in_time(|| {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let dead = asleep(&worker, Waker::noop());
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
        let strict = Scheduler::new(edges(), config).unwrap();
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
fn the_alarm_ends_with_its_scheduler() {
    fn alarms() -> usize {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let named = threads
            .flatten()
            .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        named.filter(|name| name.trim() == "multibin-timer").count()
    }
    // A process of its own, as other tests have alarms.
    let name = "the_alarm_ends_with_its_scheduler";
    if std::env::var_os("ALONE").is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        assert!(alone.env("ALONE", "1").args(["--exact", name]).status().unwrap().success());
        return;
    }
    let first = scheduler(Fill::Elastic, 1);
    let worker = first.worker();
    assert!(worker.next_batch(Some(Duration::from_millis(1))).is_err());
    assert_eq!(alarms(), 0, "a thread times itself");
    let mut next = worker.next_batch_async(Some(LOST));
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    thread::sleep(Duration::from_millis(20));
    assert_eq!(alarms(), 1);
    drop((next, worker, first));
    let start = Instant::now();
    while alarms() > 0 {
        assert!(start.elapsed() < LOST, "lives on");
        thread::sleep(Duration::from_millis(1));
    }
}
