//! How long a batch takes.

mod linear;
mod table;

use super::SimulateError;

pub use linear::Linear;
pub use table::{Counts, Measured, Table, TableError};

/// When a row's answer counts as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// When the batch ends (the paper).
    #[default]
    Batch,
    /// When the row's own last step ends.
    Row,
}

/// Seconds that a batch takes, and when its rows are answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Service {
    /// How long a batch takes.
    pub cost: Cost,
    /// When a row's answer counts as given.
    pub answer: Answer,
}

/// Where the seconds of a batch come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Cost {
    /// A sum of linear terms.
    Linear(Linear),
    /// Measurements.
    Table(Table),
}

impl Default for Cost {
    fn default() -> Self {
        Self::Linear(Linear::default())
    }
}

impl From<Linear> for Cost {
    fn from(linear: Linear) -> Self {
        Self::Linear(linear)
    }
}

impl From<Table> for Cost {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

/// A row while its batch runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunningRow {
    /// Tokens that it has when the batch starts: its prompt and those generated.
    pub(super) age: u32,
    /// Steps that it runs in this batch.
    pub(super) steps: u32,
    /// Whether it starts here, so that its prompt is to be read.
    pub(super) new: bool,
}

/// When things happen in a batch, in seconds after its start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    /// The first token of new rows.
    pub(super) first: f64,
    /// The batch ends.
    pub(super) end: f64,
}

impl Service {
    pub(super) fn check(&self) -> Result<(), SimulateError> {
        match &self.cost {
            Cost::Linear(linear) => linear.check(),
            // Checked when it was made.
            Cost::Table(_) => Ok(()),
        }
    }

    /// Times a batch; `ends` receives when each row's last step ends.
    pub(super) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        match &self.cost {
            Cost::Linear(linear) => linear.time(rows, ends),
            Cost::Table(table) => table.time(rows, ends),
        }
    }

    /// The same where everything takes `factor` times as long.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        let cost = match &self.cost {
            Cost::Linear(linear) => linear.scaled(factor).into(),
            Cost::Table(table) => table.scaled(factor).into(),
        };
        Self { cost, answer: self.answer }
    }

    /// The same where rows that have their state need not be taken up.
    pub(super) fn without_moves(&self) -> Self {
        let cost = match &self.cost {
            Cost::Linear(linear) => Linear { moved_row: 0.0, ..*linear }.into(),
            Cost::Table(table) => table.without_moves().into(),
        };
        Self { cost, answer: self.answer }
    }

    /// The same where nothing is paid for the batch itself; a table has no such part.
    pub(super) fn without_start(&self) -> Self {
        let cost = match &self.cost {
            Cost::Linear(linear) => Linear { fixed: 0.0, ..*linear }.into(),
            Cost::Table(table) => table.clone().into(),
        };
        Self { cost, answer: self.answer }
    }
}
