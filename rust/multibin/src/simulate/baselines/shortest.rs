//! Shortest first, with promotion of those that starve.

use super::super::workload::Workload;
use super::lanes::{Lanes, Lengths};
use super::rule::{Rule, reason};
use crate::policy::BitSet;
use crate::request::Reason;

pub(super) struct ShortestFirst<'a> {
    predicted: &'a [u32],
    lengths: Lengths,
    batch_size: usize,
    patience: u64,
    waiting: Lanes,
    /// Batches that have left.
    decisions: u64,
    /// `decisions` at each arrival.
    entered: Vec<u64>,
    /// A request that waits and came before this one is promoted: the oldest were passed over most
    /// often.
    promoted: u32,
    /// Lanes whose first is promoted.
    starving: BitSet,
}

impl<'a> ShortestFirst<'a> {
    pub(super) fn new(workload: &'a Workload, batch_size: u32, patience: u64) -> Self {
        let predicted = &workload.predicted;
        let lengths = Lengths::new(predicted);
        Self {
            predicted,
            batch_size: batch_size as usize,
            patience,
            waiting: lengths.lanes(predicted.len()),
            decisions: 0,
            entered: Vec::with_capacity(predicted.len()),
            promoted: 0,
            starving: lengths.none(),
            lengths,
        }
    }

    fn promote(&mut self) {
        let entered = self.entered[self.promoted as usize..].iter();
        for _ in entered.take_while(|&&entered| self.decisions - entered >= self.patience) {
            if let Some(lane) = self.waiting.lane(self.promoted) {
                self.starving.insert(lane);
            }
            self.promoted += 1;
        }
    }

    fn pop(&mut self) -> Option<u32> {
        let starving = self.starving.at_least(0);
        let lane = starving.or_else(|| self.waiting.at_least(0))?;
        let request = self.waiting.pop(lane);
        if self.waiting.first(lane).is_none_or(|first| first >= self.promoted) {
            self.starving.remove(lane);
        }
        request
    }
}

impl Rule for ShortestFirst<'_> {
    fn arrive(&mut self, request: u32, _: u64) {
        self.entered.push(self.decisions);
        self.waiting.push(self.lengths.lane(self.predicted[request as usize]), request);
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        self.promote();
        let rows = self.batch_size.min(self.waiting.waiting());
        let full = rows == self.batch_size;
        let why = if self.starving.is_empty() { reason(full) } else { Reason::Overdue };
        batch.extend((0..rows).filter_map(|_| self.pop()));
        self.decisions += u64::from(rows > 0);
        (rows > 0).then_some((0, why))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::testing::{agree, workloads};
    use super::*;

    proptest! {
        /// The authors' scheduler: sorted by priority, then length; what does not run is idle.
        #[test]
        fn the_idle_go_first_then_the_shortest(
            workload in workloads(),
            batch_size in 1u32..6,
            patience in 0u64..12,
        ) {
            let mut idle: HashMap<u32, u64> = HashMap::new();
            let rule = ShortestFirst::new(&workload, batch_size, patience);
            agree(rule, &workload, |waiting, _| {
                let mut order = waiting.to_vec();
                order.sort_by_key(|i| {
                    let starving = idle.get(i).copied().unwrap_or(0) >= patience;
                    (!starving, workload.predicted[*i as usize])
                });
                let passed = order.split_off(order.len().min(batch_size as usize));
                for i in passed {
                    *idle.entry(i).or_default() += 1;
                }
                order
            });
        }
    }
}
