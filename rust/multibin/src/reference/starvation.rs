//! No overdue request is passed by more batches than there are overdue requests before it.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;

/// By overdue ticket: the batches that left meanwhile, and the overdue tickets that arrived no
/// later.
#[derive(Debug, Default)]
pub(super) struct Starvation(BTreeMap<u64, (usize, BTreeSet<u64>)>);

impl Starvation {
    /// Records the overdue tickets before a batch leaves.
    pub(super) fn record(&mut self, overdue: &BTreeSet<u64>) {
        self.0.retain(|ticket, _| overdue.contains(ticket));
        for &ticket in overdue {
            self.0.entry(ticket).or_default().1.extend(overdue.range(..=ticket));
        }
    }

    /// Checks the tickets that stay after a batch left with `rows`. No more batches passed one than
    /// there were overdue ones that arrived no later.
    pub(super) fn check(&mut self, rows: &[Entry]) {
        self.0.retain(|ticket, _| rows.iter().all(|row| row.ticket != *ticket));
        for (batches, before) in self.0.values_mut() {
            *batches += 1;
            assert!(*batches < before.len(), "passed by {batches} batches, {before:?} are overdue");
        }
    }

    /// Forgets all tickets.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
