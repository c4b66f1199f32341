//! Leads with the shortest requests, and promotes those that starve.

use super::fifo_queues::FifoQueues;
use super::length_index::LengthIndex;
use super::rule::{Rule, reason};
use crate::policy::BitSet;
use crate::request::Reason;
use crate::simulate::workload::Workload;

/// The rule of [`Baseline::ShortestFirst`](super::Baseline::ShortestFirst).
pub(super) struct ShortestFirst<'a> {
    predicted: &'a [u32],
    lengths: LengthIndex,
    batch_size: usize,
    patience: u64,
    waiting: FifoQueues,
    /// Batches that have left.
    batches: u64,
    /// `batches` at each arrival.
    batches_before: Vec<u64>,
    /// The waiting requests before this one are promoted: the oldest were bypassed most often.
    promoted: u32,
    /// Queues whose first request is promoted.
    starving: BitSet,
}

impl<'a> ShortestFirst<'a> {
    pub(super) fn new(workload: &'a Workload, batch_size: u32, patience: u64) -> Self {
        let predicted = &workload.predicted;
        let lengths = LengthIndex::new(predicted);
        Self {
            predicted,
            batch_size: batch_size as usize,
            patience,
            waiting: lengths.queues(predicted.len()),
            batches: 0,
            batches_before: Vec::with_capacity(predicted.len()),
            promoted: 0,
            starving: lengths.empty_set(),
            lengths,
        }
    }

    /// Promotes the requests that `patience` batches have bypassed.
    fn promote(&mut self) {
        let before = self.batches_before[self.promoted as usize..].iter();
        for _ in before.take_while(|&&before| self.batches - before >= self.patience) {
            if let Some(queue) = self.waiting.queue_of(self.promoted) {
                self.starving.insert(queue);
            }
            self.promoted += 1;
        }
    }

    /// Takes the shortest promoted request, or else the shortest of all.
    fn pop(&mut self) -> Option<u32> {
        let starving = self.starving.at_least(0);
        let queue = starving.or_else(|| self.waiting.at_least(0))?;
        let request = self.waiting.pop(queue);
        if self.waiting.first(queue).is_none_or(|first| first >= self.promoted) {
            self.starving.remove(queue);
        }
        request
    }
}

impl Rule for ShortestFirst<'_> {
    fn arrive(&mut self, request: u32, _: u64) {
        self.batches_before.push(self.batches);
        self.waiting.push(self.lengths.queue(self.predicted[request as usize]), request);
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        self.promote();
        let rows = self.batch_size.min(self.waiting.waiting());
        let full = rows == self.batch_size;
        let why = if self.starving.is_empty() { reason(full) } else { Reason::Overdue };
        batch.extend((0..rows).filter_map(|_| self.pop()));
        self.batches += u64::from(rows > 0);
        (rows > 0).then_some((0, why))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::simulate::baselines::agreement::agree;
    use crate::simulate::tests::strategies::workloads;

    proptest! {
        /// Sorts by priority, then length, as the authors' scheduler; what does not run is idle.
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
                let bypassed = order.split_off(order.len().min(batch_size as usize));
                for i in bypassed {
                    *idle.entry(i).or_default() += 1;
                }
                order
            });
        }
    }
}
