//! Sorts a window and cuts it into batches.

use super::rule::{Rule, reason};
use crate::request::Reason;
use crate::simulate::workload::Workload;

/// The rule of [`Baseline::SortedWindow`](super::Baseline::SortedWindow).
pub(super) struct SortedWindow<'a> {
    predicted: &'a [u32],
    window: u32,
    /// Upper length and batch size of each cell.
    sizes: &'a [(u32, u32)],
    /// The smallest batch size. A smaller rest of a cell joins the next cell.
    min_size: usize,
    /// Requests that have arrived.
    arrived: u32,
    /// Requests of these that were sorted.
    sorted: u32,
    /// The rest of the window, longest first: length and request in one number.
    rest: Vec<u64>,
}

impl<'a> SortedWindow<'a> {
    pub(super) fn new(workload: &'a Workload, window: u32, sizes: &'a [(u32, u32)]) -> Self {
        let min_size = sizes.iter().map(|&(_, size)| size).min().unwrap_or(1) as usize;
        let predicted = &workload.predicted;
        Self { predicted, window, sizes, min_size, arrived: 0, sorted: 0, rest: Vec::new() }
    }

    /// Sorts the next window.
    fn sort(&mut self) {
        let end = self.arrived.min(self.sorted.saturating_add(self.window));
        let key = |i: u32| u64::from(self.predicted[i as usize]) << 32 | u64::from(i);
        self.rest.extend((self.sorted..end).map(key));
        self.rest.sort_unstable_by(|a, b| b.cmp(a));
        self.sorted = end;
    }

    /// Returns how many requests of the rest are at most this long.
    fn within(&self, length: u32) -> usize {
        self.rest.len() - self.rest.partition_point(|key| (key >> 32) as u32 > length)
    }

    /// Returns the number of rows of the next batch, and the size of its cell's batches.
    fn next_size(&self) -> (usize, usize) {
        let (open, cells) = self.sizes.split_last().expect("checked to have cells");
        let shortest = self.rest.last().map_or(0, |key| (key >> 32) as u32);
        // The rest of a cell is shorter than the next one, so it is counted in that.
        for &(upper, size) in cells.iter().skip_while(|&&(upper, _)| upper < shortest) {
            let (within, size) = (self.within(upper), size as usize);
            let leaves = within == self.rest.len() || within >= self.min_size.max(size / 2);
            if within >= size || leaves {
                return (within.min(size), size);
            }
        }
        let size = open.1 as usize;
        (size.min(self.rest.len()), size)
    }
}

impl Rule for SortedWindow<'_> {
    fn arrive(&mut self, _: u32, _: u64) {
        self.arrived += 1;
    }

    fn form(&mut self, _: u64, _: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)> {
        if self.rest.is_empty() {
            self.sort();
        }
        let (rows, size) = self.next_size();
        batch.extend(self.rest.drain(self.rest.len() - rows..).rev().map(|key| key as u32));
        (rows > 0).then_some((0, reason(rows == size)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulate::baselines::agreement::agree;
    use crate::simulate::tests::strategies::workloads;

    /// Cuts cell by cell as the authors' `schedule`; the rest of a cell goes first in the next one.
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
            agree(SortedWindow::new(&workload, window, &sizes), &workload, |waiting, _| {
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
