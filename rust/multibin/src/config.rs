//! How a scheduler behaves: what its maker chooses, checked.

use std::time::Duration;

use thiserror::Error;

use crate::adapt::{Adapt, AdaptError};
use crate::edges::Edges;
use crate::load::{Budget, Load};
use crate::waiting::Rank;

/// What happens while no bin holds a full batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fill {
    /// The oldest request leads, topped up from the nearest bins; nobody waits for a full bin.
    #[default]
    Elastic,
    /// Nothing leaves (Algorithm 1 of arXiv 2412.04504).
    Strict,
}

/// Which of several full bins goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// Of all bins the least.
    pub(crate) batch_size: u32,
    /// Of all bins the largest.
    pub(crate) largest: u32,
    pub(crate) budget: Option<Budget>,
    /// The most that rows of other bins than the leader's may make others wait.
    pub(crate) max_padding: Option<f64>,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Rows of a full batch.
    pub batch_size: u32,
    /// Rows of a full batch in each bin, in the place of `batch_size`: one for each of `max_bins`. A
    /// batch of several bins has at most as many rows as the least of theirs.
    pub batch_sizes: Option<Vec<u32>>,
    /// Bounds what a batch costs. A bin is full as well when its next row would not fit, and a
    /// batch takes nobody who does not. A request that does not fit alone is refused.
    pub budget: Option<Budget>,
    /// The share of a batch's slots × steps, 0 to 1 and by predictions, that may be padding where
    /// rows of other bins than the leader's join; without it they always may.
    pub max_padding: Option<f64>,
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
    /// no request that has not started, but for an overdue one that leads, and with [`Fill::Strict`] where
    /// climbers hold no batch. A climber is never refused.
    pub max_parked: Option<usize>,
    /// The most bins that edges may ever have, as the number of queues is fixed; by default those
    /// of the edges at the start, or of `adapt` if it may have more.
    pub max_bins: Option<usize>,
    /// Lets requests have priorities, and says how these age: seconds by which each of a request's
    /// predicted steps puts it off for each unit of its priority. So a request of priority 1 lets
    /// those of priority 0 pass that arrive within `ageing` × its length after it, and no others:
    /// waits are bounded relative to the expected length. Which full bin goes first is then by
    /// default [`Order::Oldest`] by these put-off arrivals; [`Order::Formed`] and
    /// [`Order::Deadline`] are not possible.
    pub ageing: Option<f64>,
    /// Whether and how edges follow the traffic and a gate watches the predictions.
    pub adapt: Option<Adapt>,
}

