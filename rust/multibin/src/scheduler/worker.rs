//! Who takes batches.

use std::sync::Arc;
use std::time::Duration;

use super::fork::Shared;
use super::{NextBatch, NextError, Scheduler, next};
use crate::batch::Batch;
use crate::former::WorkerId;

/// Takes batches. Climbers that it resubmits come back to it alone; when it is closed, or it and its batches
/// and futures are dropped, those that still wait start anew in the shared queues.
#[derive(Debug)]
pub struct Worker(Arc<Handle>);

/// What a worker, its batches and its futures share.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: WorkerId,
    pub(crate) scheduler: Shared,
}

impl Worker {
    pub(super) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// The next batch; waits for it as long as `timeout` says (`None`: for ever).
    ///
    /// Blocking: takes the forming lock, and sleeps without polling while no batch may leave; beside
    /// a producer that was stopped half-way, one of those who sleep looks every 50 µs.
    ///
    /// # Errors
    /// [`NextError`] when the time is over, the scheduler is closed and nothing waits for this
    /// worker (not final: who resubmits later asks again), or the worker is closed.
    pub fn next_batch(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        next::next(&self.0, timeout)
    }

    /// The next batch as a future, for any executor; `timeout` counts from this call on. Who waits
    /// when the worker is closed gets [`NextError::WorkerClosed`]. The scheduler wakes it when its time is over.
    pub fn next_batch_async(&self, timeout: Option<Duration>) -> NextBatch {
        NextBatch::new(&self.0, timeout)
    }

    /// The scheduler that it takes from.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler(self.0.scheduler.clone())
    }

    /// Hands the waiting climbers back to the shared queues, where they start anew; whoever waits
    /// in [`Worker::next_batch`], and later calls, get [`NextError::WorkerClosed`].
    pub fn close(&self) {
        self.0.scheduler.remove_worker(self.0.id);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.scheduler.is_beyond_use() {
            self.scheduler.remove_worker(self.id);
        }
    }
}
