//! What may change while requests flow.

use std::time::Duration;

use super::budget::Budget;
use super::scheduler::Config;
use crate::edges::Edges;

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
