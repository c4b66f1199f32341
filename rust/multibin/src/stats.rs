//! What happened so far.

mod counts;
mod prometheus;
mod waits;

use std::time::Duration;

pub(crate) use counts::Counts;
pub use prometheus::LabelError;
pub use waits::Waits;

use crate::request::Reason;

/// A snapshot of the scheduler's counters. At any moment `submitted + resubmitted = taken +
/// cancelled + expired + waiting` and `taken = resubmitted + done + lost + leased`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
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
    /// Rows refused because as many as `capacity` waited or were leased, each at its final answer.
    pub refused: u64,
    /// How many may wait or be leased.
    pub capacity: u64,
    /// Batches by reason, in the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
}

/// What waits in one bin, and what the batches were that it led.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BinStats {
    /// Requests that wait in this bin.
    pub waiting: u64,
    /// Those among them that climb.
    pub parked: u64,
    /// The time since its arrival of who heads this bin's queues; of several queues (climbers have
    /// their own), the longest. Zero when nobody waits.
    pub oldest: Duration,
    /// First entries so far.
    pub arrivals: u64,
    /// Batches that a request of this bin led, by reason, in the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
    /// Rows in them, whatever their bins.
    pub rows: u64,
    /// Their padded cost in predicted steps: rows × the longest predicted length, summed.
    pub padded: u64,
    /// Their useful cost: the sum of the predicted lengths. `1 - useful / padded` is padding.
    pub useful: u64,
}

/// All counters at one moment. Over the bins, `waiting`, `arrivals`, `rows` and `batches` sum to
/// the `waiting`, `submitted`, `taken` and `batches` of the totals (the first two but for requests
/// that another thread is just submitting), and `waits` has counted `taken` rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Of the whole scheduler.
    pub totals: Stats,
    /// One for each queue: more than the bins of the edges when `max_bins` is.
    pub bins: Vec<BinStats>,
    /// How long the rows of batches had waited since they last entered a queue.
    pub waits: Waits,
}
