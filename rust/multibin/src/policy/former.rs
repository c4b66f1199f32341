//! The batch former: what waits, and by which rules it leaves.

use std::collections::TryReserveError;

use super::batch_cost::FullRules;
use super::bins::{HeadIndex, Queues, Taken};
use super::bit_set::BitSet;
use super::expiry::Expiry;
use super::measured::Measured;
use super::ranked::Ranked;
use super::rules::Rules;
use super::waiting::Slab;
use crate::edges::Edges;
use crate::request::{Expired, Reason, Row};

/// A batch that leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Formed {
    pub(crate) rows: Vec<Row>,
    /// Steps to run at most.
    pub(crate) limit: Option<u32>,
    /// The leader's bin.
    pub(crate) bin: usize,
    pub(crate) reason: Reason,
    /// The requests that expired and were not reported before.
    pub(crate) expired: Vec<Expired>,
}

impl Formed {
    pub(crate) fn new(rows: Vec<Row>, limit: Option<u32>, bin: usize, reason: Reason) -> Self {
        Self { rows, limit, bin, reason, expired: Vec::new() }
    }
}

/// What waits and how it leaves.
#[derive(Debug)]
pub(crate) struct Former {
    pub(super) rules: Rules,
    pub(super) full: FullRules,
    pub(super) edges: Edges,
    /// Predictions decide where requests enter; otherwise all start in the first bin.
    pub(super) predicted: bool,
    pub(super) slab: Slab,
    pub(super) queues: Queues,
    /// The heads of the queues of new requests.
    pub(super) heads: HeadIndex,
    /// Requests that restarted may wait behind later tickets.
    pub(super) may_hold_restarted: bool,
    /// Rows taken so far.
    pub(super) taken: u64,
    /// One more than the highest sequence number so far.
    pub(super) next_sequence: u64,
    /// Rows resubmitted so far.
    pub(super) resubmitted: u64,
    /// Climbers so far that left their worker's queue to restart.
    pub(super) restarted: u64,
    /// Requests so far that left without being taken.
    pub(super) removed: u64,
    /// By bin, requests that arrived since the counts were last taken, or the edges changed.
    pub(super) entered: Box<[u64]>,
    pub(super) expiry: Expiry,
    /// Bins that entries entered or left, or whose rules changed, since they were taken by
    /// [`Former::next_changed`].
    pub(super) changed: BitSet,
    /// Scratch space of rule 1.
    pub(super) ranked: Vec<Ranked>,
    /// The measured costs by which batches are cut, if any are known.
    pub(super) measured: Option<Box<Measured>>,
}

impl Former {
    /// Makes a former, if there is enough memory.
    ///
    /// `sizes` are the rows of a full batch of each bin; there are at least as many as the edges
    /// have bins. Up to `capacity` requests wait at a time. It is 0 if no request is asked for by
    /// its ticket and none expires.
    pub(crate) fn new(
        rules: Rules,
        sizes: Box<[u32]>,
        edges: Edges,
        mut slab: Slab,
        capacity: usize,
    ) -> Result<Self, TryReserveError> {
        let bins = sizes.len();
        slab.index_tickets(capacity)?;
        Ok(Self {
            rules,
            full: FullRules::new(sizes, rules.budget),
            edges,
            predicted: true,
            slab,
            queues: Queues::new(bins, &rules),
            heads: HeadIndex::new(bins),
            may_hold_restarted: false,
            taken: 0,
            next_sequence: 0,
            resubmitted: 0,
            restarted: 0,
            removed: 0,
            entered: vec![0; bins].into(),
            expiry: Expiry::new(capacity),
            changed: BitSet::full(bins),
            ranked: Vec::new(),
            measured: None,
        })
    }

    /// Returns the bin in which a request of a predicted length starts.
    #[inline]
    pub(crate) fn bin(&self, length: u32) -> usize {
        if self.predicted { self.edges.bin(length) } else { 0 }
    }

    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Returns how many bins there are.
    #[inline]
    pub(super) fn bins(&self) -> usize {
        self.queues.bins()
    }

    /// Returns the rows taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Returns the rows resubmitted so far.
    pub(crate) fn resubmitted(&self) -> u64 {
        self.resubmitted
    }

    /// Returns how many entries left the queues so far.
    #[inline]
    pub(super) fn gone(&self) -> u64 {
        self.taken + self.restarted + self.removed
    }

    /// Returns the bypass bound of the entry with this sequence number. Entries so far minus those
    /// that left is how many wait.
    pub(super) fn bypass_bound(&self, sequence: u64) -> u64 {
        // An arrival that was published late may find later ones already taken.
        self.rules.bypass_bound(self.taken, sequence.saturating_sub(self.gone()))
    }

    /// Finds the head of the bin again that requests left, if it may have changed.
    #[inline]
    pub(super) fn settle(&mut self, taken: Taken) {
        if taken.new > 0 {
            self.invalidate_head(taken.bin);
        }
    }

    /// Records that new requests entered or left the queue of `bin`.
    #[inline]
    pub(super) fn invalidate_head(&mut self, bin: usize) {
        self.heads.invalidate(bin);
        self.refresh_for_deadlines();
    }

    /// Refreshes the heads if `max_wait` is set: deadlines are asked for at any time. Without it,
    /// rule 1 alone may serve for long, and no rule asks for heads.
    #[inline]
    pub(super) fn refresh_for_deadlines(&mut self) {
        if self.rules.max_wait.is_some() {
            self.refresh();
        }
    }

    /// Finds the heads again of all bins that changed. Comes before every use of the heads.
    pub(super) fn refresh(&mut self) {
        while let Some(bin) = self.heads.next_stale() {
            let new = self.queues.new_requests();
            let full_rank = new.full_rank(&self.slab, bin, &self.rules, self.full.of(bin));
            self.heads.update(bin, &new.queue(bin).head, full_rank, &self.rules);
        }
    }

    /// Takes a bin that changed.
    pub(crate) fn next_changed(&mut self) -> Option<usize> {
        let bin = self.changed.at_least(0)?;
        self.changed.remove(bin);
        self.queues.recheck_pinned(bin);
        Some(bin)
    }

    /// Returns the bins that changed since they were taken by [`Former::next_changed`].
    pub(crate) fn changed(&self) -> impl Iterator<Item = usize> {
        let after = |&bin: &usize| self.changed.at_least(bin + 1);
        std::iter::successors(self.changed.at_least(0), after)
    }
}
