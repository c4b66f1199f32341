//! Why a configuration is refused.

use thiserror::Error;

use super::adapt::AdaptError;
use super::scheduler::MAX_CAPACITY;
use crate::edges::Edges;

/// Why there is no scheduler. Each message names the argument and the value.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No rows.
    #[error("batch_size: 0 rows make no batch")]
    BatchSize,
    /// Not a possible capacity.
    #[error("capacity: {0} is not a number of requests (1 to {max})", max = MAX_CAPACITY)]
    Capacity(usize),
    /// There is not so much memory.
    #[error("capacity: no memory for {0} requests")]
    Memory(usize),
    /// More bins than queues.
    #[error("edges: {bins} bins are more than max_bins = {most}")]
    Bins {
        /// Bins of the edges.
        bins: usize,
        /// Queues there may be.
        most: usize,
    },
    /// Not one batch size for each queue.
    #[error("batch_size: {sizes} sizes for {queues} bins")]
    Sizes {
        /// How many are given.
        sizes: usize,
        /// Queues there are.
        queues: usize,
    },
    /// A budget for nothing.
    #[error("budget: {0} is no bound of a batch's cost")]
    Budget(u64),
    /// A change of a budget that is not there.
    #[error("budget: {0} changes none: the scheduler was made without a budget")]
    NoBudget(u64),
    /// Not a share.
    #[error("max_padding: {0} is not a share from 0 to 1")]
    MaxPadding(f64),
    /// Ageing that is not a number of seconds.
    #[error("ageing: {0} is not a finite number of seconds per step >= 0")]
    Ageing(f64),
    /// Ageing beside another order.
    #[error("ageing: goes with order = oldest or shortest, not with formed or deadline")]
    AgeingOrder,
    /// Fitted edges with more bins than queues.
    #[error("adapt: bins = {bins} are more than max_bins = {most}")]
    AdaptBins {
        /// Bins of fitted edges.
        bins: usize,
        /// Queues there may be.
        most: usize,
    },
    /// Options of adaptation that are not possible.
    #[error("adapt: {0}")]
    Adapt(#[from] AdaptError),
    /// More queues than there may be.
    #[error("max_bins: {0} are more than {max}", max = Edges::MAX_BINS)]
    MaxBins(usize),
    /// A batch that could never be full.
    #[error("batch_size: {batch_size} exceeds capacity = {capacity}")]
    NeverFull {
        /// Rows of a full batch.
        batch_size: u32,
        /// Requests there may be.
        capacity: usize,
    },
}
