//! What a batch costs, and when it is full.

use crate::config::Budget;
use crate::request::Row;

/// When a bin holds a batch: so many rows, or its next row would not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FullRule {
    pub(crate) rows: u32,
    pub(crate) budget: Option<Budget>,
}

/// The [`FullRule`] of each bin.
#[derive(Debug)]
pub(crate) struct FullRules {
    /// Rows of a full batch, by bin.
    sizes: Box<[u32]>,
    budget: Option<Budget>,
}

impl FullRules {
    pub(crate) fn new(sizes: Box<[u32]>, budget: Option<Budget>) -> Self {
        Self { sizes, budget }
    }

    /// Returns when `bin` holds a batch.
    #[inline]
    pub(crate) fn of(&self, bin: usize) -> FullRule {
        FullRule { rows: self.sizes[bin], budget: self.budget }
    }

    /// Returns the rows of a full batch of `bin`.
    #[inline]
    pub(crate) fn rows(&self, bin: usize) -> usize {
        self.sizes[bin] as usize
    }
}

/// Sums over the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchCost {
    rows: u64,
    longest: u64,
    steps: u64,
    cost: u64,
}

impl BatchCost {
    pub(crate) const EMPTY: Self = Self { rows: 0, longest: 0, steps: 0, cost: 0 };

    /// Returns the cost with one row more.
    pub(crate) fn with(self, row: &Row) -> Self {
        let steps = u64::from(row.length).max(u64::from(row.progress) + 1);
        Self {
            rows: self.rows + 1,
            longest: self.longest.max(steps),
            steps: self.steps + steps,
            cost: self.cost + u64::from(row.cost),
        }
    }

    /// Returns true if the batch is within a budget. A single row always is: it would wait forever.
    pub(crate) fn fits(&self, budget: Option<Budget>) -> bool {
        self.rows <= 1
            || match budget {
                None => true,
                Some(Budget::Padded(max)) => self.rows.saturating_mul(self.longest) <= max,
                Some(Budget::Sum(max)) => self.cost <= max,
            }
    }

    /// Returns the share of the slots' steps in which a slot waits for the longest row, by
    /// prediction.
    pub(crate) fn padding(&self) -> f64 {
        1.0 - self.steps as f64 / (self.rows as f64 * self.longest as f64)
    }
}
