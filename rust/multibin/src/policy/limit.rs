//! How many steps a batch runs, and where its unfinished rows climb to.

use super::former::Former;
use crate::config::{Budget, Overrun};
use crate::request::Row;

/// The last bin has no end.
const OPEN: u32 = u32::MAX;

impl Former {
    /// Returns the bin of a row's predicted length or of its progress, the higher of the two.
    pub(super) fn bin_of(&self, row: &Row) -> usize {
        self.bin(row.length).max(self.edges.bin(row.progress))
    }

    /// Returns the most steps that a batch led by `bin` runs.
    pub(super) fn limit(&self, bin: usize, rows: &[Row]) -> Option<u32> {
        match self.rules.overrun {
            Overrun::Finish => None,
            Overrun::Climb => self.within_budget(self.half(rows), rows),
            // A row that is cut off restarts, so the leader's bin is run through.
            Overrun::Recompute => self.edges.upper(bin).map(|upper| upper.max(1)),
        }
    }

    /// Returns the limit under which no row grows longer than a padded budget lets it.
    fn within_budget(&self, limit: Option<u32>, rows: &[Row]) -> Option<u32> {
        let Some(Budget::Padded(max)) = self.rules.budget else { return limit };
        let oldest = rows.iter().map(|row| row.progress).max()?;
        let longest = u32::try_from(max / rows.len() as u64).unwrap_or(OPEN);
        // A row that has outgrown the budget is alone, and continues as without one.
        let Some(steps) = longest.checked_sub(oldest).filter(|&steps| steps > 0) else {
            return limit;
        };
        Some(limit.map_or(steps, |limit| limit.min(steps))).filter(|&steps| steps != OPEN)
    }

    /// Returns the steps until half of the rows, rounded up, have come to the ends of their bins.
    fn half(&self, rows: &[Row]) -> Option<u32> {
        let middle = rows.len().checked_sub(1)? / 2;
        let mut steps: Vec<u32> = rows.iter().map(|row| self.steps_left(row)).collect();
        let half = *steps.select_nth_unstable(middle).1;
        (half != OPEN).then_some(half)
    }

    /// Returns the steps to the end of a row's bin, at least 1.
    fn steps_left(&self, row: &Row) -> u32 {
        let upper = self.edges.upper(self.bin_of(row));
        upper.map_or(OPEN, |upper| upper.saturating_sub(row.progress).max(1))
    }
}
