//! How a scheduler behaves: what its maker chooses, checked.

use std::time::Duration;

use super::adapt::Adapt;
use super::budget::Budget;
use super::error::ConfigError;
use crate::edges::Edges;

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
        self.check_numbers()?;
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

    /// Refuses numbers that no scheduler may have.
    pub(crate) fn check_numbers(&self) -> Result<(), ConfigError> {
        if self.extremes().0 == 0 {
            return Err(ConfigError::BatchSize);
        }
        if self.budget.is_some_and(|budget| budget.most() == 0) {
            return Err(ConfigError::Budget(0));
        }
        if let Some(share) = self.max_padding.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(ConfigError::MaxPadding(share));
        }
        match (self.resolved_order(), self.ageing) {
            (_, Some(ageing)) if !(ageing >= 0.0 && ageing.is_finite()) => {
                Err(ConfigError::Ageing(ageing))
            }
            (Order::Formed | Order::Deadline, Some(_)) => Err(ConfigError::AgeingOrder),
            _ => Ok(()),
        }
    }

    /// Returns which full bin goes first, with the default filled in.
    pub(crate) fn resolved_order(&self) -> Order {
        self.order.unwrap_or(match self.overrun {
            Overrun::Finish if self.ageing.is_none() => Order::Formed,
            _ => Order::Oldest,
        })
    }

    /// The least and the largest rows of a full batch.
    pub(crate) fn extremes(&self) -> (u32, u32) {
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
}

/// Places are numbered by 32 bits, and holes take as many as entries.
pub(super) const MAX_CAPACITY: usize = 1 << 30;
