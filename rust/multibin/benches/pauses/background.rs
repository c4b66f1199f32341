//! What other threads do while the producer submits.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant};

use multibin::{Change, Edges, NextBatch, NextError, Scheduler, Ticket, Worker};

use crate::run::Background;

/// An event that happens once happens so long after the start.
pub const ONCE: Duration = Duration::from_millis(20);

/// A thread works a quarter of its time, so that two cores are enough for all.
const WORK: Duration = Duration::from_micros(100);
const REST: Duration = Duration::from_micros(300);

/// Returns a thread that repeats `step` until the run is over.
fn repeatedly(mut step: impl FnMut() + Send + 'static) -> Background {
    Box::new(move |running: &AtomicBool| {
        while running.load(Ordering::Relaxed) {
            let start = Instant::now();
            while start.elapsed() < WORK {
                step();
            }
            sleep(REST);
        }
    })
}

/// Takes batches, finishes them, and submits as many requests as it took: a million go on waiting.
pub fn work(scheduler: &Scheduler) -> Background {
    let (scheduler, worker) = (scheduler.clone(), scheduler.worker());
    repeatedly(move || match worker.next_batch(Some(Duration::from_millis(1))) {
        Ok(batch) => {
            let keys: Vec<u64> = batch.rows().iter().map(|row| row.key).collect();
            let lengths: Vec<u32> = batch.rows().iter().map(|row| row.length).collect();
            batch.done();
            scheduler.submit_many(&keys, &lengths).expect("their room is free");
        }
        Err(NextError::Timeout) => {}
        Err(error) => panic!("{error}"),
    })
}

/// Takes batches and finishes them.
pub fn take(scheduler: &Scheduler) -> Background {
    let worker = scheduler.worker();
    repeatedly(move || match worker.next_batch(Some(Duration::from_millis(1))) {
        Ok(batch) => batch.done(),
        Err(NextError::Timeout) => {}
        Err(error) => panic!("{error}"),
    })
}

/// Cancels these tickets, one after another.
pub fn cancel(
    scheduler: &Scheduler,
    tickets: impl Iterator<Item = Ticket> + Send + 'static,
) -> Background {
    let (scheduler, mut tickets) = (scheduler.clone(), tickets);
    repeatedly(move || {
        let _ = tickets.next().map(|ticket| scheduler.cancel(ticket));
    })
}

/// Submits bulks of so many requests, and takes as many in batches.
pub fn submit_many(scheduler: &Scheduler, count: u32, longest: u32) -> Background {
    let (scheduler, worker) = (scheduler.clone(), scheduler.worker());
    let keys: Vec<u64> = (0..count.into()).collect();
    let lengths: Vec<u32> = (0..count).map(|i| i % longest).collect();
    let mut excess = 0;
    repeatedly(move || {
        if excess == 0 {
            scheduler.submit_many(&keys, &lengths).expect("their room is free");
            excess = keys.len();
        }
        let batch = worker.next_batch(None).expect("a million wait");
        excess = excess.saturating_sub(batch.rows().len());
        batch.done();
    })
}

/// Closes a worker in whose queues climbers wait.
pub fn close(worker: Worker) -> Background {
    Box::new(move |_| {
        sleep(ONCE);
        worker.close();
    })
}

/// Changes the edges between these two.
pub fn change_edges(scheduler: &Scheduler, edges: [Edges; 2]) -> Background {
    let (scheduler, mut edges) = (scheduler.clone(), edges.into_iter().cycle());
    let mut edges = std::iter::from_fn(move || edges.next());
    repeatedly(move || {
        let change = Change { edges: edges.next(), ..Change::default() };
        scheduler.reconfigure(&change).expect("as many bins");
    })
}

/// Takes snapshots of all counters.
pub fn watch(scheduler: &Scheduler) -> Background {
    let scheduler = scheduler.clone();
    repeatedly(move || {
        std::hint::black_box(scheduler.snapshot());
    })
}

/// Polls so many tasks in turn; each waits for a batch of a worker of its own.
pub fn wait_in_tasks(scheduler: &Scheduler, tasks: usize) -> Background {
    let workers: Vec<Worker> = (0..tasks).map(|_| scheduler.worker()).collect();
    let mut waits: Vec<NextBatch> =
        workers.iter().map(|worker| worker.next_batch_async(None)).collect();
    let mut turns = (0..tasks).cycle();
    repeatedly(move || {
        let _kept = &workers;
        let wait = &mut waits[turns.next().expect("a cycle")];
        let polled = Future::poll(Pin::new(wait), &mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "strict, and no bin is full");
    })
}
