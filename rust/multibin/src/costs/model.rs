//! The choice between a formula and a measured table.

use super::batch::{RunningRow, Timing};
use super::error::CostError;
use super::linear::LinearCosts;
use super::table::CostTable;

/// When a request counts as finished.
///
/// ```
/// use multibin::costs::Completion;
///
/// assert_eq!(Completion::default(), Completion::Batch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completion {
    /// When its batch ends (arXiv 2412.04504).
    #[default]
    Batch,
    /// When its row's own last step ends.
    Row,
}

/// How long a batch takes, and when its requests count as finished.
///
/// ```
/// use multibin::costs::{Completion, Costs, LinearCosts};
///
/// let model = LinearCosts { step: 0.02, ..Default::default() }.into();
/// let costs = Costs { model, completes: Completion::Row };
/// assert!(costs.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Costs {
    /// How long a batch takes.
    pub model: CostModel,
    /// When a request counts as finished.
    pub completes: Completion,
}

/// How long a batch takes: a formula or measurements.
///
/// ```
/// use multibin::costs::{CostModel, LinearCosts};
///
/// assert_eq!(CostModel::default(), LinearCosts::default().into());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum CostModel {
    /// A sum of linear terms.
    Linear(LinearCosts),
    /// Measurements on a grid.
    Table(CostTable),
}

impl Default for CostModel {
    fn default() -> Self {
        Self::Linear(LinearCosts::default())
    }
}

impl From<LinearCosts> for CostModel {
    fn from(linear: LinearCosts) -> Self {
        Self::Linear(linear)
    }
}

impl From<CostTable> for CostModel {
    fn from(table: CostTable) -> Self {
        Self::Table(table)
    }
}

impl Costs {
    /// Checks that every coefficient is finite and at least 0. A table was checked when it was
    /// made.
    ///
    /// ```
    /// use multibin::costs::{Costs, LinearCosts};
    ///
    /// let model = LinearCosts { step: f64::NAN, ..Default::default() }.into();
    /// assert!(Costs { model, ..Default::default() }.validate().is_err());
    /// ```
    ///
    /// # Errors
    /// [`CostError`] for the first coefficient that is out of range.
    pub fn validate(&self) -> Result<(), CostError> {
        match &self.model {
            CostModel::Linear(linear) => linear.validate(),
            CostModel::Table(_) => Ok(()),
        }
    }

    /// Computes the times of a batch of these rows. `ends` then holds, by row, when its last step
    /// ends, in seconds after the batch's start.
    ///
    /// ```
    /// use multibin::costs::{Costs, LinearCosts, RunningRow};
    ///
    /// let model = LinearCosts { fixed: 0.5, step: 0.25, ..Default::default() }.into();
    /// let rows = [1, 4].map(|steps| RunningRow { age: 100, steps, new: true, cached: 0 });
    /// let mut ends = Vec::new();
    /// let timing = Costs { model, ..Default::default() }.time(&rows, &mut ends);
    /// assert_eq!((timing.first_token, timing.end), (0.75, 1.5));
    /// assert_eq!(ends, [0.75, 1.5]);
    /// ```
    pub fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        match &self.model {
            CostModel::Linear(linear) => linear.time(rows, ends),
            CostModel::Table(table) => table.time(rows, ends),
        }
    }
}
