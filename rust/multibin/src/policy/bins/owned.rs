//! One queue per bin of one owner, and what the rules ask of all of them at once.

use super::super::batch_cost::FullRule;
use super::super::bit_set::BitSet;
use super::super::rules::Rules;
use super::super::waiting::{BinQueue, Owner, Slab};
use super::first_batch::FirstBatch;
use crate::config::Order;

/// One queue per bin, and how many entries wait in all of them.
///
/// Entries enter through [`Bins::write`] and leave through [`Bins::taker`], which keep the counts.
#[derive(Debug)]
pub(crate) struct Bins {
    pub(super) owner: Owner,
    pub(super) queues: Vec<BinQueue>,
    /// The first batch of each bin; empty without a budget.
    pub(super) first_batches: Vec<FirstBatch>,
    /// How many entries wait: the sum of the queues' lengths.
    pub(super) waiting: usize,
    /// The bins whose queues are not empty.
    pub(super) occupied: BitSet,
    /// Strict fill, by bin: a change of edges left the entries behind whose ranks in the bin are
    /// below this. While one of them is the head, the bin counts as full. Empty until edges change.
    pub(super) left_behind: Vec<u64>,
    /// No entry enters bins from here on. They count as full as soon as anything waits there.
    pub(super) live: usize,
}

impl Bins {
    pub(super) fn new(owner: Owner, bins: usize, rules: &Rules) -> Self {
        Self {
            owner,
            queues: vec![BinQueue::EMPTY; bins],
            first_batches: vec![FirstBatch::EMPTY; if rules.budget.is_some() { bins } else { 0 }],
            waiting: 0,
            occupied: BitSet::new(bins),
            left_behind: Vec::new(),
            live: usize::MAX,
        }
    }

    /// Returns the requests that these queues hold.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// Returns the queue of `bin`.
    #[inline]
    pub(crate) fn queue(&self, bin: usize) -> &BinQueue {
        &self.queues[bin]
    }

    /// Returns how many entries wait.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns true if a bin holds a batch, or counts as if it did.
    #[inline]
    pub(crate) fn is_full(&self, bin: usize, full: FullRule) -> bool {
        self.queues[bin].len >= full.rows
            || self.first_batches.get(bin).is_some_and(FirstBatch::is_complete)
            || self.is_left_behind(bin)
    }

    /// Returns the rank of `bin` among full bins; `u64::MAX` if it is not full.
    #[inline]
    pub(crate) fn full_rank(&self, slab: &Slab, bin: usize, rules: &Rules, full: FullRule) -> u64 {
        if !self.is_full(bin, full) {
            return u64::MAX;
        }
        let by_completion = rules.order == Order::Formed;
        let completed = if by_completion { self.completed(slab, bin, full) } else { 0 };
        rules.full_rank(bin, completed, self.queues[bin].head.rank)
    }

    /// Returns the sequence number of the entry that completed the batch of a full bin.
    #[inline]
    fn completed(&self, slab: &Slab, bin: usize, full: FullRule) -> u64 {
        if self.is_left_behind(bin) {
            return self.queues[bin].head.rank_in_bin;
        }
        self.first_batches
            .get(bin)
            .map_or_else(|| self.queues[bin].sequence_of(slab, full.rows), FirstBatch::completed)
    }

    /// Finds the first batch of a bin again, if there is a budget. O(batch size).
    #[inline]
    pub(super) fn find_first_batch(&mut self, slab: &Slab, bin: usize, full: FullRule) {
        if !self.first_batches.is_empty() {
            self.find_within_budget(slab, bin, full);
        }
    }

    #[inline(never)]
    fn find_within_budget(&mut self, slab: &Slab, bin: usize, full: FullRule) {
        let first_batch = &mut self.first_batches[bin];
        *first_batch = FirstBatch::EMPTY;
        for (nth, (_, entry)) in (1..=full.rows).zip(self.queues[bin].iter(slab)) {
            first_batch.add(entry, nth, full);
        }
    }

    /// Returns the lowest bin from `from` on in which an entry waits.
    #[inline]
    pub(crate) fn at_least(&self, from: usize) -> Option<usize> {
        self.occupied.at_least(from)
    }

    /// Returns the highest bin up to `to` in which an entry waits.
    #[inline]
    pub(crate) fn at_most(&self, to: usize) -> Option<usize> {
        self.occupied.at_most(to)
    }

    /// Returns when the first of the heads entered; `u64::MAX` if nothing waits.
    pub(crate) fn first_entered(&self) -> u64 {
        self.occupied().map(|(_, queue)| queue.head.entered).min().unwrap_or(u64::MAX)
    }

    /// Returns the queues that are not empty, with their bins.
    pub(crate) fn occupied(&self) -> impl Iterator<Item = (usize, &BinQueue)> {
        let after = |&bin: &usize| self.at_least(bin + 1);
        let bins = std::iter::successors(self.at_least(0), after);
        bins.map(|bin| (bin, &self.queues[bin]))
    }

    /// Returns true if the counts agree with the queues. O(bins).
    pub(super) fn is_consistent(&self) -> bool {
        let waiting: usize = self.queues.iter().map(|queue| queue.len as usize).sum();
        let occupied = self.queues.iter().filter(|queue| queue.len > 0).count();
        waiting == self.waiting && occupied == self.occupied().count()
    }
}
