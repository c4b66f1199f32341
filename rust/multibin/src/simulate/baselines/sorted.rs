//! Sorting a window.

use super::super::workload::Workload;
use super::rule::{Rule, reason};
use crate::request::Reason;

pub(super) struct Sorted<'a> {
    predicted: &'a [u32],
    window: u32,
    /// Upper length and batch size of each cell.
    sizes: &'a [(u32, u32)],
    /// A remainder smaller than this joins the next cell.
    smallest: usize,
    /// Requests that have arrived, and those of them that were sorted.
    arrived: u32,
    taken: u32,
    /// What is left of the window, length and request in one number, longest first.
    group: Vec<u64>,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(workload: &'a Workload, window: u32, sizes: &'a [(u32, u32)]) -> Self {
        let smallest = sizes.iter().map(|&(_, size)| size).min().unwrap_or(1) as usize;
        let predicted = &workload.predicted;
        Self { predicted, window, sizes, smallest, arrived: 0, taken: 0, group: Vec::new() }
    }

    fn sort(&mut self) {
        let end = self.arrived.min(self.taken.saturating_add(self.window));
        let key = |i: u32| u64::from(self.predicted[i as usize]) << 32 | u64::from(i);
        self.group.extend((self.taken..end).map(key));
        self.group.sort_unstable_by(|a, b| b.cmp(a));
        self.taken = end;
    }

    /// How many of the group are at most this long.
    fn within(&self, length: u32) -> usize {
        self.group.len() - self.group.partition_point(|key| (key >> 32) as u32 > length)
    }

    /// Rows of the next batch, and the size that it might have.
    fn next_size(&self) -> (usize, usize) {
        let (open, cells) = self.sizes.split_last().expect("checked to have cells");
        let shortest = self.group.last().map_or(0, |key| (key >> 32) as u32);
        // What joins a cell is shorter than it and therefore counted in it.
        for &(upper, size) in cells.iter().skip_while(|&&(upper, _)| upper < shortest) {
            let (within, size) = (self.within(upper), size as usize);
            let remains = within == self.group.len() || within >= self.smallest.max(size / 2);
            if within >= size || remains {
                return (within.min(size), size);
            }
        }
        let size = open.1 as usize;
        (size.min(self.group.len()), size)
    }
}

impl Rule for Sorted<'_> {
    fn arrive(&mut self, _: u32, _: u64) {
        self.arrived += 1;
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        if self.group.is_empty() {
            self.sort();
        }
        let (rows, size) = self.next_size();
        batch.extend(self.group.drain(self.group.len() - rows..).rev().map(|key| key as u32));
        (rows > 0).then_some((0, reason(rows == size)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{agree, workloads};
    use super::*;

    /// The authors' `schedule`, cell by cell; what joins a cell goes first in it.
    fn cut(group: &[u32], predicted: &[u32], sizes: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let mut sorted = group.to_vec();
        sorted.sort_by_key(|&i| predicted[i as usize]);
        let smallest = sizes.iter().map(|pair| pair.1).min().unwrap();
        let mut batches = Vec::new();
        let mut cell = Vec::new();
        for (c, &(upper, size)) in sizes.iter().enumerate() {
            let last = c + 1 == sizes.len();
            let inside = |&&i: &&u32| last || predicted[i as usize] <= upper;
            let count = sorted.iter().take_while(inside).count();
            cell.extend(sorted.drain(..count));
            while cell.len() >= size as usize {
                batches.push(cell.drain(..size as usize).collect());
            }
            let small = (cell.len() as u32) < smallest.max(size / 2);
            if !cell.is_empty() && (!small || sorted.is_empty()) {
                batches.push(std::mem::take(&mut cell));
            }
        }
        batches
    }

    proptest! {
        #[test]
        fn a_window_is_sorted_and_cut(
            workload in workloads(),
            window in 1u32..30,
            sizes in prop_oneof![
                Just(vec![(0u32, 3u32)]),
                Just(vec![(10, 8), (20, 5), (40, 2)]),
                Just(vec![(4, 1), (30, 9)]),
                Just(vec![(10, 8), (20, 5), (40, 4)]),
            ],
        ) {
            let mut batches = Vec::new();
            agree(Sorted::new(&workload, window, &sizes), &workload, |waiting, _| {
                if batches.is_empty() {
                    let group = &waiting[..waiting.len().min(window as usize)];
                    batches = cut(group, &workload.predicted, &sizes);
                    batches.reverse();
                }
                batches.pop().unwrap_or_default()
            });
        }
    }
}
