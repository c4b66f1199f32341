//! The heads of one owner's queues, so that no rule looks at every bin.

use super::super::bit_set::BitSet;
use super::super::min_tree::MinTree;
use super::super::rules::Rules;
use super::super::waiting::Head;

/// The heads of all bins, by what the rules compare.
#[derive(Debug)]
pub(crate) struct HeadIndex {
    pub(crate) ranks: MinTree,
    pub(crate) bypass_bounds: MinTree,
    /// When the heads entered; kept while `max_wait` is set.
    pub(crate) entered: MinTree,
    /// The ranks of full bins among themselves.
    pub(crate) full_ranks: MinTree,
    /// Bins whose queues changed since they were looked at.
    stale: BitSet,
}

impl HeadIndex {
    pub(crate) fn new(bins: usize) -> Self {
        let [ranks, bypass_bounds, entered, full_ranks] =
            std::array::from_fn(|_| MinTree::new(bins));
        Self { ranks, bypass_bounds, entered, full_ranks, stale: BitSet::new(bins) }
    }

    /// Marks a bin whose queue changed.
    #[inline]
    pub(crate) fn invalidate(&mut self, bin: usize) {
        self.stale.insert(bin);
    }

    /// Returns a bin whose queue changed, once; [`HeadIndex::update`] must follow.
    #[inline]
    pub(crate) fn next_stale(&mut self) -> Option<usize> {
        let bin = self.stale.at_least(0)?;
        self.stale.remove(bin);
        Some(bin)
    }

    /// Sets the head of `bin`, and the bin's rank among full bins.
    #[inline]
    pub(crate) fn update(&mut self, bin: usize, head: &Head, full_rank: u64, rules: &Rules) {
        self.ranks.set(bin, head.rank);
        self.bypass_bounds.set(bin, head.bypass_bound);
        if rules.max_wait.is_some() {
            self.entered.set(bin, head.entered);
        }
        self.full_ranks.set(bin, full_rank);
    }
}
