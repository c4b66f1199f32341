//! Schedulers and workers that are closed.

use std::thread;
use std::time::Duration;

use multibin::{Config, Fill, NextError, Overrun, Scheduler, SubmitError};

use crate::account::{BOUNDS, length};
use crate::common::{scheduler, serve};

fn climbing(bounds: &[u32]) -> Scheduler {
    scheduler(bounds, Config { overrun: Overrun::Climb, ..Config::new(1) })
}

#[test]
fn closing_ends_every_wait() {
    let scheduler = scheduler(&BOUNDS, Config::new(4));
    thread::scope(|scope| {
        let waits: Vec<_> =
            (0..3).map(|_| scope.spawn(|| scheduler.worker().next_batch(None).err())).collect();
        thread::sleep(Duration::from_millis(10));
        scheduler.close();
        for wait in waits {
            assert_eq!(wait.join().unwrap(), Some(NextError::Closed));
        }
    });
    assert_eq!(scheduler.submit(1, 1), Err(SubmitError::Closed { accepted: 0, first: None }));
}

#[test]
fn closing_a_worker_ends_its_wait_and_restarts_its_climbers() {
    let scheduler = climbing(&BOUNDS);
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    let batch = worker.next_batch(None).unwrap();
    batch.resubmit(&[(0, 8)], false).unwrap();
    let other = scheduler.worker();
    assert_eq!(other.next_batch(Some(Duration::ZERO)).err(), Some(NextError::Timeout));
    worker.close();
    assert_eq!(worker.next_batch(None).err(), Some(NextError::WorkerClosed));
    let again = other.next_batch(Some(Duration::ZERO)).unwrap();
    assert_eq!((again.rows()[0].key, again.rows()[0].progress), (7, 0));
    assert_eq!(scheduler.stats().restarted, 1);
}

#[test]
fn closing_while_producers_submit_loses_no_request_and_ends() {
    for round in 0..500 {
        let fill = if round % 2 == 0 { Fill::Strict } else { Fill::Elastic };
        let scheduler = scheduler(&BOUNDS, Config { fill, ..Config::new(4) });
        let submit_until_closed = || {
            let outcomes = (0..).map(|key| scheduler.submit(key, length(key)));
            outcomes.take_while(Result::is_ok).count()
        };
        let take_all = || {
            let mut rows = 0;
            serve(&scheduler, |batch| rows += batch.rows().len());
            rows
        };
        thread::scope(|scope| {
            let workers = [scope.spawn(take_all), scope.spawn(take_all)];
            let producers = [scope.spawn(submit_until_closed), scope.spawn(submit_until_closed)];
            thread::sleep(Duration::from_micros(50 + round));
            scheduler.close();
            let accepted: usize = producers.map(|thread| thread.join().unwrap()).iter().sum();
            let taken: usize = workers.map(|thread| thread.join().unwrap()).iter().sum();
            assert_eq!(taken, accepted);
        });
    }
}

/// The worker's loop lasts until its leases have ended, so that it takes the rows that climb.
#[test]
fn a_closed_worker_waits_for_the_climbers_of_its_batches() {
    let scheduler = climbing(&[0, 10, 20]);
    let worker = scheduler.worker();
    scheduler.submit(7, 0).unwrap();
    scheduler.close();
    let mut progress = Vec::new();
    thread::scope(|scope| {
        for batch in worker.batches() {
            progress.push(batch.rows()[0].progress);
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(10));
                let steps = batch.rows()[0].progress + batch.limit().unwrap_or(10);
                if steps < 20 {
                    batch.resubmit(&[(0, steps)], false).unwrap();
                }
                batch.done();
            });
        }
    });
    assert_eq!(progress, [0, 10]);
    assert!(scheduler.drain(Some(Duration::ZERO)));
}

#[test]
fn a_closed_worker_waits_for_no_lease_of_another_worker() {
    let scheduler = climbing(&[0, 10]);
    scheduler.submit(7, 0).unwrap();
    let _batch = scheduler.worker().next_batch(None).unwrap();
    scheduler.close();
    assert_eq!(scheduler.worker().next_batch_staying(None).err(), Some(NextError::Closed));
}
