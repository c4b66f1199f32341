//! Workers that wait beside a batch are woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::thread;

use super::super::waiters::Tick;
use super::{Counter, model};
use crate::{Config, Edges, Fill, NextBatch, Overrun, Scheduler, Worker};

/// A future that was polled and waits, unless a batch was there.
struct Waiter {
    wakes: Arc<Counter>,
    next: NextBatch,
    rows: usize,
}

impl Waiter {
    fn new(worker: &Worker) -> Self {
        let wakes = Counter::new();
        let mut waiter = Self { wakes, next: worker.next_batch_async(None), rows: 0 };
        waiter.poll();
        waiter
    }

    fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let poll = Pin::new(&mut self.next).poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(Ok(batch)) = poll {
            self.rows += batch.rows().len();
            batch.done();
        }
    }

    /// Polls while it was woken, or has a deadline. Returns the rows that it got.
    fn run(&mut self) -> usize {
        while self.wakes.take() || self.next.has_deadline() {
            self.poll();
        }
        self.rows
    }
}

fn scheduler(fill: Fill, batch_size: u32) -> Scheduler {
    let config = Config { fill, capacity: 4, ..Config::new(batch_size) };
    Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap()
}

fn submits(scheduler: &Scheduler, key: u64) -> thread::JoinHandle<()> {
    let scheduler = scheduler.clone();
    thread::spawn(move || {
        scheduler.submit(key, 1).unwrap();
    })
}

// A worker begins to wait while two producers complete a batch together.
#[test]
fn waiting_beside_a_full_strict_bin() {
    model(2, || {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        let mut waiter = Waiter::new(&worker);
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(waiter.run(), 2);
    });
}

// A worker waits without a deadline while two producers complete a batch together. The producer
// that wakes it may find that the other has claimed the position before and not published.
#[test]
fn a_producer_stalls_beside_a_worker_that_waits_already() {
    model(2, || {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let mut waiter = Waiter::new(&worker);
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(waiter.run(), 2);
    });
}

// The waiter that rechecks a stalled producer is dropped: another one gets its deadline.
#[test]
fn the_waiter_that_rechecks_may_be_dropped() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let producer = submits(&scheduler, 1);
        let first = Waiter::new(&worker);
        let mut second = Waiter::new(&worker);
        let taken = first.rows;
        drop(first);
        producer.join().unwrap();
        assert_eq!(taken + second.run(), 1);
    });
}

// No worker waits: one that collects from the dirty rings alone finds all in the end.
#[test]
fn a_stalled_producer_is_found_without_a_waiter() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let mut next = worker.next_batch_async(None);
        let mut taken = || next.try_next().map_or(0, |batch| batch.unwrap().rows().len());
        let producers = [submits(&scheduler, 1), submits(&scheduler, 2)];
        let early = taken();
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(early + taken() + taken(), 2);
    });
}

// Of two waiters the one that is woken is dropped instead of polled.
#[test]
fn the_wake_up_of_a_dropped_waiter_goes_on() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let first = Waiter::new(&worker);
        let mut second = Waiter::new(&worker);
        let producer = submits(&scheduler, 1);
        let dropping = thread::spawn(move || drop(first));
        producer.join().unwrap();
        dropping.join().unwrap();
        assert_eq!(second.run(), 1);
    });
}

// Two batches become possible while another worker takes what it finds.
#[test]
fn a_worker_that_gets_a_batch_wakes_the_next() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let mut waiter = Waiter::new(&worker);
        let producer = submits(&scheduler, 1);
        let asking = {
            let scheduler = scheduler.clone();
            thread::spawn(move || {
                let worker = scheduler.worker();
                let taken = worker.next_batch(Some(std::time::Duration::ZERO));
                taken.map_or(0, |batch| batch.rows().len())
            })
        };
        scheduler.submit(2, 1).unwrap();
        producer.join().unwrap();
        let taken = asking.join().unwrap();
        let woken = waiter.run();
        // Woken for two, it takes one at a time.
        waiter.poll();
        assert!(woken > 0 || taken == 1, "it waits beside a batch");
        assert_eq!(waiter.rows + taken, 2);
    });
}

