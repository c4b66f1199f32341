//! Workers that wait, and what wakes them.

use std::thread;
use std::time::{Duration, Instant};

use multibin::{Batch, Config, Fill, NextError, Overrun, Scheduler, Worker};

use crate::account::BOUNDS;
use crate::common::{keys, scheduler, serve};

/// Long enough for a thread to begin its wait.
const ASLEEP: Duration = Duration::from_millis(20);

fn climbing(fill: Fill, batch_size: u32) -> Scheduler {
    scheduler(&BOUNDS, Config { fill, overrun: Overrun::Climb, ..Config::new(batch_size) })
}

/// Leaves request 1 as a climber that only this worker may take.
fn leave_climber(scheduler: &Scheduler, worker: &Worker) {
    scheduler.submit(1, 0).unwrap();
    scheduler.submit(2, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    batch.resubmit(&[(0, 8)], false).unwrap();
    batch.done();
}

#[test]
fn a_waiting_worker_wakes_for_each_batch() {
    for fill in [Fill::Elastic, Fill::Strict] {
        let scheduler = scheduler(&BOUNDS, Config { fill, ..Config::new(2) });
        thread::scope(|scope| {
            let taken = scope.spawn(|| {
                let mut rows = 0;
                serve(&scheduler, |batch| rows += batch.rows().len());
                rows
            });
            for key in 0..200 {
                scheduler.submit(key, 3).unwrap();
                if key % 10 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            while scheduler.stats().waiting > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            scheduler.close();
            assert_eq!(taken.join().unwrap(), 200);
        });
    }
}

#[test]
fn a_strict_worker_wakes_when_a_request_is_overdue() {
    let max_wait = Some(Duration::from_millis(30));
    let scheduler = scheduler(&BOUNDS, Config { fill: Fill::Strict, max_wait, ..Config::new(4) });
    thread::scope(|scope| {
        let batch = scope.spawn(|| scheduler.worker().next_batch(Some(Duration::from_secs(10))));
        thread::sleep(ASLEEP);
        scheduler.submit(1, 3).unwrap();
        let batch = batch.join().unwrap().unwrap();
        let waited = batch.waits().next().unwrap();
        assert!(waited >= Duration::from_millis(30), "{waited:?}");
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        batch.done();
    });
}

#[test]
fn resubmitting_wakes_the_worker_that_waits() {
    let scheduler = climbing(Fill::Elastic, 1);
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    thread::scope(|scope| {
        let next = scope.spawn(|| worker.next_batch(Some(Duration::from_secs(10))));
        thread::sleep(Duration::from_millis(10));
        batch.resubmit(&[(0, 8)], false).unwrap();
        assert_eq!(next.join().unwrap().unwrap().rows()[0].progress, 8);
    });
}

#[test]
fn a_timeout_is_kept() {
    let scheduler = scheduler(&BOUNDS, Config::new(4));
    let start = Instant::now();
    let outcome = scheduler.worker().next_batch(Some(Duration::from_millis(20)));
    assert_eq!(outcome.err(), Some(NextError::Timeout));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

/// Waits for a batch without a timeout, so that no timeout hides a lost wake-up.
fn wait<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    worker: &'scope Worker,
) -> thread::ScopedJoinHandle<'scope, Result<Batch, NextError>> {
    let thread = scope.spawn(|| worker.next_batch(None));
    thread::sleep(ASLEEP);
    thread
}

#[test]
fn strict_workers_with_climbers_are_woken_for_their_own_full_bins() {
    for other_waits_first in [true, false] {
        let scheduler = climbing(Fill::Strict, 2);
        let (owner, other) = (scheduler.worker(), scheduler.worker());
        leave_climber(&scheduler, &owner);
        thread::scope(|scope| {
            let early = other_waits_first.then(|| wait(scope, &other));
            let batch = wait(scope, &owner);
            let late = (!other_waits_first).then(|| wait(scope, &other));
            // Completes a batch with the climber, and none without it.
            scheduler.submit(3, 9).unwrap();
            assert_eq!(keys(&batch.join().unwrap().unwrap()), [1, 3]);
            scheduler.close();
            let other = early.or(late).unwrap().join().unwrap();
            assert_eq!(other.err(), Some(NextError::Closed));
        });
    }
}

/// No other waiter arms the notifier for the worker.
#[test]
fn a_lone_strict_worker_with_a_climber_is_woken_for_its_full_bin() {
    let scheduler = climbing(Fill::Strict, 2);
    let worker = scheduler.worker();
    leave_climber(&scheduler, &worker);
    thread::scope(|scope| {
        let next = scope.spawn(|| worker.next_batch(Some(Duration::from_secs(5))));
        thread::sleep(ASLEEP);
        scheduler.submit(3, 9).unwrap();
        let start = Instant::now();
        assert_eq!(keys(&next.join().unwrap().unwrap()), [1, 3]);
        // At its timeout the worker would check once more and find the batch: that is no wake-up.
        assert!(start.elapsed() < Duration::from_secs(4), "slept until the timeout");
    });
}
