//! The order of rule 1: overdue requests first, by arrival, then the others by rank.

use super::rules::Rules;
use super::waiting::{Entry, Head};

/// An entry with its rank for rule 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    /// From the top bit down: 0 if overdue, the rank, the ticket.
    pub(super) rank: u128,
    pub(super) bin: u32,
    pub(super) position: u32,
}

/// The last rank if no entry is left out.
pub(super) const ALL: u128 = u128::MAX;

/// What ranks an entry for rule 1, apart from the queues so that these can change meanwhile.
#[derive(Clone, Copy)]
pub(super) struct OverdueFirst {
    pub(super) now: u64,
    /// Rows taken so far.
    pub(super) taken: u64,
    pub(super) rules: Rules,
}

impl OverdueFirst {
    /// Returns the rank of a queue's head by arrival: overdue ones first, then the others.
    pub(super) fn rank_by_arrival(&self, head: &Head) -> u64 {
        let overdue = self.rules.is_overdue(self.taken, head.bypass_bound, head.entered, self.now);
        u64::from(!overdue) << 63 | head.ticket
    }

    /// Returns the rank of an entry: overdue ones first, by arrival; then the others by rank.
    pub(super) fn rank(&self, entry: &Entry, bypass_bound: u64) -> u128 {
        let row = &entry.row;
        let overdue = self.rules.is_overdue(self.taken, bypass_bound, row.entered, self.now);
        let rank = if overdue { row.ticket } else { self.rules.ranking.rank(row) };
        u128::from(!overdue) << 127 | u128::from(rank) << 63 | u128::from(row.ticket)
    }
}

/// Keeps the first `room` by rank of the entries from index `from` on, and all before. Returns the
/// rank of the last one kept, or [`ALL`].
pub(super) fn keep_first(ranked: &mut Vec<Ranked>, from: usize, room: usize) -> u128 {
    if ranked.len() - from <= room {
        return ALL;
    }
    let mut ranks: Vec<_> = ranked[from..].iter().map(|entry| entry.rank).collect();
    let last = *ranks.select_nth_unstable(room - 1).1;
    let mut before = from;
    ranked.retain(|entry| {
        let early = before > 0;
        before -= usize::from(early);
        early || entry.rank <= last
    });
    last
}
