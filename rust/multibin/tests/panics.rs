//! Wakers that panic, and wakers that call the scheduler when they are dropped: no request is lost
//! and no call hangs.
#![cfg(not(loom))]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use multibin::{Config, NextBatch, Options, Scheduler, Worker};

use common::pending;

mod common;

fn scheduler(capacity: usize) -> Scheduler {
    common::scheduler(&[0, 10, 20], Config { capacity, ..Config::new(2) })
}

struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

/// Returns a future that waits for a batch and whose waker panics.
fn panicking(worker: &Worker) -> NextBatch {
    pending(worker, &Waker::from(Arc::new(PanickingWaker)))
}

/// Closes the scheduler and returns the keys that it still delivers, sorted.
fn drained_keys(scheduler: &Scheduler) -> Vec<u64> {
    scheduler.close();
    let (worker, mut keys) = (scheduler.worker(), Vec::new());
    for batch in worker.batches() {
        keys.extend(batch.rows().iter().map(|row| row.key));
        batch.done();
    }
    assert!(scheduler.drain(Some(Duration::ZERO)));
    keys.sort_unstable();
    keys
}

#[test]
fn every_row_of_a_bulk_call_is_published_beside_a_waker_that_panics() {
    let scheduler = scheduler(64);
    let worker = scheduler.worker();
    let next = panicking(&worker);
    let submitted = AssertUnwindSafe(|| scheduler.submit_many(&[1, 2, 3], &[5, 15, 5]));
    assert!(catch_unwind(submitted).is_err());
    drop(next);
    assert_eq!(drained_keys(&scheduler), [1, 2, 3]);
}

#[test]
fn a_submission_whose_poll_panics_is_accepted_once() {
    let scheduler = scheduler(64);
    let worker = scheduler.worker();
    let _next = panicking(&worker);
    let mut submit = scheduler.submit_async(1, 5, &Options::new());
    let mut poll = || Pin::new(&mut submit).poll(&mut Context::from_waker(Waker::noop()));
    assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(&mut poll)).is_err(), "its result was taken");
    assert_eq!(scheduler.stats().submitted, 1);
}

#[test]
fn the_room_of_expired_requests_is_free_beside_a_waker_that_panics() {
    let scheduler = scheduler(2);
    let worker = scheduler.worker();
    let next = panicking(&worker);
    let ttl = Options::new().ttl(Duration::from_millis(1));
    for key in 0..2 {
        let _ = catch_unwind(AssertUnwindSafe(|| scheduler.submit_with(key, 5, &ttl)));
    }
    drop(next);
    thread::sleep(Duration::from_millis(5));
    assert_eq!(scheduler.submit(2, 5), Ok(2));
}

/// A waker that calls the scheduler when it is dropped.
struct CallsOnDrop(Scheduler);

impl Wake for CallsOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for CallsOnDrop {
    fn drop(&mut self) {
        let _ = self.0.stats();
    }
}

#[test]
fn the_last_clone_of_a_waker_is_dropped_outside_of_locks() {
    let scheduler = scheduler(64);
    let worker = scheduler.worker();
    scheduler.submit(1, 5).unwrap();
    let mut next = worker.next_batch_async(None);
    // The poll clones the waker, and this first one is dropped before the clone.
    let poll = {
        let waker = Waker::from(Arc::new(CallsOnDrop(scheduler.clone())));
        Pin::new(&mut next).poll(&mut Context::from_waker(&waker))
    };
    assert!(matches!(poll, Poll::Ready(Ok(_))));
}

/// A call waits for room while another thread collects the expired requests.
#[test]
fn no_waiter_misses_the_room_of_expired_requests() {
    for _ in 0..20 {
        let scheduler = scheduler(4096);
        let ttl = Options::new().ttl(Duration::from_millis(10));
        let (keys, lengths) = (vec![0; 4096], vec![5; 4096]);
        scheduler.submit_many_with(&keys, &lengths, &vec![ttl; 4096]).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..200 {
                    drop(scheduler.expired());
                }
            });
            let wait = Some(Duration::from_secs(20));
            assert!(scheduler.submit_wait(1, 5, &Options::new(), wait).is_ok());
        });
    }
}
