//! How many tokens the KV caches of a batch's rows hold.

use crate::costs::{Completion, RunningRow};

/// Computes the most tokens that rows which start together hold at one time.
///
/// A row holds its age and one token more after each of its steps. Between the ends of two rows
/// the sum only grows. So the most is reached when a row has done its last step.
#[derive(Debug, Clone, Default)]
pub(super) struct PeakTokens {
    /// Scratch space: steps and age of each row.
    rows: Vec<(u32, u32)>,
}

impl PeakTokens {
    /// Returns the most tokens at one time, or `before` if that is more. A row holds its tokens
    /// until it completes.
    pub(super) fn of(&mut self, rows: &[RunningRow], completes: Completion, before: u64) -> u64 {
        // What they would hold if none left before the others.
        let all = rows.iter().map(|row| u64::from(row.age) + u64::from(row.steps)).sum();
        match completes {
            _ if all <= before => before,
            Completion::Batch => all,
            Completion::Row => self.of_leaving(rows).max(before),
        }
    }

    /// Returns the most tokens of rows that leave after their own last step.
    fn of_leaving(&mut self, rows: &[RunningRow]) -> u64 {
        self.rows.clear();
        self.rows.extend(rows.iter().map(|row| (row.steps, row.age)));
        self.rows.sort_unstable_by(|a, b| b.cmp(a));
        let (mut ages, mut most) = (0, 0);
        for (live, &(steps, age)) in (1..).zip(&self.rows) {
            ages += u64::from(age);
            most = most.max(ages + live * u64::from(steps));
        }
        most
    }
}
