//! Checks of a configuration.

use super::choices::{Fill, Order, Overrun};
use super::error::ConfigError;
use super::limits::MAX_CAPACITY;
use super::scheduler::Config;
use crate::edges::Edges;

impl Config {
    /// Refuses numbers that are out of range for a scheduler with these edges.
    ///
    /// Allocates nothing, so it does not check whether the memory suffices.
    ///
    /// ```
    /// use multibin::{Config, ConfigError, Edges};
    ///
    /// let config = Config { capacity: 4, ..Config::new(8) };
    /// let refused = config.validate(&Edges::new(&[0, 32])?);
    /// assert_eq!(refused, Err(ConfigError::NeverFull { batch_size: 8, capacity: 4 }));
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] if a number is out of range.
    pub fn validate(&self, edges: &Edges) -> Result<(), ConfigError> {
        self.check_numbers()?;
        self.check(edges)
    }

    /// Refuses sizes that are out of range for a scheduler with these edges. Must come before any
    /// allocation of these sizes.
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
            Some(max) if max > Edges::MAX_BINS => Err(ConfigError::MaxBins(max)),
            Some(max) if max < edges.bins() => Err(ConfigError::Bins { bins: edges.bins(), max }),
            _ => Ok(()),
        }
    }

    /// Refuses numbers that no scheduler may have.
    pub(crate) fn check_numbers(&self) -> Result<(), ConfigError> {
        if self.extremes().0 == 0 {
            return Err(ConfigError::BatchSize);
        }
        if self.budget.is_some_and(|budget| budget.max() == 0) {
            return Err(ConfigError::Budget(0));
        }
        if let Some(share) = self.max_padding.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(ConfigError::MaxPadding(share));
        }
        self.check_costs()?;
        match (self.resolved_order(), self.ageing) {
            (_, Some(ageing)) if !(ageing >= 0.0 && ageing.is_finite()) => {
                Err(ConfigError::Ageing(ageing))
            }
            (Order::Formed | Order::Deadline, Some(ageing)) => {
                Err(ConfigError::AgeingOrder(ageing))
            }
            _ => Ok(()),
        }
    }

    /// Refuses costs beside choices that do not let the oldest request lead at once.
    fn check_costs(&self) -> Result<(), ConfigError> {
        match (&self.costs, self.fill, self.overrun) {
            (Some(_), Fill::Strict, _) => Err(ConfigError::CostsFill),
            (Some(_), _, Overrun::Climb | Overrun::Recompute) => Err(ConfigError::CostsOverrun),
            _ => Ok(()),
        }
    }

    /// Refuses fitted edges with more bins than queues.
    fn check_adapt(&self, queues: usize) -> Result<(), ConfigError> {
        match self.adapt.and_then(|adapt| adapt.bins) {
            Some(bins) if bins > queues => Err(ConfigError::AdaptBins { bins, max: queues }),
            _ => Ok(()),
        }
    }
}
