//! Looking a bounded way ahead.

use std::collections::VecDeque;

use super::super::workload::Workload;
use super::rule::{Rule, reason};
use crate::request::Reason;

pub(super) struct LookAhead<'a> {
    predicted: &'a [u32],
    batch_size: usize,
    window: usize,
    /// Oldest first.
    queue: VecDeque<u32>,
    /// The window: distance to the leader and request in one number.
    near: Vec<u64>,
    /// Scratch space.
    ranked: Vec<u64>,
}

impl<'a> LookAhead<'a> {
    pub(super) fn new(workload: &'a Workload, batch_size: u32, window: u32) -> Self {
        Self {
            predicted: &workload.predicted,
            batch_size: batch_size as usize,
            window: window as usize,
            queue: VecDeque::new(),
            near: Vec::new(),
            ranked: Vec::new(),
        }
    }

    /// The rank of the last one in the window that leaves.
    fn last(&mut self) -> u64 {
        if self.near.len() <= self.batch_size {
            return u64::MAX;
        }
        self.ranked.clone_from(&self.near);
        *self.ranked.select_nth_unstable(self.batch_size - 1).1
    }
}

impl Rule for LookAhead<'_> {
    fn arrive(&mut self, request: u32, _: u64) {
        self.queue.push_back(request);
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        let length = |request: u32| self.predicted[request as usize];
        let wanted = length(*self.queue.front()?);
        let window = self.queue.len().min(self.window);
        let rank = |i: u32| u64::from(length(i).abs_diff(wanted)) << 32 | u64::from(i);
        self.near.clear();
        // The leader's distance is 0 and it is the oldest: it ranks first.
        self.near.extend(self.queue.drain(..window).map(rank));
        let last = self.last();
        for &rank in self.near.iter().rev().filter(|&&rank| rank > last) {
            self.queue.push_front(rank as u32);
        }
        batch.extend(self.near.iter().filter(|&&rank| rank <= last).map(|&rank| rank as u32));
        Some((0, reason(batch.len() == self.batch_size)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{agree, workloads};
    use super::*;

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
