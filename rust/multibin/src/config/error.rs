//! Errors of a configuration.

use thiserror::Error;

use super::adapt_error::AdaptError;
use super::limits::MAX_CAPACITY;
use crate::edges::Edges;

/// The reason why a configuration is refused. Each message names the argument, its rule and the
/// value.
///
/// ```
/// use multibin::{Config, ConfigError, Edges, Scheduler};
///
/// let error = Scheduler::new(Edges::new(&[0, 32])?, Config::new(0)).unwrap_err();
/// assert_eq!(error, ConfigError::BatchSize);
/// assert_eq!(error.to_string(), "batch_size must be at least 1, got 0");
/// # Ok::<(), multibin::EdgesError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Batches without rows.
    #[error("batch_size must be at least 1, got 0")]
    BatchSize,
    /// A capacity that is out of range.
    #[error("capacity must be between 1 and {MAX_CAPACITY}, got {0}")]
    Capacity(usize),
    /// Too little memory for the capacity.
    #[error("capacity must fit in memory, got {0}")]
    Memory(usize),
    /// More bins than queues.
    #[error("edges must have at most max_bins = {max} bins, got {bins}")]
    Bins {
        /// Bins of the edges.
        bins: usize,
        /// Number of queues.
        max: usize,
    },
    /// A number of batch sizes that differs from the number of queues.
    #[error("batch_size must have one size for each of {queues} bins, got {sizes}")]
    Sizes {
        /// Number of sizes.
        sizes: usize,
        /// Number of queues.
        queues: usize,
    },
    /// A budget that no batch keeps.
    #[error("budget must be at least 1, got {0}")]
    Budget(u64),
    /// A change of the budget of a scheduler that has none.
    #[error("budget must be left out for a scheduler made without one, got {0}")]
    NoBudget(u64),
    /// A share that is out of range.
    #[error("max_padding must be between 0 and 1, got {0}")]
    MaxPadding(f64),
    /// Ageing that is not finite or negative.
    #[error("ageing must be finite and at least 0, got {0}")]
    Ageing(f64),
    /// Ageing beside an order of full bins that ignores it.
    #[error("ageing must be left out unless order is oldest or shortest, got {0}")]
    AgeingOrder(f64),
    /// Fitted edges with more bins than queues.
    #[error("adapt.bins must be at most max_bins = {max}, got {bins}")]
    AdaptBins {
        /// Bins of fitted edges.
        bins: usize,
        /// Number of queues.
        max: usize,
    },
    /// Settings of adaptation that are refused.
    #[error("adapt.{0}")]
    Adapt(#[from] AdaptError),
    /// More queues than [`Edges::MAX_BINS`].
    #[error("max_bins must be at most {max}, got {0}", max = Edges::MAX_BINS)]
    MaxBins(usize),
    /// Measured costs beside bins that wait until they are full.
    #[error("costs must be left out where fill is 'strict', got a table")]
    CostsFill,
    /// Measured costs beside requests that climb.
    #[error("costs must be left out unless overrun is 'finish', got a table")]
    CostsOverrun,
    /// A batch that could never be full.
    #[error("batch_size must be at most capacity = {capacity}, got {batch_size}")]
    NeverFull {
        /// Rows of a full batch.
        batch_size: u32,
        /// Limit of requests that wait or are leased.
        capacity: usize,
    },
}
