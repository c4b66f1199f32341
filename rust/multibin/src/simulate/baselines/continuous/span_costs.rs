//! How long a span takes.

use super::slot::Slot;
use crate::costs::{Completion, Costs, RunningRow, Timing};

/// How long a span takes.
pub(super) struct SpanCosts {
    /// Costs of the spans that a request joins.
    joined: Costs,
    /// Costs of the other spans.
    unjoined: Costs,
    /// Steps between refills.
    pub(super) chunk: u32,
}

impl SpanCosts {
    pub(super) fn new(costs: &Costs, chunk: u32) -> Self {
        // Rows that stay in their slots do not move.
        let joined = costs.without_moves();
        Self { unjoined: joined.without_fixed(), joined, chunk }
    }

    /// Returns the steps until the first end of a chunk at which one of the rows has ended.
    pub(super) fn steps(&self, slots: &[Slot]) -> u32 {
        let left = slots.iter().map(|slot| slot.left);
        let first = left.clone().min().unwrap_or(0);
        let chunks = u64::from(first.div_ceil(self.chunk)) * u64::from(self.chunk);
        chunks.min(u64::from(left.max().unwrap_or(0))) as u32
    }

    /// Computes the times of a span. `ends` then holds when each row's last step ends.
    pub(super) fn time(&self, rows: &[RunningRow], ends: &mut Vec<f64>) -> Timing {
        let joined = rows.iter().any(|row| row.new);
        let costs = if joined { &self.joined } else { &self.unjoined };
        costs.time(rows, ends)
    }

    pub(super) fn completes(&self) -> Completion {
        self.joined.completes
    }
}
