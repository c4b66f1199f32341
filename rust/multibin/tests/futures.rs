//! Futures without a runtime: they are woken, time out and end as threads are.
#![cfg(not(loom))]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use multibin::{Batch, Config, Fill, NextBatch, NextError, Overrun, Scheduler, Worker};

use common::{LOST, Task, keys, pending, serve};

mod common;

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) };
    common::scheduler(&[0, 8, 16, 32], config)
}

fn waiting(worker: &Worker) -> Task<NextBatch> {
    Task::waiting(worker.next_batch_async(None))
}

fn taken(task: &mut Task<NextBatch>) -> Vec<u64> {
    match task.poll() {
        Poll::Ready(Ok(batch)) => keys(&batch),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_bin_wakes_the_worker_whose_climbers_fill_it() {
    let scheduler = scheduler(Fill::Strict, 2);
    let (other, owner) = (scheduler.worker(), scheduler.worker());
    scheduler.submit_many(&[1, 2], &[0, 0]).unwrap();
    let batch = owner.next_batch(None).unwrap();
    let (first, mut second) = (waiting(&other), waiting(&owner));
    batch.resubmit(&[(0, 8)], false).unwrap();
    scheduler.submit(3, 9).unwrap();
    assert_eq!((first.wakeups(), second.wakeups()), (0, 1));
    assert_eq!(taken(&mut second), [1, 3]);
}

#[test]
fn timeouts_and_closing_end_futures() {
    let scheduler = scheduler(Fill::Elastic, 2);
    let (worker, other) = (scheduler.worker(), scheduler.worker());
    let timeout = Some(Duration::from_millis(20));
    assert_eq!(Task::new(worker.next_batch_async(timeout)).run().err(), Some(NextError::Timeout));
    let mut task = waiting(&worker);
    let gone = [waiting(&other), waiting(&other)];
    other.close();
    for task in gone {
        assert_eq!((task.wakeups(), task.run().err()), (1, Some(NextError::WorkerClosed)));
    }
    assert_eq!(task.wakeups(), 0);
    scheduler.close();
    assert_eq!(task.wakeups(), 1);
    let Poll::Ready(outcome) = task.poll() else { panic!("it still waits") };
    assert_eq!(outcome.err(), Some(NextError::Closed));
}

/// A waker may take a lock whose holders submit, as Python's wakers do.
#[test]
fn wakers_are_called_without_the_forming_lock() {
    struct AskingWaker(Scheduler, AtomicU64);

    impl Wake for AskingWaker {
        fn wake(self: Arc<Self>) {
            self.1.store(self.0.stats().submitted, Ordering::Relaxed);
        }
    }

    let scheduler = scheduler(Fill::Elastic, 2);
    let worker = scheduler.worker();
    let asking = Arc::new(AskingWaker(scheduler.clone(), AtomicU64::new(0)));
    let _next = pending(&worker, &Waker::from(Arc::clone(&asking)));
    scheduler.submit(7, 3).unwrap();
    assert_eq!(asking.1.load(Ordering::Relaxed), 1);
}

/// Requests of each of two producers.
const EACH: u64 = 5_000;

/// Futures that are dropped beside futures and threads that wait, without any timeout.
#[test]
fn every_request_is_delivered_once_while_futures_come_and_go() {
    for fill in [Fill::Strict, Fill::Elastic] {
        let scheduler = scheduler(fill, 4);
        let delivered = Mutex::new(Vec::new());
        let deliver = |batch: &Batch| delivered.lock().unwrap().extend(keys(batch));
        thread::scope(|scope| {
            let workers = [
                scope.spawn(|| serve(&scheduler, deliver)),
                scope.spawn(|| serve_with_futures(&scheduler, deliver)),
                scope.spawn(|| serve_with_dropped_futures(&scheduler, deliver)),
            ];
            thread::scope(|scope| {
                for first in [0, EACH] {
                    let scheduler = &scheduler;
                    scope.spawn(move || produce(scheduler, first));
                }
            });
            let rest = if fill == Fill::Strict { 3 * 3 } else { 0 };
            wait_for_batches(&scheduler, rest);
            scheduler.close();
            for worker in workers {
                worker.join().unwrap();
            }
        });
        serve(&scheduler, deliver);
        let mut delivered = delivered.into_inner().unwrap();
        delivered.sort_unstable();
        assert!(delivered.into_iter().eq(0..2 * EACH));
    }
}

fn produce(scheduler: &Scheduler, first: u64) {
    for key in first..first + EACH {
        scheduler.submit(key, key as u32 % 32).unwrap();
    }
}

fn serve_with_futures(scheduler: &Scheduler, deliver: impl Fn(&Batch)) {
    let worker = scheduler.worker();
    while let Ok(batch) = Task::new(worker.next_batch_async(None)).run() {
        deliver(&batch);
        batch.done();
    }
}

/// Drops each future after one poll and a short sleep.
fn serve_with_dropped_futures(scheduler: &Scheduler, deliver: impl Fn(&Batch)) {
    let worker = scheduler.worker();
    while !scheduler.is_closed() {
        let mut task = Task::new(worker.next_batch_async(None));
        if let Poll::Ready(Ok(batch)) = task.poll() {
            deliver(&batch);
            batch.done();
        }
        task.sleep(Duration::from_micros(30));
    }
}

/// Waits until at most `rest` requests are left, although no request is submitted any more.
fn wait_for_batches(scheduler: &Scheduler, rest: u64) {
    let start = Instant::now();
    while scheduler.stats().waiting > rest {
        assert!(start.elapsed() < LOST, "a worker sleeps beside a batch");
        thread::yield_now();
    }
}
