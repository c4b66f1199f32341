//! Follows the oldest request with the nearest of a window.

use std::collections::VecDeque;

use super::rule::{Rule, reason};
use crate::request::Reason;
use crate::simulate::workload::Workload;

/// The rule of [`Baseline::LookAhead`](super::Baseline::LookAhead).
pub(super) struct LookAhead<'a> {
    predicted: &'a [u32],
    batch_size: usize,
    window: usize,
    /// Oldest first.
    queue: VecDeque<u32>,
    /// The keys of the window: distance to the leader and request in one number.
    keys: Vec<u64>,
    /// Scratch space.
    scratch: Vec<u64>,
}

impl<'a> LookAhead<'a> {
    pub(super) fn new(workload: &'a Workload, batch_size: u32, window: u32) -> Self {
        Self {
            predicted: &workload.predicted,
            batch_size: batch_size as usize,
            window: window as usize,
            queue: VecDeque::new(),
            keys: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Returns the largest key in the window that leaves.
    fn max_key(&mut self) -> u64 {
        if self.keys.len() <= self.batch_size {
            return u64::MAX;
        }
        self.scratch.clone_from(&self.keys);
        *self.scratch.select_nth_unstable(self.batch_size - 1).1
    }
}

impl Rule for LookAhead<'_> {
    fn arrive(&mut self, request: u32, _: u64) {
        self.queue.push_back(request);
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        let length = |request: u32| self.predicted[request as usize];
        let leader = length(*self.queue.front()?);
        let window = self.queue.len().min(self.window);
        let key = |i: u32| u64::from(length(i).abs_diff(leader)) << 32 | u64::from(i);
        self.keys.clear();
        // The leader's distance is 0 and it is the oldest: its key is the smallest.
        self.keys.extend(self.queue.drain(..window).map(key));
        let max = self.max_key();
        for &key in self.keys.iter().rev().filter(|&&key| key > max) {
            self.queue.push_front(key as u32);
        }
        batch.extend(self.keys.iter().filter(|&&key| key <= max).map(|&key| key as u32));
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
        fn the_oldest_leads_the_nearest_of_the_window(
            workload in workloads(),
            batch_size in 1u32..6,
            more in 0u32..20,
        ) {
            let window = batch_size + more;
            agree(LookAhead::new(&workload, batch_size, window), &workload, |waiting, _| {
                let mut near: Vec<u32> = waiting.iter().take(window as usize).copied().collect();
                let length = |i: u32| workload.predicted[i as usize];
                let leader = waiting.first().map_or(0, |&i| length(i));
                near.sort_by_key(|&i| length(i).abs_diff(leader));
                near.truncate(batch_size as usize);
                near
            });
        }
    }
}
