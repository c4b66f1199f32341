//! Sums over requests and batches.

use multibin::Reason;

/// Counts of one thread, of a round, or of all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub accepted: u64,
    pub delivered: u64,
    pub resubmitted: u64,
    /// Climbers that were delivered at progress 0.
    pub restarted: u64,
    pub done: u64,
    pub lost: u64,
    pub cancelled: u64,
    pub expired: u64,
    /// In the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.resubmitted += other.resubmitted;
        self.restarted += other.restarted;
        self.done += other.done;
        self.lost += other.lost;
        self.cancelled += other.cancelled;
        self.expired += other.expired;
        for (sum, count) in self.batches.iter_mut().zip(other.batches) {
            *sum += count;
        }
    }
}
