//! Edges that change while requests wait.

use super::former::{Former, all};
use super::waiting::Rank;
use crate::config::{Fill, Overrun};
use crate::edges::Edges;

impl Former {
    /// Requests that enter from now on are placed by these edges, at most as many as there are
    /// queues, and by their predictions only if these are worth something. O(bins in which any wait).
    ///
    /// With strict fill what waits in a bin whose interval changes may never be joined by enough
    /// others. So such a bin counts as full as long as its head entered before the change; where
    /// ranks order a bin, until it has been empty.
    pub(crate) fn set_edges(&mut self, edges: Edges, predicted: bool) {
        let before = Intervals::new(std::mem::replace(&mut self.edges, edges), self.predicted);
        self.predicted = predicted;
        self.entered.fill(0);
        if self.rules.fill == Fill::Strict {
            self.leave_behind(&before);
        }
    }

    /// Whether predictions are worth something.
    #[cfg(any(feature = "simulate", all(test, not(loom))))]
    pub(crate) fn set_predicted(&mut self, predicted: bool) {
        if predicted != self.predicted {
            self.set_edges(self.edges.clone(), predicted);
        }
    }

    fn leave_behind(&mut self, before: &Intervals) {
        let now = Intervals::new(self.edges.clone(), self.predicted);
        let altered = |bin| before.of(bin) != now.of(bin);
        let place = if self.rules.rank == Rank::Ticket { self.orders } else { u64::MAX };
        // A closed gate sends nothing but climbers to the other bins.
        let live = if self.predicted { self.edges.bins() } else { 1 };
        let heads = &mut self.heads;
        self.fresh.leave_behind(place, live, altered, |bin| heads.invalidate(bin));
        let climbers = if self.rules.overrun == Overrun::Finish { live } else { self.edges.bins() };
        for bins in self.own.values_mut().chain([&mut self.anyones]) {
            bins.leave_behind(place, climbers, altered, |_| ());
        }
        self.changed = all(self.bins());
        self.keep_deadlines();
    }
}

/// Which lengths arrive in which bin.
struct Intervals {
    edges: Edges,
    predicted: bool,
}

impl Intervals {
    fn new(edges: Edges, predicted: bool) -> Self {
        Self { edges, predicted }
    }

    /// From where to where, the end excluded; `None`: nothing arrives.
    fn of(&self, bin: usize) -> Option<(u32, Option<u32>)> {
        if !self.predicted {
            return (bin == 0).then_some((0, None));
        }
        let low = if bin == 0 { 0 } else { *self.edges.bounds().get(bin)? };
        (bin < self.edges.bins()).then(|| (low, self.edges.upper(bin)))
    }
}
