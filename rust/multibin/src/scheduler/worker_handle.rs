//! What a worker, its batches and its futures share.

use super::handle::Shared;
use super::locks::WakeList;
use crate::request::WorkerId;
use crate::sync::{AtomicU32, Ordering, order_for_loom};

/// Keeps a worker alive, and closes it when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkerHandle {
    pub(super) id: WorkerId,
    pub(super) scheduler: Shared,
    /// With climbing, how many of its batches have not ended. Raised under the forming lock.
    leases: AtomicU32,
}

impl WorkerHandle {
    pub(super) fn new(id: WorkerId, scheduler: Shared) -> Self {
        Self { id, scheduler, leases: AtomicU32::new(0) }
    }

    /// Counts a batch of the worker. The caller holds the forming lock.
    #[inline]
    pub(super) fn lease(&self) {
        if self.scheduler.climbs {
            // Relaxed: the lock orders it before the end of this lease and the reads of other
            // calls.
            self.leases.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns true if a batch of the worker may still resubmit climbers to it. The caller holds
    /// the forming lock, and has seen that the scheduler is closed.
    pub(super) fn may_get_climbers(&self) -> bool {
        // SeqCst: pairs with the exchange in `end_lease`.
        self.scheduler.climbs && self.leases.load(Ordering::SeqCst) > 0
    }

    /// Counts a batch of the worker as ended, after the rows that it resubmitted entered a queue.
    /// The last one of a closed scheduler ends the waits for the worker's climbers.
    #[inline]
    pub(super) fn end_lease(&self, wakes: &WakeList) {
        if !self.scheduler.climbs {
            return;
        }
        // SeqCst: pairs with the load in `may_get_climbers` of a call that was woken by `close`. It
        // sees the end of the lease, or the scheduler is seen to be closed here.
        let last = self.leases.fetch_sub(1, Ordering::SeqCst) == 1;
        order_for_loom();
        if last && self.scheduler.admission.is_closed() {
            let mut state = self.scheduler.lock(wakes);
            state.wake_all(|worker| worker == self.id);
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        if !self.scheduler.is_unusable() {
            self.scheduler.remove_worker(self.id);
        }
    }
}
