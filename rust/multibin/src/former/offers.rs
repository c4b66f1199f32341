//! Whether a batch would leave, without taking it: whom to wake.

use super::{Former, View, WorkerId};
use crate::config::Fill;

impl Former {
    /// Returns true if a worker without climbers of its own would get a batch.
    pub(crate) fn offers_shared(&mut self, now: u64, closed: bool) -> bool {
        // No worker has this number.
        self.offers(now, WorkerId::MAX, closed)
    }

    /// Returns true if climbers wait that one worker alone may take.
    pub(crate) fn has_own(&self) -> bool {
        self.parked > self.anyones.waiting
    }

    /// Returns true if climbers wait that `worker` alone may take.
    pub(crate) fn has_own_climbers(&self, worker: WorkerId) -> bool {
        self.has_own() && self.own.get(&worker).is_some_and(|own| own.waiting > 0)
    }

    /// Returns true if `worker`, which has climbers of its own, would get a batch. `shared`: others
    /// would. Looks at the bins that its climbers occupy.
    pub(crate) fn offers_own(&self, now: u64, worker: WorkerId, shared: bool) -> bool {
        let everything = View { worker, starts: usize::MAX };
        let bounded = self.bounded(everything);
        if self.rules.fill == Fill::Elastic || shared && bounded.starts == everything.starts {
            return true;
        }
        let bins = || self.own[&worker].occupied().map(|(bin, _)| bin);
        self.survey_of(bins(), now, everything).overdue.bin().is_some()
            || self.survey_of(bins(), now, bounded).full.bin().is_some()
    }

    /// Returns true if an arrival in `bin` may have completed a batch of strict scheduling.
    pub(crate) fn completes(&self, bin: usize) -> bool {
        let own = self.most_own(bin);
        if own == 0 {
            return self.is_full(bin);
        }
        let full = self.full(bin);
        full.budget.is_some() || self.depth(bin) + own >= full.rows
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
        Some(bin)
    }

    /// Whether [`Former::form`] would give `worker` a batch.
    pub(crate) fn offers(&mut self, now: u64, worker: WorkerId, closed: bool) -> bool {
        let everything = View { worker, starts: usize::MAX };
        if self.expires(now) {
            return true;
        }
        if self.available(everything) == 0 {
            return false;
        }
        if closed || self.rules.fill == Fill::Elastic {
            return true;
        }
        self.refresh();
        self.survey(now, everything).overdue.bin().is_some()
            || self.survey(now, self.bounded(everything)).full.bin().is_some()
    }
}
