//! Where the seconds of a batch come from.

use super::batch::{RunningRow, Timing};
use super::error::CostError;
use super::linear::LinearCosts;
use super::table::CostTable;

/// When a row's answer counts as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completion {
    /// When the batch ends (the paper).
    #[default]
    Batch,
    /// When the row's own last step ends.
    Row,
}

/// Seconds that a batch takes, and when its rows are answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Costs {
    /// How long a batch takes.
    pub model: CostModel,
    /// When a row's answer counts as given.
    pub completes: Completion,
}

/// Where the seconds of a batch come from.
#[derive(Debug, Clone, PartialEq)]
pub enum CostModel {
    /// A sum of linear terms.
    Linear(LinearCosts),
    /// Measurements.
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
    pub(crate) fn check(&self) -> Result<(), CostError> {
        match &self.model {
            CostModel::Linear(linear) => linear.check(),
            // Checked when it was made.
            CostModel::Table(_) => Ok(()),
        }
    }

    /// Times a batch; `ends` receives when each row's last step ends.
    pub(crate) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        match &self.model {
            CostModel::Linear(linear) => linear.time(rows, ends),
            CostModel::Table(table) => table.time(rows, ends),
        }
    }

    /// The same where everything takes `factor` times as long.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let model = match &self.model {
            CostModel::Linear(linear) => linear.scaled(factor).into(),
            CostModel::Table(table) => table.scaled(factor).into(),
        };
        Self { model, completes: self.completes }
    }

    /// The same where rows that have their state need not be taken up.
    pub(crate) fn without_moves(&self) -> Self {
        let model = match &self.model {
            CostModel::Linear(linear) => LinearCosts { moved_row: 0.0, ..*linear }.into(),
            CostModel::Table(table) => table.without_moves().into(),
        };
        Self { model, completes: self.completes }
    }

    /// The same where nothing is paid for the batch itself; a table has no such part.
    pub(crate) fn without_start(&self) -> Self {
        let model = match &self.model {
            CostModel::Linear(linear) => LinearCosts { fixed: 0.0, ..*linear }.into(),
            CostModel::Table(table) => table.clone().into(),
        };
        Self { model, completes: self.completes }
    }
}
