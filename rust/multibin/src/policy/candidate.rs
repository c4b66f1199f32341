//! The candidates to lead a batch, each the one of the lowest rank.

use super::min_tree::MinTree;
use super::waiting::Owner;

/// The candidates that a scan of the bins finds.
pub(super) struct Scan {
    /// The bin of the head with the lowest rank.
    pub(super) oldest: Candidate,
    /// The oldest overdue head: each queue of a bin may lead.
    pub(super) overdue: Candidate<(usize, Owner)>,
    /// The first of the full bins.
    pub(super) full: Candidate,
}

impl Scan {
    /// Returns true if rule 2 or 3 finds a leader.
    pub(super) fn leads(&self) -> bool {
        self.overdue.leader.is_some() || self.full.leader.is_some()
    }
}

/// The leader with the lowest rank so far: a bin, or one of its queues.
#[derive(Clone, Copy)]
pub(super) struct Candidate<T = usize> {
    rank: u64,
    pub(super) leader: Option<T>,
}

impl<T> Candidate<T> {
    pub(super) const NONE: Self = Self { rank: u64::MAX, leader: None };

    /// Replaces the candidate if another one has a lower rank.
    #[inline]
    pub(super) fn offer(&mut self, rank: u64, leader: T) {
        if rank < self.rank {
            *self = Self { rank, leader: Some(leader) };
        }
    }
}

impl Candidate {
    /// Returns the bin with the lowest rank.
    pub(super) fn of(ranks: &MinTree) -> Self {
        Self { rank: ranks.min(), leader: ranks.argmin() }
    }
}
