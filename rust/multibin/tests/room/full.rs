//! Schedulers that are full, and what they answer.

use std::time::Duration;

use multibin::{Batch, Config, Options, Scheduler, Submit, SubmitError, Ticket, Worker};

use crate::common::{self, Task};

/// Longer than any wait that is woken.
pub const LOST: Option<Duration> = Some(common::LOST);
pub const NOW: Option<Duration> = Some(Duration::ZERO);

pub fn scheduler(capacity: usize, batch_size: u32) -> Scheduler {
    common::scheduler(&[0, 10, 20], Config { capacity, ..Config::new(batch_size) })
}

/// Returns a scheduler whose room is all leased, the worker, and the lease.
pub fn full(capacity: u32) -> (Scheduler, Worker, Batch) {
    let scheduler = scheduler(capacity as usize, capacity);
    let worker = scheduler.worker();
    let keys: Vec<u64> = (0..u64::from(capacity)).collect();
    scheduler.submit_many(&keys, &vec![1; keys.len()]).unwrap();
    let batch = worker.next_batch(LOST).unwrap();
    assert_eq!(batch.rows().len(), keys.len());
    (scheduler, worker, batch)
}

/// Returns the error of a call that accepted so many requests, from this ticket on.
pub fn refused(accepted: usize, first: Option<Ticket>, capacity: usize) -> SubmitError {
    SubmitError::Full { capacity, accepted, first }
}

/// Submits one request with a call that waits for room.
pub fn waiting(scheduler: &Scheduler, key: u64) -> Task<Submit> {
    Task::waiting(scheduler.submit_async(key, 1, &Options::new()))
}
