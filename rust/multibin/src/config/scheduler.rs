//! The configuration of a scheduler.

use std::sync::Arc;
use std::time::Duration;

use super::adapt::Adapt;
use super::budget::Budget;
use super::choices::{Fill, Order, Overrun};
use crate::costs::BatchTimes;
use crate::edges::Edges;

/// The configuration of a scheduler.
///
/// A later version may add fields: name those that you set and take the others from
/// [`Config::new`]. So the type is not `#[non_exhaustive]`, which forbids this syntax. A builder
/// would only repeat every field as a method.
///
/// ```
/// use multibin::{Config, Fill};
///
/// let config = Config { fill: Fill::Strict, capacity: 1_000, ..Config::new(32) };
/// assert_eq!((config.batch_size, config.capacity), (32, 1_000));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Rows of a full batch.
    pub batch_size: u32,
    /// Rows of a full batch in each bin, instead of `batch_size`: one for each of `max_bins`. A
    /// batch of several bins has at most the smallest of their sizes.
    pub batch_sizes: Option<Vec<u32>>,
    /// Bound of a batch's cost. A bin is also full if its next row would exceed it. A request that
    /// exceeds it alone is refused. A batch takes no row that would exceed it.
    pub budget: Option<Budget>,
    /// Largest share of padding, 0 to 1, in a batch with rows of other bins than the leader's. It
    /// is a share of slots × steps, by predictions. Unset: no bound.
    pub max_padding: Option<f64>,
    /// Limit of requests that wait or are leased.
    pub capacity: usize,
    /// Wait since a request last entered a queue after which it is overdue.
    pub max_wait: Option<Duration>,
    /// Rule while no bin is full.
    pub fill: Fill,
    /// Order of full bins; by default `Formed`, and `Oldest` with climbing or ageing.
    pub order: Option<Order>,
    /// Rule for a request that outlives its bin.
    pub overrun: Overrun,
    /// Bound of the parked state. While so many climbers wait, a worker that may take one starts no
    /// new request.
    ///
    /// Exceptions are an overdue request that leads and, with [`Fill::Strict`], climbers that make
    /// no batch. A climber is never refused.
    pub max_parked: Option<usize>,
    /// Number of queues, and so the largest number of bins that edges may ever have. By default the
    /// bins of the first edges, or those of `adapt` if it may have more.
    pub max_bins: Option<usize>,
    /// Priority ageing, in seconds per step; lets requests have priorities.
    ///
    /// A request is ordered as if it had arrived `priority × length × ageing` seconds later. So a
    /// request of priority 1 lets those of priority 0 pass that arrive within `ageing` × its length
    /// after it, and no others. Waits stay bounded relative to the expected length.
    ///
    /// By default, full bins are then served by these later arrivals ([`Order::Oldest`]).
    /// [`Order::Formed`] and [`Order::Deadline`] are refused.
    pub ageing: Option<f64>,
    /// Settings of edges that follow the traffic and of a gate that watches the predictions.
    pub adapt: Option<Adapt>,
    /// Seconds of a batch by its rows and its longest length, by which batches are cut. The oldest
    /// request leads: with its bin if that is full, else with its part of the best cut of what
    /// waits nearby. `order` then chooses no bin.
    ///
    /// [`Fill::Strict`], [`Overrun::Climb`] and [`Overrun::Recompute`] are refused.
    pub costs: Option<Arc<BatchTimes>>,
}

impl Config {
    /// Returns elastic batches in order of formation, without climbing or a wait bound, and a
    /// capacity of 65,536.
    ///
    /// ```
    /// assert_eq!(multibin::Config::new(8).capacity, 65_536);
    /// ```
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
            costs: None,
        }
    }

    /// Returns the number of queues, with `edges` as the first ones.
    pub(crate) fn queues(&self, edges: &Edges) -> usize {
        let fitted = self.adapt.and_then(|adapt| adapt.bins).unwrap_or(0);
        self.max_bins.unwrap_or(edges.bins().max(fitted))
    }

    /// Returns the order of full bins, with the default filled in.
    pub(crate) fn resolved_order(&self) -> Order {
        self.order.unwrap_or(match self.overrun {
            Overrun::Finish if self.ageing.is_none() => Order::Formed,
            _ => Order::Oldest,
        })
    }

    /// Returns the smallest and the largest batch size.
    pub(crate) fn extremes(&self) -> (u32, u32) {
        let sizes = self.batch_sizes.as_deref().unwrap_or(std::slice::from_ref(&self.batch_size));
        let (min, max) = (sizes.iter().min(), sizes.iter().max());
        (min.copied().unwrap_or(0), max.copied().unwrap_or(0))
    }

    /// Returns the batch size of each bin; the number of queues was checked.
    pub(crate) fn sizes(&self, queues: usize) -> Box<[u32]> {
        self.batch_sizes.clone().unwrap_or_else(|| vec![self.batch_size; queues]).into()
    }
}