// Closing ends every wait, however it meets the last request.
#[test]
fn closing_wakes_every_waiter() {
    model(2, || {
        let scheduler = scheduler(Fill::Strict, 2);
        let worker = scheduler.worker();
        let mut waiter = Waiter::new(&worker);
        let producer = {
            let scheduler = scheduler.clone();
            thread::spawn(move || scheduler.submit(1, 1).is_ok())
        };
        scheduler.close();
        let accepted = producer.join().unwrap();
        assert_eq!(waiter.run(), usize::from(accepted));
    });
}

// A waiter that was woken never asks: another one gets the batch after a tick, whenever that is.
#[test]
fn a_woken_waiter_that_never_asks_strands_no_batch() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        let dead = Waiter::new(&worker);
        let mut alive = Waiter::new(&worker);
        let producer = submits(&scheduler, 1);
        scheduler.0.tick(u64::MAX);
        producer.join().unwrap();
        assert_eq!(dead.wakes.count(), 1);
        scheduler.0.tick(u64::MAX);
        assert_eq!(alive.run(), 1);
    });
}

// A worker is dropped with its batch while another one begins to wait, which gets the climber.
#[test]
fn the_last_handle_of_a_worker_frees_its_climber() {
    model(2, || {
        let config = Config { overrun: Overrun::Climb, capacity: 4, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
        let (worker, other) = (scheduler.worker(), scheduler.worker());
        scheduler.submit(1, 1).unwrap();
        let batch = worker.next_batch(None).unwrap();
        batch.resubmit(&[(0, 1)], false).unwrap();
        let dropping = [thread::spawn(move || drop(worker)), thread::spawn(move || drop(batch))];
        let mut waiter = Waiter::new(&other);
        for dropping in dropping {
            dropping.join().unwrap();
        }
        assert_eq!(waiter.run(), 1);
    });
}

// The end of the lease wakes the future that waits for it.
#[test]
fn the_end_of_a_lease_wakes_a_drain_future() {
    model(2, || {
        let scheduler = scheduler(Fill::Elastic, 1);
        let worker = scheduler.worker();
        scheduler.submit(1, 1).unwrap();
        let batch = worker.next_batch(None).unwrap();
        let finisher = thread::spawn(move || batch.done());
        let wakes = Counter::new();
        let waker = Waker::from(Arc::clone(&wakes));
        let mut drain = scheduler.drain_async(None);
        let mut poll = || Pin::new(&mut drain).poll(&mut Context::from_waker(&waker));
        let early = poll();
        finisher.join().unwrap();
        assert!(early.is_ready() || wakes.count() == 1);
        assert_eq!(poll(), Poll::Ready(true));
    });
}

// A loop over a worker ends, or gets the climber, however the end of its lease meets closing.
#[test]
fn a_loop_that_waits_for_its_last_lease_ends() {
    for climbs in [false, true] {
        model(2, move || {
            let config = Config { overrun: Overrun::Climb, capacity: 4, ..Config::new(1) };
            let scheduler = Scheduler::new(Edges::new(&[0, 10, 20]).unwrap(), config).unwrap();
            let worker = scheduler.worker();
            scheduler.submit(1, 0).unwrap();
            let batch = worker.next_batch(None).unwrap();
            let ending = thread::spawn(move || {
                if climbs {
                    batch.resubmit(&[(0, 10)], false).unwrap();
                }
                batch.done();
            });
            let closing = {
                let scheduler = scheduler.clone();
                thread::spawn(move || scheduler.close())
            };
            let mut taken = 0;
            for batch in worker.batches() {
                taken += batch.rows().len();
                batch.done();
            }
            assert_eq!(taken, usize::from(climbs));
            ending.join().unwrap();
            closing.join().unwrap();
        });
    }
}
