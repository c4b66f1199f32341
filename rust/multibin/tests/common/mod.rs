//! What several test files share: schedulers, a worker's loop, and tasks that are polled by hand.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

mod task;

use std::time::Duration;

use multibin::{Batch, Config, Edges, Scheduler};

pub use task::{Task, Wakeups, block_on, pending};

/// Longer than any wait that is woken.
pub const LOST: Duration = Duration::from_secs(20);

pub fn scheduler(bounds: &[u32], config: Config) -> Scheduler {
    Scheduler::new(Edges::new(bounds).unwrap(), config).unwrap()
}

pub fn keys(batch: &Batch) -> Vec<u64> {
    batch.rows().iter().map(|row| row.key).collect()
}

/// Hands batches to `take` and ends their leases, until the scheduler is closed and empty.
///
/// The worker waits without a timeout, so that no timeout hides a lost wake-up.
pub fn serve(scheduler: &Scheduler, mut take: impl FnMut(&Batch)) {
    let worker = scheduler.worker();
    while let Ok(batch) = worker.next_batch(None) {
        take(&batch);
        batch.done();
    }
}
