//! The parameters of the rules, resolved from a configuration.

use super::batch_cost::BatchCost;
use super::waiting::Ranking;
use crate::config::{Budget, Config, Fill, Order, Overrun};
use crate::time::nanoseconds;

/// The rules of one former.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Rows of a full batch, of all bins the fewest.
    pub(crate) min_batch_size: u32,
    /// Rows of a full batch, of all bins the most.
    pub(crate) max_batch_size: u32,
    pub(crate) budget: Option<Budget>,
    /// The highest share of padding to which rows of other bins than the leader's may join.
    pub(crate) max_padding: Option<f64>,
    pub(crate) fill: Fill,
    pub(crate) order: Order,
    pub(crate) overrun: Overrun,
    /// Nanoseconds after its last entry from which a request is overdue.
    pub(crate) max_wait: Option<u64>,
    /// While so many climbers wait, no request starts.
    pub(crate) max_parked: Option<usize>,
    /// What orders the waiting requests.
    pub(crate) ranking: Ranking,
}

impl Rules {
    /// Resolves the rules of a configuration that was checked.
    pub(crate) fn new(config: &Config) -> Self {
        let (min_batch_size, max_batch_size) = config.extremes();
        // With costs no bin is chosen because it is full.
        let order = match config.resolved_order() {
            Order::Formed if config.costs.is_some() => Order::Oldest,
            order => order,
        };
        Self {
            min_batch_size,
            max_batch_size,
            budget: config.budget,
            max_padding: config.max_padding,
            fill: config.fill,
            order,
            overrun: config.overrun,
            max_wait: config.max_wait.map(nanoseconds),
            max_parked: config.max_parked,
            ranking: Ranking::new(order, config.ageing),
        }
    }

    /// Returns the rank of a bin among the full ones, below `u64::MAX`: the lowest leads. `head` is
    /// the rank of its head. `completed` is the sequence number of the entry that made the bin
    /// full, and 0 unless the order is `Formed`.
    #[inline]
    pub(crate) fn full_rank(&self, bin: usize, completed: u64, head: u64) -> u64 {
        match self.order {
            Order::Formed => completed,
            Order::Oldest | Order::Deadline => head,
            Order::Shortest => bin as u64,
        }
    }

    /// Returns true if a batch may cost this much. `of_leaders_bin`: its last row comes from the
    /// leader's bin.
    pub(crate) fn fits(&self, cost: &BatchCost, of_leaders_bin: bool) -> bool {
        cost.fits(self.budget)
            && (of_leaders_bin || self.max_padding.is_none_or(|max| cost.padding() <= max))
    }

    /// Returns true if a row may not fit although there is a slot for it.
    pub(crate) fn bounds_cost(&self) -> bool {
        self.budget.is_some() || self.max_padding.is_some()
    }

    /// Returns true if requests may have priorities.
    pub(crate) fn ages(&self) -> bool {
        matches!(self.ranking, Ranking::Aged(_))
    }

    /// Returns true if rule 1 applies.
    #[inline]
    pub(crate) fn is_light_load(&self, waiting: usize) -> bool {
        is_light_load(waiting, self.min_batch_size as usize)
    }

    /// Returns the bypass bound of an entry: it is overdue once more rows than this have been taken
    /// in all. `taken` were before it entered, and `ahead` waited then. So 1.75 · `ahead` + 4 · B
    /// rows may be taken after it entered.
    #[inline]
    pub(crate) fn bypass_bound(&self, taken: u64, ahead: u64) -> u64 {
        match self.fill {
            Fill::Strict => u64::MAX,
            Fill::Elastic => taken + 7 * ahead / 4 + 4 * u64::from(self.min_batch_size),
        }
    }

    /// Returns true if an entry is overdue (rule 2): bypassed once `taken` exceeds its bound, or in
    /// its queue for `max_wait`.
    #[inline]
    pub(crate) fn is_overdue(&self, taken: u64, bypass_bound: u64, entered: u64, now: u64) -> bool {
        taken > bypass_bound || self.max_wait.is_some_and(|max| now.saturating_sub(entered) >= max)
    }
}

/// Returns true under light load: fewer than 1.6 batches wait.
#[inline]
pub(crate) fn is_light_load(waiting: usize, batch_size: usize) -> bool {
    5 * waiting < 8 * batch_size
}
