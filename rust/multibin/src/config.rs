//! How a scheduler behaves: what its maker chooses, checked.

use std::time::Duration;

use thiserror::Error;

use crate::edges::Edges;
use crate::waiting::Rank;

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
    /// The lowest one.
    Shortest,
    /// The one whose head has the earliest deadline; bins are then in order of deadlines, those
    /// without one last, and so is what leaves while no bin is full.
    Deadline,
}

/// What happens to a request that is longer than its bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overrun {
    /// The batch runs until its last row is finished (the paper).
    #[default]
    Finish,
    /// Batches have a limit, at which half of their rows are at the ends of their bins; who is
    /// unfinished then enters the bin of its progress.
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
    /// What orders those who wait.
    pub(crate) rank: Rank,
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
    /// of the edges at the start.
    pub max_bins: Option<usize>,
    /// Lets requests have priorities, and says how these age: seconds by which each of a request's
    /// predicted steps puts it off for each unit of its priority. So a request of priority 1 lets
    /// those of priority 0 pass that arrive within `ageing` × its length after it, and no others:
    /// waits are bounded relative to the expected length. Which full bin goes first is then by
    /// default [`Order::Oldest`] by these put-off arrivals; [`Order::Formed`] and
    /// [`Order::Deadline`] are not possible.
    pub ageing: Option<f64>,
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
            ageing: None,
        }
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
        match self.max_bins {
            Some(most) if most > Edges::MAX_BINS => Err(ConfigError::MaxBins(most)),
            Some(most) if most < edges.bins() => {
                Err(ConfigError::Bins { bins: edges.bins(), most })
            }
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
    /// Ageing that is not a number of seconds.
    #[error("ageing: {0} is not a finite number of seconds per step >= 0")]
    Ageing(f64),
    /// Ageing beside another order.
    #[error("ageing: goes with order = oldest or shortest, not with formed or deadline")]
    AgeingOrder,
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
        let order = config.order.unwrap_or(match config.overrun {
            Overrun::Finish if config.ageing.is_none() => Order::Formed,
            _ => Order::Oldest,
        });
        Ok(Self {
            batch_size: config.batch_size,
            fill: config.fill,
            order,
            overrun: config.overrun,
            max_wait: config.max_wait.map(nanoseconds),
            max_parked: config.max_parked,
            rank: rank(order, config.ageing)?,
        })
    }

    /// Whether requests may have priorities.
    pub(crate) fn ages(&self) -> bool {
        matches!(self.rank, Rank::Aged(_))
    }

    /// Rule 1: fewer than 1.6 batches wait.
    #[inline]
    pub(crate) fn few(&self, waiting: usize) -> bool {
        5 * waiting < 8 * self.batch_size as usize
    }

    /// From when on an entry counts as passed over: once more than 1.75·w + 4·B others were served
    /// after the first `taken`, w = `ahead` of which wait now.
    #[inline]
    pub(crate) fn due(&self, taken: u64, ahead: u64) -> u64 {
        match self.fill {
            Fill::Strict => u64::MAX,
            Fill::Elastic => taken + 7 * ahead / 4 + 4 * u64::from(self.batch_size),
        }
    }

    /// Rule 2: passed over once `taken` exceeds `due`, or in its queue for `max_wait`.
    #[inline]
    pub(crate) fn overdue(&self, taken: u64, due: u64, entered: u64, now: u64) -> bool {
        taken > due || self.max_wait.is_some_and(|max| now.saturating_sub(entered) >= max)
    }
}

fn rank(order: Order, ageing: Option<f64>) -> Result<Rank, ConfigError> {
    match (order, ageing) {
        (_, Some(ageing)) if !(ageing >= 0.0 && ageing.is_finite()) => {
            Err(ConfigError::Ageing(ageing))
        }
        (Order::Formed | Order::Deadline, Some(_)) => Err(ConfigError::AgeingOrder),
        (_, Some(ageing)) => Ok(Rank::Aged(ageing * 1e9)),
        (Order::Deadline, None) => Ok(Rank::Deadline),
        (_, None) => Ok(Rank::Ticket),
    }
}

/// Saturates after 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
