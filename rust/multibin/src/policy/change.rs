//! Edges and rules that change while requests wait.

use super::batch_cost::FullRules;
use super::bit_set::BitSet;
use super::former::Former;
use super::rules::Rules;
use crate::config::{Fill, Overrun};
use crate::edges::Edges;

impl Former {
    /// Replaces the rules and the rows of a full batch of each bin.
    pub(crate) fn set_rules(&mut self, rules: Rules, sizes: Box<[u32]>) {
        self.rules = rules;
        self.full = FullRules::new(sizes, rules.budget);
        self.queues.find_first_batches(&self.slab, &self.full);
        (0..self.bins()).for_each(|bin| self.invalidate_head(bin));
        self.changed = BitSet::full(self.bins());
    }

    /// Replaces the edges, by which requests enter from then on. They have at most as many bins as
    /// there are queues. Requests enter by their predictions only if `predicted`. O(bins).
    ///
    /// With strict fill, too few requests may ever join those of a bin whose interval changes. So
    /// such a bin counts as full as long as its head entered before the change. Where ranks order a
    /// bin, it does until it has been empty.
    pub(crate) fn set_edges(&mut self, edges: Edges, predicted: bool) {
        let before = Intervals::new(std::mem::replace(&mut self.edges, edges), self.predicted);
        self.predicted = predicted;
        self.entered.fill(0);
        if self.rules.fill == Fill::Strict {
            self.leave_behind(&before);
        }
    }

    /// Sets whether predictions decide where requests enter.
    #[cfg(any(feature = "simulate", all(test, not(loom))))]
    pub(crate) fn set_predicted(&mut self, predicted: bool) {
        if predicted != self.predicted {
            self.set_edges(self.edges.clone(), predicted);
        }
    }

    fn leave_behind(&mut self, before: &Intervals) {
        let now = Intervals::new(self.edges.clone(), self.predicted);
        let altered = |bin| before.of(bin) != now.of(bin);
        let rank = if self.rules.ranking.is_fifo() { self.next_sequence } else { u64::MAX };
        // A closed gate sends nothing but climbers to the other bins.
        let live = if self.predicted { self.edges.bins() } else { 1 };
        let climbs = self.rules.overrun != Overrun::Finish;
        let climbable = if climbs { self.edges.bins() } else { live };
        let heads = &mut self.heads;
        self.queues.leave_behind(rank, [live, climbable], altered, |bin| heads.invalidate(bin));
        self.changed = BitSet::full(self.bins());
        self.refresh_for_deadlines();
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

    /// Returns the lowest length of a bin and the end, excluded; `None` if nothing arrives there.
    fn of(&self, bin: usize) -> Option<(u32, Option<u32>)> {
        if !self.predicted {
            return (bin == 0).then_some((0, None));
        }
        let low = if bin == 0 { 0 } else { *self.edges.bounds().get(bin)? };
        (bin < self.edges.bins()).then(|| (low, self.edges.upper(bin)))
    }
}
