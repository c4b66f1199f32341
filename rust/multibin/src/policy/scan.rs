//! Whether a batch would leave, without taking it: whom to wake.

use super::former::{Former, View};
use crate::config::Fill;
use crate::request::WorkerId;

impl Former {
    /// Whether [`Former::form`] would give `worker` a batch.
    pub(crate) fn offers(&mut self, now: u64, worker: WorkerId, closed: bool) -> bool {
        let shared = self.offers_shared(now, closed);
        if self.has_own_climbers(worker) {
            return self.offers_own(now, worker, closed, shared);
        }
        shared
    }

    /// Whether [`Former::form`] would give a batch to a worker of which no climbers wait. O(1) while
    /// no climber waits that any worker may take; then O(occupied bins) with strict fill.
    pub(crate) fn offers_shared(&mut self, now: u64, closed: bool) -> bool {
        let everything = View { worker: None, starts: usize::MAX };
        if self.has_expired(now) {
            return true;
        }
        if self.available(everything) == 0 {
            return false;
        }
        if self.leads_anyway(closed) {
            return true;
        }
        self.refresh();
        self.survey(now, everything, None).leads()
    }

    /// Whether [`Former::form`] would give a batch to `worker`, of which climbers wait; `shared` says
    /// what [`Former::offers_shared`] does now. With strict fill O(bins in which its climbers wait).
    pub(crate) fn offers_own(
        &mut self,
        now: u64,
        worker: WorkerId,
        closed: bool,
        shared: bool,
    ) -> bool {
        if self.has_expired(now) || self.leads_anyway(closed) {
            return true;
        }
        self.refresh();
        // More entries leave a full bin full, so that this worker gets what others would. Nor does
        // `max_parked` decide whether a batch leaves: it binds only where climbers hold one.
        let everything = View { worker: Some(worker), starts: usize::MAX };
        shared || self.survey(now, everything, Some(worker)).leads()
    }

    /// Whether something leaves as soon as it waits.
    pub(super) fn leads_anyway(&self, closed: bool) -> bool {
        closed || self.rules.fill == Fill::Elastic
    }

    /// Whether climbers wait that one worker alone may take, or could before it retired.
    pub(crate) fn has_own(&self) -> bool {
        self.parked > self.anyones.waiting
    }

    /// Whether climbers wait that `worker` alone may take.
    pub(crate) fn has_own_climbers(&self, worker: WorkerId) -> bool {
        self.own.get(&worker).is_some_and(|own| own.waiting > 0)
    }

    /// Whether climbers of some worker may wait in `bin`. O(1).
    fn may_hold_own(&self, bin: usize) -> bool {
        self.parked > self.anyones.waiting && self.own_bins.at_least(bin) == Some(bin)
    }

    /// The most climbers of one worker in `bin`. O(workers that hold climbers).
    pub(crate) fn most_own(&self, bin: usize) -> u32 {
        if !self.may_hold_own(bin) {
            return 0;
        }
        self.own.values().map(|own| own.queues[bin].len).max().unwrap_or(0)
    }

    /// Whether an arrival in `bin` may make a batch possible, or another time the next one at which
    /// something is to be done.
    #[cfg(feature = "simulate")]
    pub(crate) fn may_stir(&self, bin: usize) -> bool {
        self.rules.max_wait.is_some() || self.next_expiry().is_some() || self.may_complete(bin)
    }

    /// Whether, after an arrival in `bin`, that bin may hold a batch for some worker: it does where
    /// it is full, and with climbers where some worker's and all others could be.
    pub(crate) fn may_complete(&self, bin: usize) -> bool {
        let full = self.full(bin);
        if self.rules.fill == Fill::Elastic || self.fresh.is_full(bin, full) {
            return true;
        }
        if self.parked == 0 {
            return false;
        }
        let climbers = self.anyones.queues[bin].len + self.most_own(bin);
        let left = || self.may_hold_own(bin) && self.own.values().any(|own| own.is_left(bin));
        let left = self.anyones.is_left(bin) || left();
        climbers > 0
            && (left || full.budget.is_some() || climbers + self.fresh.queues[bin].len >= full.rows)
    }

    /// How many arrivals in `bin` complete no batch, at least: none where one may.
    pub(crate) fn short_of(&self, bin: usize) -> u32 {
        let full = self.full(bin);
        if full.budget.is_some() || self.fresh.may_be_left(bin) {
            return 0;
        }
        full.rows.saturating_sub(self.depth(bin) + self.most_own(bin) + 1)
    }

    /// The bins that changed since they were taken by [`Former::next_changed`].
    pub(crate) fn changed(&self) -> impl Iterator<Item = usize> {
        let after = |&bin: &usize| self.changed.at_least(bin + 1);
        std::iter::successors(self.changed.at_least(0), after)
    }

    /// Takes a bin that changed.
    pub(crate) fn next_changed(&mut self) -> Option<usize> {
        let bin = self.changed.at_least(0)?;
        self.changed.remove(bin);
        if self.own_bins.at_least(bin) == Some(bin) && self.most_own(bin) == 0 {
            self.own_bins.remove(bin);
        }
        Some(bin)
    }
}
