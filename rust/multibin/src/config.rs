//! How a scheduler behaves: what its maker chooses, checked.

use std::time::Duration;

use thiserror::Error;

use crate::adapt::{Adapt, AdaptError};
use crate::edges::Edges;

/// What happens while no bin holds a full batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fill {
    /// The oldest request leads, topped up from the nearest bins; nobody waits for a full bin.
    #[default]
    Elastic,
    /// Nothing leaves (Algorithm 1 of arXiv 2412.04504).
    Strict,
}

/// Which of several full bins goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The one whose batch was complete first (the paper).
    Formed,
    /// The one whose head arrived first.
    Oldest,
}

/// What happens to a request that is longer than its bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overrun {
    /// The batch runs until its last row is finished (the paper).
    #[default]
    Finish,
    /// Batches have a limit; who is unfinished then climbs to the next bin.
    Climb,
    /// As `Climb`, for back-ends that cannot keep state: who climbs starts over, so that progress
    /// chooses the bin but saves no steps (failure collection and recomputation of Sequence
    /// Scheduling, arXiv 2305.13144).
    Recompute,
}

/// The rules of one former.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) batch_size: u32,
    pub(crate) fill: Fill,
    pub(crate) order: Order,
    pub(crate) overrun: Overrun,
    /// Nanoseconds after its last entry from which a request is overdue.
    pub(crate) max_wait: Option<u64>,
    /// With so many climbers waiting nobody starts.
    pub(crate) max_parked: Option<usize>,
}

/// How a scheduler behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Rows of a full batch.
    pub batch_size: u32,
    /// The most requests that wait or are leased.
    pub capacity: usize,
    /// A request that waited this long since it last entered a queue is overdue.
    pub max_wait: Option<Duration>,
    /// What happens while no bin is full.
    pub fill: Fill,
    /// Which full bin goes first; by default `Formed`, and `Oldest` with climbing.
    pub order: Option<Order>,
    /// What happens to a request that is longer than its bin.
    pub overrun: Overrun,
    /// Bounds the state that waits: while so many climbers wait, a worker that may take one takes
    /// no request that has not started, but for an overdue one that leads. A climber is never
    /// refused.
    pub max_parked: Option<usize>,
    /// The most bins that edges may ever have, as the number of queues is fixed; by default those
    /// of the edges at the start, or of `adapt` if it may have more.
    pub max_bins: Option<usize>,
    /// Whether and how edges follow the traffic and a gate watches the predictions.
    pub adapt: Option<Adapt>,
}

/// What [`Scheduler::reconfigure`](crate::Scheduler::reconfigure) changes; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Which bin a length belongs to. Who waits stays where it is.
    pub edges: Option<Edges>,
    /// Rows of a full batch.
    pub batch_size: Option<u32>,
    /// As in [`Config`].
    pub max_wait: Option<Option<Duration>>,
    /// As in [`Config`].
    pub max_parked: Option<Option<usize>>,
}

impl Config {
    /// Elastic, in order of formation, without climbing or a wait bound; capacity 65,536.
    #[must_use]
    pub fn new(batch_size: u32) -> Self {
        Self {
            batch_size,
            capacity: 65_536,
            max_wait: None,
            fill: Fill::default(),
            order: None,
            overrun: Overrun::default(),
            max_parked: None,
            max_bins: None,
            adapt: None,
        }
    }

    /// How many queues there are, with these edges at the start.
    pub(crate) fn queues(&self, edges: &Edges) -> usize {
        let fitted = self.adapt.and_then(|adapt| adapt.bins).unwrap_or(0);
        self.max_bins.unwrap_or(edges.bins().max(fitted))
    }

    /// Whether there can be a scheduler with this capacity and these edges.
    pub(crate) fn check(&self, edges: &Edges) -> Result<(), ConfigError> {
        let Self { batch_size, capacity, .. } = *self;
        if !(1..=MAX_CAPACITY).contains(&capacity) {
            return Err(ConfigError::Capacity(capacity));
        }
        if batch_size as usize > capacity {
            return Err(ConfigError::NeverFull { batch_size, capacity });
        }
        self.check_adapt(self.queues(edges))?;
        match self.max_bins {
            Some(most) if most > Edges::MAX_BINS => Err(ConfigError::MaxBins(most)),
            Some(most) if most < edges.bins() => {
                Err(ConfigError::Bins { bins: edges.bins(), most })
            }
            _ => Ok(()),
        }
    }

    /// Whether fitted edges have room in `most` queues.
    pub(crate) fn check_adapt(&self, most: usize) -> Result<(), ConfigError> {
        let Some(adapt) = self.adapt else { return Ok(()) };
        adapt.check()?;
        match adapt.bins {
            Some(bins) if bins > most => Err(ConfigError::AdaptBins { bins, most }),
            _ => Ok(()),
        }
    }

    /// What it is after a change.
    pub(crate) fn changed(&self, change: &Change) -> Self {
        Self {
            batch_size: change.batch_size.unwrap_or(self.batch_size),
            max_wait: change.max_wait.unwrap_or(self.max_wait),
            max_parked: change.max_parked.unwrap_or(self.max_parked),
            ..self.clone()
        }
    }
}

/// Why there is no scheduler. Each message names the argument and the value.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
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

const MAX_CAPACITY: usize = 1 << 31;

impl Rules {
    /// The rules of a configuration, with what it leaves to its other parts filled in.
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.batch_size == 0 {
            return Err(ConfigError::BatchSize);
        }
        let by_default = match config.overrun {
            Overrun::Finish => Order::Formed,
            Overrun::Climb | Overrun::Recompute => Order::Oldest,
        };
        Ok(Self {
            batch_size: config.batch_size,
            fill: config.fill,
            order: config.order.unwrap_or(by_default),
            overrun: config.overrun,
            max_wait: config.max_wait.map(nanoseconds),
            max_parked: config.max_parked,
        })
    }

    /// Rule 2: passed over once `taken` exceeds `due`, or in its queue for `max_wait`.
    #[inline]
    pub(crate) fn overdue(&self, taken: u64, due: u64, entered: u64, now: u64) -> bool {
        taken > due || self.max_wait.is_some_and(|max| now.saturating_sub(entered) >= max)
    }
}

/// Saturates after 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
