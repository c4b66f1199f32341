//! Waiters for the end of all work are woken by it.

use loom::thread;

use super::model;
use crate::{Batch, Config, Edges, Scheduler};

/// Returns a scheduler, and batches of one row each. The checker panics when all threads wait.
fn leased<const N: usize>() -> (Scheduler, [Batch; N]) {
    let config = Config { capacity: N, ..Config::new(1) };
    let scheduler = Scheduler::new(Edges::new(&[0, 1]).unwrap(), config).unwrap();
    let worker = scheduler.worker();
    let batches = std::array::from_fn(|key| {
        scheduler.submit(key as u64, 0).unwrap();
        worker.next_batch(None).unwrap()
    });
    (scheduler, batches)
}

// The call that ends the lease finds the waiter, or the waiter finds all work ended.
#[test]
fn the_end_of_the_lease_wakes_the_drain_waiter() {
    loom::model(|| {
        let (scheduler, [batch]) = leased();
        let finisher = thread::spawn(move || batch.done());
        assert!(scheduler.drain(None));
        finisher.join().unwrap();
    });
}

// A request that waits, and is cancelled, is gone too.
#[test]
fn cancelling_the_last_request_wakes_the_drain_waiter() {
    loom::model(|| {
        let (scheduler, [batch]) = leased();
        drop(batch);
        let ticket = scheduler.submit(2, 0).unwrap();
        let other = scheduler.clone();
        let canceller = thread::spawn(move || assert!(other.cancel(ticket)));
        assert!(scheduler.drain(None));
        canceller.join().unwrap();
    });
}

// Of two calls that end leases, at least the last one finds the waiter.
#[test]
fn the_last_of_two_leases_wakes_the_drain_waiter() {
    model(3, || {
        let (scheduler, batches) = leased::<2>();
        let finishers = batches.map(|batch| thread::spawn(move || batch.done()));
        assert!(scheduler.drain(None));
        finishers.into_iter().for_each(|finisher| finisher.join().unwrap());
    });
}

// One end of a lease is enough for two waiters.
#[test]
fn every_drain_waiter_is_woken() {
    model(3, || {
        let (scheduler, [batch]) = leased();
        let other = scheduler.clone();
        let waiter = thread::spawn(move || assert!(other.drain(None)));
        let finisher = thread::spawn(move || batch.done());
        assert!(scheduler.drain(None));
        waiter.join().unwrap();
        finisher.join().unwrap();
    });
}
