//! Follows the oldest request with the nearest lengths, without bins.

use super::fifo_queues::FifoQueues;
use super::length_index::LengthIndex;
use super::rule::{Rule, light_load, reason};
use crate::request::Reason;
use crate::simulate::workload::Workload;

/// The rule of [`Baseline::Nearest`](super::Baseline::Nearest).
pub(super) struct Nearest<'a> {
    predicted: &'a [u32],
    lengths: LengthIndex,
    batch_size: usize,
    light_load: bool,
    waiting: FifoQueues,
}

impl<'a> Nearest<'a> {
    pub(super) fn new(workload: &'a Workload, batch_size: u32, light_load: bool) -> Self {
        let predicted = &workload.predicted;
        let lengths = LengthIndex::new(predicted);
        let waiting = lengths.queues(predicted.len());
        Self { predicted, lengths, batch_size: batch_size as usize, light_load, waiting }
    }

    /// Returns the nearer of the nearest queues below and above; the lower of two equally near.
    fn nearer(&self, length: u32, below: Option<usize>, above: Option<usize>) -> Option<usize> {
        let (Some(low), Some(high)) = (below, above) else {
            return below.or(above);
        };
        let distance = |queue: usize| self.lengths.length(queue).abs_diff(length);
        Some(if distance(low) <= distance(high) { low } else { high })
    }

    /// Fills the batch from the queues around `queue`.
    fn fill(&mut self, queue: usize, batch: &mut Vec<u32>) {
        let length = self.lengths.length(queue);
        let mut below = Some(queue);
        let mut above = self.waiting.at_least(queue + 1);
        while batch.len() < self.batch_size
            && let Some(queue) = self.nearer(length, below, above)
        {
            self.waiting.take(queue, self.batch_size, batch);
            if below == Some(queue) {
                below = self.waiting.at_most(queue);
            } else {
                above = self.waiting.at_least(queue);
            }
        }
    }
}

impl Rule for Nearest<'_> {
    fn arrive(&mut self, request: u32, _: u64) {
        self.waiting.push(self.lengths.queue(self.predicted[request as usize]), request);
    }

    fn form(&mut self, _: u64, closed: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        let queue = self.waiting.oldest()?;
        if self.light_load && light_load(self.waiting.waiting(), self.batch_size, closed) {
            self.waiting.take_oldest(self.batch_size, batch);
            return Some((0, Reason::LightLoad));
        }
        self.fill(queue, batch);
        Some((0, reason(batch.len() == self.batch_size)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulate::baselines::agreement::agree;
    use crate::simulate::tests::strategies::workloads;

    proptest! {
        #[test]
        fn the_oldest_leads_the_nearest_of_all(
            workload in workloads(),
            batch_size in 1u32..6,
            light_load in any::<bool>(),
        ) {
            agree(Nearest::new(&workload, batch_size, light_load), &workload, |waiting, _| {
                let mut near = waiting.to_vec();
                let length = |i: u32| workload.predicted[i as usize];
                let leader = waiting.first().map_or(0, |&i| length(i));
                if !light_load || 5 * waiting.len() >= 8 * batch_size as usize {
                    near.sort_by_key(|&i| (length(i).abs_diff(leader), length(i)));
                }
                near.truncate(batch_size as usize);
                near
            });
        }
    }
}
