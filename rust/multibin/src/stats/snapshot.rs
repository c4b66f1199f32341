//! All counters of a scheduler at one moment.

use std::time::Duration;

use super::waits::Waits;
use crate::request::Reason;

/// Counters of the whole scheduler at one moment.
///
/// Two equations always hold: `submitted + resubmitted = taken + cancelled + expired + waiting` and
/// `taken = resubmitted + done + lost + leased`.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, Config::new(8))?;
/// scheduler.submit(1, 9)?;
/// let stats = scheduler.stats();
/// assert_eq!((stats.submitted, stats.waiting, stats.leased), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Requests accepted.
    pub submitted: u64,
    /// Rows that left in batches.
    pub taken: u64,
    /// Rows that climbed.
    pub resubmitted: u64,
    /// Climbers that begin again at progress 0 because their worker is gone.
    pub restarted: u64,
    /// Requests cancelled while they waited.
    pub cancelled: u64,
    /// Requests whose deadline passed before they started.
    pub expired: u64,
    /// Rows finished.
    pub done: u64,
    /// Rows of leases that were dropped unfinished.
    pub lost: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Rows in open leases.
    pub leased: u64,
    /// Requests refused because `capacity` requests waited or were leased. Each counts once, when
    /// its call returns.
    pub refused: u64,
    /// Limit of requests that wait or are leased.
    pub capacity: u64,
    /// Batches by reason, in the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
}

/// Counters of one bin: what waits in it, and the batches that it led.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
/// scheduler.submit(1, 9)?;
/// scheduler.submit(2, 40)?;
/// let _batch = scheduler.worker().next_batch(None)?; // led by bin 0, topped up from bin 1
/// let first = scheduler.snapshot().bins[0];
/// assert_eq!((first.rows, first.padded, first.useful), (2, 2 * 40, 9 + 40));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BinStats {
    /// Requests that wait in this bin, climbers included.
    pub waiting: u64,
    /// Climbers that wait in this bin.
    pub parked: u64,
    /// Age of the oldest queue head in this bin, climbers included; zero for an empty bin.
    pub oldest: Duration,
    /// Requests that entered this bin first.
    pub arrivals: u64,
    /// Batches that a request of this bin led, by reason, in the order of [`Reason::ALL`].
    pub batches: [u64; Reason::ALL.len()],
    /// Rows in these batches, of any bin.
    pub rows: u64,
    /// Padded cost of these batches in predicted steps: the sum of rows × the longest predicted
    /// length.
    pub padded: u64,
    /// Useful cost of these batches in steps: the sum of the predicted lengths. The share
    /// `1 - useful / padded` is padding.
    pub useful: u64,
}

/// All counters at one moment.
///
/// The sums over the bins of `waiting`, `arrivals`, `rows` and `batches` equal the `waiting`,
/// `submitted`, `taken` and `batches` of the totals. Only `waiting` and `arrivals` may miss
/// requests that another thread is submitting. `waits` has counted `taken` rows.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, Config::new(8))?;
/// scheduler.submit(1, 9)?;
/// let snapshot = scheduler.snapshot();
/// let waiting: u64 = snapshot.bins.iter().map(|bin| bin.waiting).sum();
/// assert_eq!(waiting, snapshot.totals.waiting);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Counters of the whole scheduler.
    pub totals: Stats,
    /// Counters of each queue. There are more queues than bins if `max_bins` is larger.
    pub bins: Vec<BinStats>,
    /// Waits of the rows of batches since they last entered a queue.
    pub waits: Waits,
}
