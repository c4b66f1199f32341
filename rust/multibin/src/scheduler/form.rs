//! Forming a batch for a worker that asks, under the forming lock.

use super::errors::NextError;
use super::inner::{Inner, State};
use super::locks::WakeList;
use super::worker_handle::WorkerHandle;
use crate::policy::Formed;

impl Inner {
    /// Forms a batch for a worker. Returns the batch or why there is none; `None` if the worker
    /// should wait, until `end` at most. A call that `stays` also waits for rows that open batches
    /// of the worker may resubmit.
    pub(super) fn try_form(
        &self,
        state: &mut State,
        now: u64,
        handle: &WorkerHandle,
        (end, stays): (u64, bool),
        wakes: &WakeList,
    ) -> Option<Result<Formed, NextError>> {
        let worker = handle.id;
        if !state.former.has_worker(worker) {
            return Some(Err(NextError::WorkerClosed));
        }
        let closed = self.admission.is_closed();
        let offered = cfg!(debug_assertions).then(|| state.former.has_batch(now, worker, closed));
        let formed = state.former.form(now, worker, closed, usize::MAX);
        self.release_expired(state, wakes);
        if let Some(formed) = formed {
            state.batches[formed.reason as usize] += 1;
            state.counts.leave(&formed, now);
            handle.lease();
            debug_assert_eq!(offered, Some(true), "no waiter would be woken for it");
            return Some(Ok(formed));
        }
        debug_assert_eq!(offered, Some(false), "a waiter would be woken without a batch");
        if closed && self.is_finished(state) && !(stays && handle.may_get_climbers()) {
            return Some(Err(NextError::Closed));
        }
        (now >= end).then_some(Err(NextError::Timeout))
    }

    /// Returns true if every admitted request was collected and no climber has yet to restart.
    /// Final once closed.
    fn is_finished(&self, state: &State) -> bool {
        state.collected == self.admission.admitted() && !state.former.has_orphans()
    }
}
