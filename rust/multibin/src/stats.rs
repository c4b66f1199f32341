//! What happened so far.

use crate::request::Reason;

/// A snapshot of the scheduler's counters. At any moment `submitted + resubmitted = taken +
/// cancelled + expired + waiting` and `taken = resubmitted + done + lost + leased`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Requests accepted.
    pub submitted: u64,
    /// Rows that left in batches.
    pub taken: u64,
    /// Rows that came back to climb.
    pub resubmitted: u64,
    /// Climbers whose worker is gone, so that they start anew.
    pub restarted: u64,
    /// Requests taken back while they waited.
    pub cancelled: u64,
    /// Requests whose deadline passed before they started.
    pub expired: u64,
    /// Rows finished.
    pub done: u64,
    /// Rows of leases that were dropped without being finished.
    pub lost: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Rows in open leases.
    pub leased: u64,
    /// Batches by reason, in the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
}
