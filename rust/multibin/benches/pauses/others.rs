//! What other threads do meanwhile.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread::sleep;
use std::time::{Duration, Instant};

use multibin::{Change, Edges, NextBatch, NextError, Scheduler, Ticket, Worker};

use crate::run::Other;

/// So long after the start happens what happens once.
pub const ONCE: Duration = Duration::from_millis(20);

/// Of its time a thread works a quarter, so that two cores are enough for all.
const WORK: Duration = Duration::from_micros(100);
const REST: Duration = Duration::from_micros(300);

/// Does it again and again until the run is over.
fn again(mut step: impl FnMut() + Send + 'static) -> Other {
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

/// Takes batches, finishes them, and submits as many requests as it took, so that a million go on waiting.
pub fn work(scheduler: &Scheduler) -> Other {
    let (scheduler, worker) = (scheduler.clone(), scheduler.worker());
    again(move || match worker.next_batch(Some(Duration::from_millis(1))) {
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
pub fn take(scheduler: &Scheduler) -> Other {
    let worker = scheduler.worker();
    again(move || match worker.next_batch(Some(Duration::from_millis(1))) {
        Ok(batch) => batch.done(),
        Err(NextError::Timeout) => {}
        Err(error) => panic!("{error}"),
    })
}

/// Cancels these, one after another.
pub fn cancel(
    scheduler: &Scheduler,
    tickets: impl Iterator<Item = Ticket> + Send + 'static,
) -> Other {
    let (scheduler, mut tickets) = (scheduler.clone(), tickets);
    again(move || {
        let _ = tickets.next().map(|ticket| scheduler.cancel(ticket));
    })
}

/// Submits bulks of so many requests, and takes as many out.
pub fn submit_many(scheduler: &Scheduler, count: u32, longest: u32) -> Other {
    let (scheduler, worker) = (scheduler.clone(), scheduler.worker());
    let keys: Vec<u64> = (0..count.into()).collect();
    let lengths: Vec<u32> = (0..count).map(|i| i % longest).collect();
    let mut more = 0;
    again(move || {
        if more == 0 {
            scheduler.submit_many(&keys, &lengths).expect("their room is free");
            more = keys.len();
        }
        let batch = worker.next_batch(None).expect("a million wait");
        more = more.saturating_sub(batch.rows().len());
        batch.done();
    })
}

/// Closes a worker in whose queues climbers wait.
pub fn close(worker: Worker) -> Other {
    Box::new(move |_| {
        sleep(ONCE);
        worker.close();
    })
}

/// Changes the edges to and fro.
pub fn change_edges(scheduler: &Scheduler, edges: [Edges; 2]) -> Other {
    let (scheduler, mut edges) = (scheduler.clone(), edges.into_iter().cycle());
    let mut edges = std::iter::from_fn(move || edges.next());
    again(move || {
        let change = Change { edges: edges.next(), ..Change::default() };
        scheduler.reconfigure(&change).expect("as many bins");
    })
}

/// Takes snapshots of all counters.
pub fn watch(scheduler: &Scheduler) -> Other {
    let scheduler = scheduler.clone();
    again(move || {
        std::hint::black_box(scheduler.snapshot());
    })
}

/// So many tasks, of a worker each, that wait for a batch and are polled in turn.
pub fn sleep_in_tasks(scheduler: &Scheduler, tasks: usize) -> Other {
    let workers: Vec<Worker> = (0..tasks).map(|_| scheduler.worker()).collect();
    let mut waits: Vec<NextBatch> =
        workers.iter().map(|worker| worker.next_batch_async(None)).collect();
    let mut turns = (0..tasks).cycle();
    again(move || {
        let _kept = &workers;
        let wait = &mut waits[turns.next().expect("a cycle")];
        let polled = Future::poll(Pin::new(wait), &mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "strict, and no bin is full");
    })
}
