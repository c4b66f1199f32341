//! Threads and futures, single calls and bulks beyond the capacity: each accepted ticket is
//! delivered once, and no call hangs.

use std::collections::BTreeSet;
use std::task::Poll;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use multibin::{Config, Fill, Options, Scheduler, SubmitError, Ticket};

use crate::common::{self, Task, block_on};
use crate::full::{LOST, NOW};

const PRODUCERS: u64 = 6;
/// Calls of a producer.
const CALLS: u64 = 150;

#[test]
fn every_accepted_ticket_is_delivered_once() {
    for capacity in [1, 3, 8] {
        let config = Config { capacity, fill: Fill::Elastic, ..Config::new(1) };
        let scheduler = common::scheduler(&[0, 10, 20], config);
        let (accepted, delivered) = run(&scheduler, capacity);
        assert_eq!(accepted.len(), accepted.iter().collect::<BTreeSet<_>>().len());
        let missing = accepted.iter().find(|ticket| delivered.binary_search(ticket).is_err());
        assert_eq!(missing, None);
        let stats = scheduler.stats();
        assert_eq!(delivered.len() as u64 + stats.cancelled, stats.submitted);
        assert_eq!((stats.waiting, stats.leased), (0, 0));
        assert!(scheduler.drain(NOW));
    }
}

/// Returns the tickets that were accepted and those that were delivered, sorted.
fn run(scheduler: &Scheduler, capacity: usize) -> (Vec<Ticket>, Vec<Ticket>) {
    let join = |threads: Vec<ScopedJoinHandle<'_, Vec<Ticket>>>| {
        let mut tickets: Vec<_> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        tickets.sort_unstable();
        tickets
    };
    thread::scope(|scope| {
        let workers = (0..2).map(|_| scope.spawn(|| work(scheduler))).collect();
        let producers = (0..PRODUCERS)
            .map(|producer| scope.spawn(move || produce(scheduler, producer, capacity)))
            .collect();
        let accepted = join(producers);
        scheduler.close();
        (accepted, join(workers))
    })
}

fn work(scheduler: &Scheduler) -> Vec<Ticket> {
    let (worker, mut delivered) = (scheduler.worker(), Vec::new());
    while let Ok(batch) = worker.next_batch(LOST) {
        delivered.extend(batch.rows().iter().map(|row| row.ticket));
        batch.done();
    }
    delivered
}

/// Returns the tickets that were accepted and not cancelled.
fn produce(scheduler: &Scheduler, producer: u64, capacity: usize) -> Vec<Ticket> {
    let mut accepted = Vec::new();
    let mut note = |outcome: Result<Ticket, SubmitError>, rows: usize| match outcome {
        Ok(first) => accepted.extend(first..first + rows as u64),
        Err(SubmitError::Full { accepted: rows, first, .. }) => {
            accepted.extend(first.into_iter().flat_map(|first| first..first + rows as u64));
        }
        Err(error) => panic!("{error}"),
    };
    let bulk = 10 * capacity;
    let (keys, lengths) = (vec![producer; bulk], vec![15; bulk]);
    for call in 0..CALLS {
        let options = Options::new();
        let short = Some(Duration::from_micros(50));
        match (call + producer) % 7 {
            0 => note(scheduler.submit_many_wait(&keys, &lengths, &[], LOST), bulk),
            1 => note(block_on(scheduler.submit_many_async(&keys, &lengths, &[])), bulk),
            2 => note(block_on(scheduler.submit_async(producer, 1, &options)), 1),
            3 => note(scheduler.submit_many_wait(&keys, &lengths, &[], short), bulk),
            4 => note(scheduler.submit(producer, 1), 1),
            5 => {
                let mut task = Task::new(scheduler.submit_many_async(&keys, &lengths, &[]));
                if let Poll::Ready(outcome) = task.poll() {
                    note(outcome, bulk);
                }
            }
            _ => note(scheduler.submit_wait(producer, 1, &options, LOST), 1),
        }
    }
    accepted
}
