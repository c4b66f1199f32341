//! The choices between rules.

/// The rule while no bin holds a full batch.
///
/// ```
/// use multibin::{Config, Edges, Fill, NextError, Scheduler};
/// use std::time::Duration;
///
/// let config = Config { fill: Fill::Strict, ..Config::new(2) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, config)?;
/// scheduler.submit(1, 9)?;
/// let waited = scheduler.worker().next_batch(Some(Duration::ZERO));
/// assert_eq!(waited.unwrap_err(), NextError::Timeout); // one request makes no full batch
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fill {
    /// The oldest request leads a batch, topped up from the nearest bins. No request waits for a
    /// full bin.
    #[default]
    Elastic,
    /// No batch leaves (Algorithm 1 of arXiv 2412.04504).
    Strict,
}

/// The order in which several full bins are served.
///
/// ```
/// use multibin::{Config, Edges, Order, Scheduler};
///
/// let config = Config { order: Some(Order::Shortest), ..Config::new(1) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
/// scheduler.submit(1, 40)?;
/// scheduler.submit(2, 9)?;
/// assert_eq!(scheduler.worker().next_batch(None)?.bin(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// The bin whose batch was complete first goes first, as in arXiv 2412.04504.
    Formed,
    /// The bin whose head arrived first goes first.
    Oldest,
    /// The lowest bin goes first.
    Shortest,
    /// The bin whose head has the earliest deadline goes first. Entries of a bin are then in order
    /// of deadlines, those without a deadline last. The same order holds while no bin is full.
    Deadline,
}

/// The rule for a request that outlives its bin.
///
/// ```
/// use multibin::{Config, Edges, Overrun, Scheduler};
///
/// let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 32, 64])?, config)?;
/// scheduler.submit(1, 0)?;
/// let batch = scheduler.worker().next_batch(None)?;
/// assert_eq!(batch.limit(), Some(32)); // the end of its bin
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overrun {
    /// The batch runs until its last row is finished, as in arXiv 2412.04504.
    #[default]
    Finish,
    /// Each batch has a step limit, at which half of its rows have reached the end of their bin.
    /// Unfinished rows then enter the bin of their progress.
    Climb,
    /// Requests climb, but start over: for back-ends that cannot keep state. Progress chooses the
    /// bin and saves no steps. This is failure collection and recomputation of Sequence Scheduling
    /// (arXiv 2305.13144).
    Recompute,
}
