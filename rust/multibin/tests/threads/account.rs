//! Producers and workers whose requests are counted.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multibin::{Batch, NextError, Scheduler, SubmitError};

pub const BOUNDS: [u32; 5] = [0, 8, 16, 32, 64];
pub const PRODUCERS: u64 = 4;
pub const WORKERS: usize = 3;
/// Requests of a producer.
pub const EACH: u64 = 20_000;

/// Returns a length that depends on the key alone.
pub fn length(key: u64) -> u32 {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as u32
}

/// Submits all requests of a producer, one by one and in bulks, until each is accepted.
pub fn produce(scheduler: &Scheduler, producer: u64) {
    let mut keys: Vec<u64> = (producer * EACH..(producer + 1) * EACH).collect();
    while !keys.is_empty() {
        let bulk = keys.len().is_multiple_of(3);
        let count = keys.len().min(if bulk { 50 } else { 1 });
        let lengths: Vec<u32> = keys[..count].iter().map(|&key| length(key)).collect();
        let outcome = if bulk {
            scheduler.submit_many(&keys[..count], &lengths)
        } else {
            scheduler.submit(keys[0], lengths[0])
        };
        let accepted = match outcome {
            Ok(_) => count,
            Err(SubmitError::Full { accepted, .. }) => {
                thread::yield_now();
                accepted
            }
            Err(error) => panic!("{error}"),
        };
        keys.drain(..accepted);
    }
}

/// By key: how often it was delivered, and how often it should be if it climbed.
#[derive(Default)]
pub struct Account {
    pub delivered: HashMap<u64, u32>,
    expected: HashMap<u64, u32>,
}

impl Account {
    /// Counts the rows of a batch, resubmits some, and ends or drops the lease.
    pub fn take(&mut self, batch: &Batch) {
        let climbs = |index: &usize| {
            let row = &batch.rows()[*index];
            row.progress < 20 && (row.key + u64::from(row.progress)).is_multiple_of(5)
        };
        for row in batch.rows() {
            *self.delivered.entry(row.key).or_default() += 1;
        }
        let rows: Vec<_> = (0..batch.rows().len())
            .filter(climbs)
            .map(|index| (index, batch.rows()[index].progress + 10))
            .collect();
        for &(index, _) in &rows {
            *self.expected.entry(batch.rows()[index].key).or_insert(1) += 1;
        }
        batch.resubmit(&rows, batch.bin() == 1).unwrap();
        // Some leases are dropped: their rows are lost, and counted.
        if !batch.rows()[0].key.is_multiple_of(17) {
            batch.done();
        }
    }

    /// Checks that each request was delivered as often as it entered a queue.
    pub fn check(self) {
        assert_eq!(self.delivered.len() as u64, PRODUCERS * EACH);
        for (key, &times) in &self.delivered {
            assert_eq!(times, self.expected.get(key).copied().unwrap_or(1), "key {key}");
        }
    }
}

/// Takes batches with a short timeout until the scheduler is closed and empty.
pub fn work(scheduler: &Scheduler, account: &Mutex<Account>) {
    let worker = scheduler.worker();
    loop {
        match worker.next_batch(Some(Duration::from_millis(20))) {
            Ok(batch) => account.lock().unwrap().take(&batch),
            Err(NextError::Timeout) => {}
            Err(NextError::Closed | NextError::WorkerClosed) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs one thread for each producer and returns when all have ended.
pub fn run_producers(produce: impl Fn(u64) + Sync) {
    let produce = &produce;
    thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            scope.spawn(move || produce(producer));
        }
    });
}
