//! The parameters of the rules, resolved from a configuration.

use super::load::Load;
use super::waiting::Rank;
use crate::config::{Budget, Config, Fill, Order, Overrun};
use crate::time::nanoseconds;

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

impl Rules {
    /// Resolves the rules of a configuration that was checked.
    pub(crate) fn new(config: &Config) -> Self {
        let (least, largest) = config.extremes();
        let order = config.resolved_order();
        Self {
            batch_size: least,
            largest,
            budget: config.budget,
            max_padding: config.max_padding,
            fill: config.fill,
            order,
            overrun: config.overrun,
            max_wait: config.max_wait.map(nanoseconds),
            max_parked: config.max_parked,
            rank: Rank::new(order, config.ageing),
        }
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
    pub(crate) fn light_load(&self, waiting: usize) -> bool {
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