/// What [`Scheduler::reconfigure`](crate::Scheduler::reconfigure) changes; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Which bin a length belongs to. Who waits stays where it is.
    pub edges: Option<Edges>,
    /// Rows of a full batch, in all bins.
    pub batch_size: Option<u32>,
    /// As in [`Config`].
    pub batch_sizes: Option<Vec<u32>>,
    /// As in [`Config`]; the kind of budget stays. Who waits and does not fit leaves alone.
    pub budget: Option<u64>,
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
            batch_sizes: None,
            budget: None,
            max_padding: None,
            capacity: 65_536,
            max_wait: None,
            fill: Fill::default(),
            order: None,
            overrun: Overrun::default(),
            max_parked: None,
            max_bins: None,
            ageing: None,
            adapt: None,
        }
    }

    /// Refuses what is out of range for a scheduler with these edges, as long as there is the memory.
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of range.
    pub fn validate(&self, edges: &Edges) -> Result<(), ConfigError> {
        Rules::new(self)?;
        self.check(edges)
    }

    /// How many queues there are, with these edges at the start.
    pub(crate) fn queues(&self, edges: &Edges) -> usize {
        let fitted = self.adapt.and_then(|adapt| adapt.bins).unwrap_or(0);
        self.max_bins.unwrap_or(edges.bins().max(fitted))
    }

    /// Refuses sizes that are not possible for a scheduler with these edges, before anything is
    /// allocated by them.
    pub(crate) fn check(&self, edges: &Edges) -> Result<(), ConfigError> {
        self.check_bins(edges)?;
        let queues = self.queues(edges);
        self.check_adapt(queues)?;
        if let Some(sizes) = &self.batch_sizes
            && sizes.len() != queues
        {
            return Err(ConfigError::Sizes { sizes: sizes.len(), queues });
        }
        let (capacity, (_, batch_size)) = (self.capacity, self.extremes());
        if !(1..=MAX_CAPACITY).contains(&capacity) {
            return Err(ConfigError::Capacity(capacity));
        }
        if batch_size as usize > capacity {
            return Err(ConfigError::NeverFull { batch_size, capacity });
        }
        Ok(())
    }

    fn check_bins(&self, edges: &Edges) -> Result<(), ConfigError> {
        if let Some(adapt) = self.adapt {
            adapt.check()?;
        }
        match self.max_bins {
            Some(most) if most > Edges::MAX_BINS => Err(ConfigError::MaxBins(most)),
            Some(most) if most < edges.bins() => {
                Err(ConfigError::Bins { bins: edges.bins(), most })
            }
            _ => Ok(()),
        }
    }

    /// The least and the largest rows of a full batch.
    fn extremes(&self) -> (u32, u32) {
        let sizes = self.batch_sizes.as_deref().unwrap_or(std::slice::from_ref(&self.batch_size));
        let (least, largest) = (sizes.iter().min(), sizes.iter().max());
        (least.copied().unwrap_or(0), largest.copied().unwrap_or(0))
    }

    /// Rows of a full batch, by bin; the number of queues was checked.
    pub(crate) fn sizes(&self, queues: usize) -> Box<[u32]> {
        self.batch_sizes.clone().unwrap_or_else(|| vec![self.batch_size; queues]).into()
    }

    /// Whether fitted edges have room in `most` queues.
    fn check_adapt(&self, most: usize) -> Result<(), ConfigError> {
        match self.adapt.and_then(|adapt| adapt.bins) {
            Some(bins) if bins > most => Err(ConfigError::AdaptBins { bins, most }),
            _ => Ok(()),
        }
    }

    /// What it is after a change.
    pub(crate) fn changed(&self, change: &Change) -> Self {
        let same_for_all = change.batch_size.is_some();
        let sizes = self.batch_sizes.clone().filter(|_| !same_for_all);
        let budget = match (self.budget, change.budget) {
            (Some(Budget::Padded(_)), Some(most)) => Some(Budget::Padded(most)),
            (Some(Budget::Sum(_)), Some(most)) => Some(Budget::Sum(most)),
            (budget, _) => budget,
        };
        Self {
            batch_size: change.batch_size.unwrap_or(self.batch_size),
            batch_sizes: change.batch_sizes.clone().or(sizes),
            budget,
            max_wait: change.max_wait.unwrap_or(self.max_wait),
            max_parked: change.max_parked.unwrap_or(self.max_parked),
            ..self.clone()
        }
    }
}

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

/// Places are numbered by 32 bits, and holes take as many as entries.
const MAX_CAPACITY: usize = 1 << 30;

impl Rules {
    /// The rules of a configuration, with what it leaves to its other parts filled in.
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let (least, largest) = config.extremes();
        if least == 0 {
            return Err(ConfigError::BatchSize);
        }
        if config.budget.is_some_and(|budget| budget.most() == 0) {
            return Err(ConfigError::Budget(0));
        }
        if let Some(share) = config.max_padding.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(ConfigError::MaxPadding(share));
        }
        let order = config.order.unwrap_or(match config.overrun {
            Overrun::Finish if config.ageing.is_none() => Order::Formed,
            _ => Order::Oldest,
        });
        Ok(Self {
            batch_size: least,
            largest,
            budget: config.budget,
            max_padding: config.max_padding,
            fill: config.fill,
            order,
            overrun: config.overrun,
            max_wait: config.max_wait.map(nanoseconds),
            max_parked: config.max_parked,
            rank: rank(order, config.ageing)?,
        })
    }

    /// The place of a bin among those that are full, from when it was and its head's rank.
    #[inline]
    pub(crate) fn place(&self, bin: usize, formed: u64, rank: u64) -> u64 {
        match self.order {
            Order::Formed => formed,
            Order::Oldest | Order::Deadline => rank,
            Order::Shortest => bin as u64,
        }
    }

    /// Whether a batch may hold this, its last row being of the leader's bin or not.
    pub(crate) fn fits(&self, load: &Load, leaders: bool) -> bool {
        load.fits(self.budget)
            && (leaders || self.max_padding.is_none_or(|most| load.padding() <= most))
    }

    /// Whether a row may not fit although there is a slot for it.
    pub(crate) fn limited(&self) -> bool {
        self.budget.is_some() || self.max_padding.is_some()
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
