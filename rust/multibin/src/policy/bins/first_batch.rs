//! The first batch of a bin within a budget, followed as entries come.

use super::super::batch_cost::{BatchCost, FullRule};
use super::super::waiting::Entry;

/// The first entries of a bin, until they are a batch.
#[derive(Debug, Clone)]
pub(super) struct FirstBatch {
    cost: BatchCost,
    /// The sequence number of the entry that completed the batch; `u64::MAX` before that.
    completed: u64,
}

impl FirstBatch {
    pub(super) const EMPTY: Self = Self { cost: BatchCost::EMPTY, completed: u64::MAX };

    /// Adds an entry, the `nth` of its bin.
    pub(super) fn add(&mut self, entry: &Entry, nth: u32, full: FullRule) {
        if !self.is_complete() {
            self.cost = self.cost.with(&entry.row);
            if nth >= full.rows || !self.cost.fits(full.budget) {
                self.completed = entry.sequence;
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.completed != u64::MAX
    }

    /// Returns the sequence number of the entry that completed the batch; `u64::MAX` before that.
    pub(super) fn completed(&self) -> u64 {
        self.completed
    }
}
