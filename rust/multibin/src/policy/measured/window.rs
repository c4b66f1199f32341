//! The waiting requests around a leader that a cut looks at.

use std::ops::Range;

use super::super::waiting::{BinQueue, Home, Picked, Slab};
use crate::costs::BatchTimes;

/// Some entries of one queue: its first ones, in order.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) home: Home,
    range: Range<usize>,
}

/// Entries of the leader's bin and of the nearest ones, the leader first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: Vec<Picked>,
    /// The bin of each entry.
    bins: Vec<u32>,
    runs: Vec<Run>,
    /// The predicted lengths of the entries and their indices, by length.
    sorted: Vec<u64>,
    /// The sorted entries that leave.
    part: Range<usize>,
}

impl Window {
    /// The most entries that any window has.
    pub(crate) const MOST: usize = BatchTimes::MOST_ROWS as usize;

    /// Returns the most entries of a window whose leader's bin is full with `rows` rows. Four
    /// batches around the leader decide how it is cut, and the next ones change nothing.
    pub(crate) fn most(rows: usize) -> usize {
        (4 * rows).clamp(32, 64).max(2 * rows).min(Self::MOST)
    }

    /// Returns the entries of a queue.
    pub(crate) fn entries(&self, run: &Run) -> &[Picked] {
        &self.entries[run.range.clone()]
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns how many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the length of a sorted entry.
    #[inline]
    pub(crate) fn length(&self, at: usize) -> u32 {
        (self.sorted[at] >> u32::BITS) as u32
    }

    /// Returns the position of a sorted entry in the slab.
    pub(crate) fn position(&self, at: usize) -> u32 {
        self.entries[self.index(at)].position
    }

    /// Returns the bin of a sorted entry.
    pub(crate) fn bin(&self, at: usize) -> usize {
        self.bins[self.index(at)] as usize
    }

    fn index(&self, at: usize) -> usize {
        self.sorted[at] as u32 as usize
    }

    /// Returns where the leader is among the sorted entries.
    pub(crate) fn leader(&self) -> usize {
        let leader = self.sorted.iter().position(|&sorted| sorted as u32 == 0);
        leader.expect("the leader is the first entry")
    }

    /// Marks the sorted entries that leave.
    pub(crate) fn pick(&mut self, part: Range<usize>) {
        for at in part.clone() {
            let index = self.index(at);
            self.entries[index].leaves = true;
        }
        self.part = part;
    }

    /// Returns the positions of the entries that leave, by length.
    pub(crate) fn picked(&self) -> impl Iterator<Item = u32> {
        self.part.clone().map(|at| self.position(at))
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bins.clear();
        self.runs.clear();
        self.sorted.clear();
    }

    /// Adds up to `count` of the first entries of a queue.
    pub(crate) fn look_at(&mut self, slab: &Slab, home: Home, queue: &BinQueue, count: usize) {
        let Self { entries, bins, runs, sorted, .. } = self;
        let begin = entries.len();
        queue.look(slab, count, |position, entry| {
            let length = entry.row.length.max(entry.row.progress);
            sorted.push(u64::from(length) << u32::BITS | entries.len() as u64);
            entries.push(Picked { position, leaves: false });
        });
        let range = begin..entries.len();
        bins.resize(range.end, home.bin as u32);
        if !range.is_empty() {
            runs.push(Run { home, range });
        }
    }

    /// Sorts the entries by length; of equal lengths, those that were added first come first.
    pub(crate) fn sort(&mut self) {
        self.sorted.sort_unstable();
    }
}
