//! Finds out if a batch would leave, without taking it: which workers to wake.

use super::bins::{Bins, Eligible};
use super::former::Former;
use crate::config::Fill;
use crate::request::WorkerId;

impl Former {
    /// Returns true if [`Former::form`] would give `worker` a batch.
    pub(crate) fn has_batch(&mut self, now: u64, worker: WorkerId, closed: bool) -> bool {
        let shared = self.has_shared_batch(now, closed);
        if self.has_pinned_to(worker) {
            return self.has_pinned_batch(now, worker, closed, shared);
        }
        shared
    }

    /// Returns true if [`Former::form`] would give a batch to a worker of which no climbers wait.
    /// O(1) while no shared climber waits; then O(occupied bins) with strict fill.
    pub(crate) fn has_shared_batch(&mut self, now: u64, closed: bool) -> bool {
        let all = Eligible { worker: None, max_new: usize::MAX };
        if self.has_expired(now) {
            return true;
        }
        if self.queues.available(all) == 0 {
            return false;
        }
        if self.leaves_at_once(closed) {
            return true;
        }
        self.refresh();
        self.scan(now, all, None).leads()
    }

    /// Returns true if [`Former::form`] would give a batch to `worker`, of which climbers wait.
    /// `shared` is the result of [`Former::has_shared_batch`] now. With strict fill O(bins in which
    /// its climbers wait).
    pub(crate) fn has_pinned_batch(
        &mut self,
        now: u64,
        worker: WorkerId,
        closed: bool,
        shared: bool,
    ) -> bool {
        if self.has_expired(now) || self.leaves_at_once(closed) {
            return true;
        }
        self.refresh();
        // More entries leave a full bin full, so that this worker gets what others would. Nor does
        // `max_parked` decide whether a batch leaves: it binds only where climbers hold one.
        let all = Eligible { worker: Some(worker), max_new: usize::MAX };
        shared || self.scan(now, all, Some(worker)).leads()
    }

    /// Returns true if climbers wait that one worker alone may take, or could before it was gone.
    pub(crate) fn has_pinned(&self) -> bool {
        self.queues.has_pinned()
    }

    /// Returns true if climbers wait that `worker` alone may take.
    pub(crate) fn has_pinned_to(&self, worker: WorkerId) -> bool {
        self.queues.pinned(worker).is_some_and(|bins| bins.waiting() > 0)
    }

    /// Returns true if an arrival in `bin` may make a batch possible, or change the time from which
    /// there is one.
    #[cfg(feature = "simulate")]
    #[inline]
    pub(crate) fn arrival_matters(&self, bin: usize) -> bool {
        self.rules.max_wait.is_some() || self.next_expiry().is_some() || self.may_complete(bin)
    }

    /// Returns true if after an arrival in `bin` that bin may hold a batch for some worker. It does
    /// if it is full, or would be with the climbers of some worker and all others.
    #[inline]
    pub(crate) fn may_complete(&self, bin: usize) -> bool {
        self.rules.fill == Fill::Elastic
            || self.queues.new_requests().is_full(bin, self.full.of(bin))
            || self.queues.parked() > 0 && self.may_complete_with_climbers(bin)
    }

    /// Returns true if `bin`, which is not full, may hold a batch with the climbers of some worker
    /// and all others.
    fn may_complete_with_climbers(&self, bin: usize) -> bool {
        let (new, shared) = (self.queues.new_requests(), self.queues.shared());
        let full = self.full.of(bin);
        let climbers = shared.queue(bin).len + self.queues.max_pinned(bin);
        let left_behind = |bins: &Bins| bins.is_left_behind(bin);
        let left_behind = left_behind(shared)
            || self.queues.may_hold_pinned(bin) && self.queues.all_pinned().any(left_behind);
        let enough = climbers + new.queue(bin).len >= full.rows;
        climbers > 0 && (left_behind || full.budget.is_some() || enough)
    }

    /// Returns how many arrivals in `bin` complete no batch, at least; 0 where one may.
    pub(crate) fn short_of(&self, bin: usize) -> u32 {
        let (new, full) = (self.queues.new_requests(), self.full.of(bin));
        if full.budget.is_some() || new.may_be_left_behind(bin) {
            return 0;
        }
        let shared = new.queue(bin).len + self.queues.shared().queue(bin).len;
        full.rows.saturating_sub(shared + self.queues.max_pinned(bin) + 1)
    }
}
