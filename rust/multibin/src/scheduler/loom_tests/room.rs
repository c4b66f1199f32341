//! Waiters for room: the call that frees room finds the waiter, or the waiter finds the room.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::{Counter, model};
use crate::{Batch, Config, Edges, Scheduler, Submit, SubmitError, Ticket, Worker};

/// A future that was polled once.
struct Waiter {
    wakes: Arc<Counter>,
    submit: Submit,
    outcome: Option<Result<Ticket, SubmitError>>,
}

impl Waiter {
    fn new(scheduler: &Scheduler, keys: &[u64]) -> Self {
        let submit = scheduler.submit_many_async(keys, &vec![1; keys.len()], &[]);
        let mut waiter = Self { wakes: Counter::new(), submit, outcome: None };
        waiter.poll();
        waiter
    }

    fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.wakes));
        if let Poll::Ready(outcome) =
            Pin::new(&mut self.submit).poll(&mut Context::from_waker(&waker))
        {
            self.outcome = Some(outcome);
        }
    }

    /// Polls if it was woken. Returns the result.
    fn outcome(&mut self) -> Option<Result<Ticket, SubmitError>> {
        if self.outcome.is_none() && self.wakes.take() {
            self.poll();
        }
        self.outcome
    }
}

/// Returns a scheduler with room for one request, a worker and the batch that holds it.
fn full() -> (Scheduler, Worker, Batch) {
    let config = Config { capacity: 1, ..Config::new(1) };
    let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
    let worker = scheduler.worker();
    scheduler.submit(0, 1).unwrap();
    let batch = worker.next_batch(None).unwrap();
    (scheduler, worker, batch)
}

#[test]
fn the_end_of_a_lease_meets_a_waiter() {
    model(2, || {
        let (scheduler, _worker, batch) = full();
        let finisher = thread::spawn(move || batch.done());
        let mut waiter = Waiter::new(&scheduler, &[1]);
        finisher.join().unwrap();
        assert_eq!(waiter.outcome(), Some(Ok(1)));
        assert!(!scheduler.0.admission.is_queued());
    });
}

#[test]
fn a_cancelled_request_meets_a_waiter() {
    model(2, || {
        let (scheduler, _worker, batch) = full();
        batch.done();
        let ticket = scheduler.submit(1, 1).unwrap();
        let other = scheduler.clone();
        let canceller = thread::spawn(move || assert!(other.cancel(ticket)));
        let mut waiter = Waiter::new(&scheduler, &[2]);
        canceller.join().unwrap();
        assert_eq!(waiter.outcome(), Some(Ok(2)));
    });
}

// The head of the line is dropped while room is freed: the room goes to the next call.
#[test]
fn a_head_that_leaves_keeps_no_room() {
    model(2, || {
        let (scheduler, _worker, batch) = full();
        let head = Waiter::new(&scheduler, &[1]);
        let mut next = Waiter::new(&scheduler, &[2]);
        let finisher = thread::spawn(move || batch.done());
        drop(head);
        finisher.join().unwrap();
        assert!(matches!(next.outcome(), Some(Ok(1 | 2))));
        assert!(!scheduler.0.admission.is_queued());
        let stats = scheduler.stats();
        assert_eq!((stats.waiting, stats.submitted), (1, 2 + stats.cancelled));
    });
}

// A call of two rows gets its room from two leases; the line is empty afterwards.
#[test]
fn pieces_of_one_call_are_published_in_any_order() {
    model(2, || {
        let config = Config { capacity: 2, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
        let worker = scheduler.worker();
        scheduler.submit_many(&[0, 1], &[1; 2]).unwrap();
        let batches = [0, 1].map(|_| worker.next_batch(None).unwrap());
        let mut waiter = Waiter::new(&scheduler, &[2, 3]);
        let [first, second] = batches;
        let finisher = thread::spawn(move || first.done());
        second.done();
        finisher.join().unwrap();
        assert_eq!(waiter.outcome(), Some(Ok(2)));
        assert!(!scheduler.0.admission.is_queued());
    });
}

// Closing meets a waiter that enters the line, and room that is freed.
#[test]
fn closing_ends_a_wait() {
    model(2, || {
        let (scheduler, _worker, batch) = full();
        let other = scheduler.clone();
        let closer = thread::spawn(move || other.close());
        let mut waiter = Waiter::new(&scheduler, &[1]);
        batch.done();
        closer.join().unwrap();
        let closed = Err(SubmitError::Closed { accepted: 0, first: None });
        let outcome = waiter.outcome().expect("the call ends");
        assert!(outcome == closed || outcome == Ok(1), "{outcome:?}");
        assert_eq!(scheduler.stats().waiting, u64::from(outcome.is_ok()));
    });
}
