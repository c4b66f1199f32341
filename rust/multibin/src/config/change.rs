//! Changes of a configuration while requests flow.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::scheduler::Config;
use crate::costs::BatchTimes;
use crate::edges::Edges;

/// The settings that [`Scheduler::reconfigure`](crate::Scheduler::reconfigure) changes; the others
/// stay.
///
/// A later version may add fields: name those that you set and take the others from
/// [`Change::default`]. So the type is not `#[non_exhaustive]`, which forbids this syntax.
///
/// ```
/// use multibin::{Change, Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, Config::new(8))?;
/// scheduler.reconfigure(&Change { batch_size: Some(16), ..Change::default() })?;
/// assert_eq!(scheduler.config().batch_size, 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Map from lengths to bins for requests that enter later. Waiting requests stay in their bins.
    pub edges: Option<Edges>,
    /// Rows of a full batch, in all bins.
    pub batch_size: Option<u32>,
    /// Rows of a full batch in each bin, one for each queue.
    pub batch_sizes: Option<Vec<u32>>,
    /// Bound of a batch's cost; the kind of budget stays. A waiting request above it leaves alone.
    pub budget: Option<u64>,
    /// Wait after which a request is overdue.
    pub max_wait: Setting<Duration>,
    /// Number of waiting climbers from which a worker starts no new request.
    pub max_parked: Setting<usize>,
    /// Seconds of a batch, by which batches are cut.
    pub costs: Setting<Arc<BatchTimes>>,
}

/// The change of a setting that may be unset.
///
/// ```
/// use std::time::Duration;
/// use multibin::{Change, Config, Edges, Scheduler, Setting};
///
/// let config = Config { max_wait: Some(Duration::from_millis(5)), ..Config::new(8) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, config)?;
/// scheduler.reconfigure(&Change { max_wait: Setting::Unset, ..Change::default() })?;
/// assert_eq!(scheduler.config().max_wait, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting<T> {
    /// Leaves the setting unchanged.
    #[default]
    Keep,
    /// Unsets it.
    Unset,
    /// Sets it to this value.
    Set(T),
}

impl<T> Setting<T> {
    /// Returns the setting after the change, from the `current` one.
    ///
    /// ```
    /// use multibin::Setting;
    ///
    /// assert_eq!(Setting::Keep.apply(Some(1)), Some(1));
    /// assert_eq!(Setting::Unset.apply(Some(1)), None);
    /// assert_eq!(Setting::Set(2).apply(Some(1)), Some(2));
    /// ```
    #[must_use]
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Unset => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl Config {
    /// Returns the configuration after a change.
    pub(crate) fn changed(&self, change: &Change) -> Self {
        let same_for_all = change.batch_size.is_some();
        let sizes = self.batch_sizes.clone().filter(|_| !same_for_all);
        let max_cost = |budget: Budget| change.budget.map_or(budget, |max| budget.with_max(max));
        Self {
            batch_size: change.batch_size.unwrap_or(self.batch_size),
            batch_sizes: change.batch_sizes.clone().or(sizes),
            budget: self.budget.map(max_cost),
            max_wait: change.max_wait.apply(self.max_wait),
            max_parked: change.max_parked.apply(self.max_parked),
            costs: change.costs.clone().apply(self.costs.clone()),
            ..self.clone()
        }
    }
}
