//! Who takes batches.

use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::fork::Shared;
use super::wakes::WakeList;
use super::{NextBatch, NextError, Scheduler, next};
use crate::request::WorkerId;
use crate::sync::{AtomicU32, Ordering, order_for_loom};

/// Takes batches. Climbers that it resubmits come back to it alone; when it is closed, or it and its batches
/// and futures are dropped, those that still wait start over in the shared queues.
#[derive(Debug)]
pub struct Worker(Arc<Handle>);

/// What a worker, its batches and its futures share.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: WorkerId,
    pub(crate) scheduler: Shared,
    /// Where requests climb, how many of its batches have not ended. Raised under the forming lock.
    leases: AtomicU32,
}

impl Handle {
    pub(super) fn new(id: WorkerId, scheduler: Shared) -> Self {
        Self { id, scheduler, leases: AtomicU32::new(0) }
    }

    /// A batch of the worker leaves. The caller holds the forming lock.
    #[inline]
    pub(super) fn lease(&self) {
        if self.scheduler.climbs {
            // Relaxed: the lock orders it before the ends of this lease and the looks of other calls.
            self.leases.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns true if a batch of the worker may still give back climbers to it. The caller holds the
    /// forming lock and knows that the scheduler is closed.
    pub(super) fn may_get_climbers(&self) -> bool {
        // SeqCst: pairs with the exchange in `end_lease`.
        self.scheduler.climbs && self.leases.load(Ordering::SeqCst) > 0
    }

    /// A batch of the worker ended, after what it gave back entered a queue. With the last one of a
    /// closed scheduler, the calls that wait for the worker's climbers wait no more.
    #[inline]
    pub(crate) fn end_lease(&self, wakes: &WakeList) {
        if !self.scheduler.climbs {
            return;
        }
        // SeqCst: pairs with the load in `may_get_climbers` of a call that was woken by `close`: it sees
        // the end of the lease, or the scheduler is found closed here.
        let last = self.leases.fetch_sub(1, Ordering::SeqCst) == 1;
        order_for_loom();
        if last && self.scheduler.admission.is_closed() {
            let mut state = self.scheduler.lock(wakes);
            state.wake_all(|worker| worker == self.id);
        }
    }
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
    /// [`NextError`] when the time is over, the scheduler is closed and nothing waits for this worker
    /// (not final: its open batches may resubmit), or the worker is closed.
    pub fn next_batch(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        next::next(&self.0, timeout, false)
    }

    /// Returns the next batch like [`Worker::next_batch`], but where requests climb
    /// [`NextError::Closed`] is final: while batches of the worker are open, wherever they run, it waits
    /// for what they may give back. A thread that holds one of them would wait for itself.
    ///
    /// # Errors
    /// [`NextError`].
    pub fn next_batch_staying(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        next::next(&self.0, timeout, true)
    }

    /// All batches until the worker is closed, or the scheduler is and nothing more can come: of
    /// [`Worker::next_batch_staying`]. End each, also by handing it to another thread that does.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        std::iter::from_fn(|| self.next_batch_staying(None).ok())
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

    /// Hands the waiting climbers back to the shared queues, where they start over; calls that wait
    /// in [`Worker::next_batch`], and later ones, get [`NextError::WorkerClosed`].
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
