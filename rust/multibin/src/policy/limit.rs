//! How far a batch runs, and who climbs then.

use super::former::Former;
use crate::config::Budget;
use crate::config::Overrun;
use crate::request::Row;

/// The last bin has no end.
const OPEN: u32 = u32::MAX;

impl Former {
    /// The bin of a row's predicted length or of its progress, whichever is higher.
    pub(super) fn bin_of(&self, row: &Row) -> usize {
        self.bin(row.length).max(self.edges.bin(row.progress))
    }

    /// Steps that a batch led by `bin` runs at most.
    pub(super) fn limit(&self, bin: usize, rows: &[Row]) -> Option<u32> {
        match self.rules.overrun {
            Overrun::Finish => None,
            Overrun::Climb => self.affordable(self.half(rows), rows),
            // Whoever is cut off starts over, so the leader's bin is run through.
            Overrun::Recompute => self.edges.upper(bin).map(|upper| upper.max(1)),
        }
    }

    /// The limit under which no row grows longer than a padded budget lets it.
    fn affordable(&self, limit: Option<u32>, rows: &[Row]) -> Option<u32> {
        let Some(Budget::Padded(most)) = self.rules.budget else { return limit };
        let oldest = rows.iter().map(|row| row.progress).max()?;
        let longest = u32::try_from(most / rows.len() as u64).unwrap_or(OPEN);
        // Who has outgrown the budget is alone, and goes on as without one.
        let Some(steps) = longest.checked_sub(oldest).filter(|&steps| steps > 0) else {
            return limit;
        };
        Some(limit.map_or(steps, |limit| limit.min(steps))).filter(|&steps| steps != OPEN)
    }

    /// Steps until half of the rows, rounded up, have come to the ends of their bins.
    fn half(&self, rows: &[Row]) -> Option<u32> {
        let middle = rows.len().checked_sub(1)? / 2;
        let mut steps: Vec<u32> = rows.iter().map(|row| self.left(row)).collect();
        let half = *steps.select_nth_unstable(middle).1;
        (half != OPEN).then_some(half)
    }

    /// Steps to the end of a row's bin, at least 1.
    fn left(&self, row: &Row) -> u32 {
        let upper = self.edges.upper(self.bin_of(row));
        upper.map_or(OPEN, |upper| upper.saturating_sub(row.progress).max(1))
    }
}
