//! What a batch costs, and when it is full.

use crate::config::Budget;
use crate::request::Row;

/// When a bin holds a batch: so many rows, or its next row would not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full {
    pub(crate) rows: u32,
    pub(crate) budget: Option<Budget>,
}

/// Sums over the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    rows: u64,
    longest: u64,
    steps: u64,
    cost: u64,
}

impl Load {
    pub(crate) const EMPTY: Self = Self { rows: 0, longest: 0, steps: 0, cost: 0 };

    /// With one row more.
    pub(crate) fn with(self, row: &Row) -> Self {
        let steps = u64::from(row.length).max(u64::from(row.progress) + 1);
        Self {
            rows: self.rows + 1,
            longest: self.longest.max(steps),
            steps: self.steps + steps,
            cost: self.cost + u64::from(row.cost),
        }
    }

    /// A single row always fits: it would wait for ever.
    pub(crate) fn fits(&self, budget: Option<Budget>) -> bool {
        self.rows <= 1
            || match budget {
                None => true,
                Some(Budget::Padded(most)) => self.rows.saturating_mul(self.longest) <= most,
                Some(Budget::Sum(most)) => self.cost <= most,
            }
    }

    /// The share of the slots' steps in which a slot waits for the longest row, by prediction.
    pub(crate) fn padding(&self) -> f64 {
        1.0 - self.steps as f64 / (self.rows as f64 * self.longest as f64)
    }
}
