//! Futures on a hand-made executor: the same promises as threads get.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use multibin::{Batch, Config, Edges, Fill, NextBatch, NextError, Overrun, Scheduler, Worker};

type Next = Result<Batch, NextError>;

/// Longer than any wait that is woken.
const LOST: Duration = Duration::from_secs(20);

/// A doorbell: counts the wake-ups, and lets a thread wait for one.
#[derive(Default)]
struct Door {
    rings: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    fn wait(&self, most: Duration) {
        let open = self.open.lock().unwrap();
        let closed = |open: &mut bool| !*open;
        *self.opened.wait_timeout_while(open, most, closed).unwrap().0 = false;
    }
}

impl Wake for Door {
    fn wake(self: Arc<Self>) {
        self.rings.fetch_add(1, Ordering::Relaxed);
        *self.open.lock().unwrap() = true;
        self.opened.notify_one();
    }
}

/// A task that somebody polls by hand.
struct Task {
    next: NextBatch,
    door: Arc<Door>,
}

impl Task {
    fn new(next: NextBatch) -> Self {
        Self { next, door: Arc::default() }
    }

    fn asleep(worker: &Worker) -> Self {
        let mut task = Self::new(worker.next_batch_async(None));
        assert!(task.poll().is_pending());
        task
    }

    fn poll(&mut self) -> Poll<Next> {
        let waker = Waker::from(Arc::clone(&self.door));
        Pin::new(&mut self.next).poll(&mut Context::from_waker(&waker))
    }

    fn rings(&self) -> usize {
        self.door.rings.load(Ordering::Relaxed)
    }

    /// Runs to the end; panics if a wake-up is lost.
    fn run(mut self) -> Next {
        let start = Instant::now();
        loop {
            if let Poll::Ready(outcome) = self.poll() {
                return outcome;
            }
            self.door.wait(LOST);
            assert!(start.elapsed() < LOST, "slept on");
        }
    }
}

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) };
    Scheduler::new(Edges::new(&[0, 8, 16, 32]).unwrap(), config).unwrap()
}

fn keys(batch: &Batch) -> Vec<u64> {
    batch.rows().iter().map(|row| row.key).collect()
}

fn taken(task: &mut Task) -> Vec<u64> {
    match task.poll() {
        Poll::Ready(Ok(batch)) => keys(&batch),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_bin_wakes_the_one_whose_climbers_fill_it() {
    let scheduler = scheduler(Fill::Strict, 2);
    let (other, owner) = (scheduler.worker(), scheduler.worker());
    scheduler.submit_many(&[1, 2], &[0, 0]).unwrap();
    let batch = owner.next_batch(None).unwrap();
    let (first, mut second) = (Task::asleep(&other), Task::asleep(&owner));
    batch.resubmit(&[(0, 8)], false).unwrap();
    scheduler.submit(3, 9).unwrap();
    assert_eq!((first.rings(), second.rings()), (0, 1));
    assert_eq!(taken(&mut second), [1, 3]);
}

#[test]
fn timeouts_and_closing_end_futures() {
    let scheduler = scheduler(Fill::Elastic, 2);
    let (worker, other) = (scheduler.worker(), scheduler.worker());
    let timeout = Some(Duration::from_millis(20));
    assert_eq!(Task::new(worker.next_batch_async(timeout)).run().err(), Some(NextError::Timeout));
    let mut task = Task::asleep(&worker);
    let gone = [Task::asleep(&other), Task::asleep(&other)];
    other.close();
    for task in gone {
        assert_eq!((task.rings(), task.run().err()), (1, Some(NextError::WorkerClosed)));
    }
    assert_eq!(task.rings(), 0);
    scheduler.close();
    assert_eq!(task.rings(), 1);
    let Poll::Ready(outcome) = task.poll() else { panic!("sleeps on") };
    assert_eq!(outcome.err(), Some(NextError::Closed));
}

/// The waker takes a lock whose holder submits, as Python's does.
#[test]
fn wakers_are_called_without_the_forming_lock() {
    struct Nosy(Scheduler, AtomicU64);

    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            self.1.store(self.0.stats().submitted, Ordering::Relaxed);
        }
    }

    let scheduler = scheduler(Fill::Elastic, 2);
    let worker = scheduler.worker();
    let nosy = Arc::new(Nosy(scheduler.clone(), AtomicU64::new(0)));
    let waker = Waker::from(Arc::clone(&nosy));
    let mut next = worker.next_batch_async(None);
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(&waker)).is_pending());
    scheduler.submit(7, 3).unwrap();
    assert_eq!(nosy.1.load(Ordering::Relaxed), 1);
}

/// Futures that give up beside futures and threads that do not, and no timeout anywhere.
#[test]
fn everything_is_delivered_once_while_futures_come_and_go() {
    const EACH: u64 = 5_000;
    for fill in [Fill::Strict, Fill::Elastic] {
        let scheduler = scheduler(fill, 4);
        let delivered = Mutex::new(Vec::new());
        let deliver = |batch: Batch| {
            delivered.lock().unwrap().extend(keys(&batch));
            batch.done();
        };
        let sync = || {
            let worker = scheduler.worker();
            while let Ok(batch) = worker.next_batch(None) {
                deliver(batch);
            }
        };
        let patient = || {
            let worker = scheduler.worker();
            while let Ok(batch) = Task::new(worker.next_batch_async(None)).run() {
                deliver(batch);
            }
        };
        let fickle = || {
            let worker = scheduler.worker();
            while !scheduler.is_closed() {
                let mut task = Task::new(worker.next_batch_async(None));
                if let Poll::Ready(Ok(batch)) = task.poll() {
                    deliver(batch);
                }
                task.door.wait(Duration::from_micros(30));
            }
        };
        let produce = |first: u64| {
            for key in first..first + EACH {
                scheduler.submit(key, key as u32 % 32).unwrap();
            }
        };
        let produce = &produce;
        thread::scope(|scope| {
            let workers = [scope.spawn(sync), scope.spawn(patient), scope.spawn(fickle)];
            let producers = [0, EACH].map(|first| scope.spawn(move || produce(first)));
            for producer in producers {
                producer.join().unwrap();
            }
            // Whatever may leave does although nobody submits any more.
            let left = if fill == Fill::Strict { 3 * 3 } else { 0 };
            let start = Instant::now();
            while scheduler.stats().waiting > left {
                assert!(start.elapsed() < LOST, "asleep beside a batch");
                thread::yield_now();
            }
            scheduler.close();
            for worker in workers {
                worker.join().unwrap();
            }
        });
        sync();
        let mut delivered = delivered.into_inner().unwrap();
        delivered.sort_unstable();
        assert!(delivered.into_iter().eq(0..2 * EACH));
    }
}
