//! The waiting requests around a leader that a cut looks at.

use std::ops::Range;

use super::super::waiting::{BinQueue, Home, Picked, Slab};
use crate::costs::BatchTimes;

/// Some entries of one queue: its first ones, in order.
#[derive(Debug)]
struct Run {
    home: Home,
    range: Range<usize>,
    /// How many of them leave.
    leaving: usize,
}

/// Entries of the leader's bin and of the nearest ones, the leader first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    entries: Vec<Picked>,
    runs: Vec<Run>,
    sorted: Vec<Sorted>,
}

/// The predicted length of an entry, then its index, then its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sorted(u64);

impl Sorted {
    const INDEX: u32 = 16;
    const LENGTH: u32 = 32;

    #[inline]
    fn new(length: u32, index: usize, run: usize) -> Self {
        Self(u64::from(length) << Self::LENGTH | (index << Self::INDEX | run) as u64)
    }

    #[inline]
    fn length(self) -> u32 {
        (self.0 >> Self::LENGTH) as u32
    }

    #[inline]
    fn index(self) -> usize {
        usize::from((self.0 >> Self::INDEX) as u16)
    }

    #[inline]
    fn run(self) -> usize {
        usize::from(self.0 as u16)
    }
}

impl Window {
    /// The most entries that any window has.
    pub(crate) const MOST: usize = BatchTimes::MOST_ROWS as usize;

    /// Returns the most entries of a window whose leader's bin is full with `rows` rows. Four
    /// batches around the leader decide how it is cut, and the next ones change nothing.
    pub(crate) fn most(rows: usize) -> usize {
        (4 * rows).clamp(32, 64).max(2 * rows).min(Self::MOST)
    }

    /// Returns how many entries there are, or were before some left.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the length of a sorted entry.
    #[inline]
    pub(crate) fn length(&self, at: usize) -> u32 {
        self.sorted[at].length()
    }

    /// Returns the position of a sorted entry in the slab.
    #[inline]
    pub(crate) fn position(&self, at: usize) -> u32 {
        self.entries[self.sorted[at].index()].position
    }

    /// Returns the bin of a sorted entry.
    pub(crate) fn bin(&self, at: usize) -> usize {
        self.runs[self.sorted[at].run()].home.bin
    }

    /// Returns where the head of a queue is among the sorted entries.
    pub(crate) fn head(&self, home: Home) -> usize {
        let run = self.runs.iter().find(|run| run.home == home).expect("the window has its head");
        self.entries[run.range.start].place as usize
    }

    /// Lets some sorted entries leave. Calls `take` for each of their queues, with its entries.
    pub(crate) fn leave(&mut self, part: Range<usize>, mut take: impl FnMut(Home, &mut [Picked])) {
        let Self { entries, runs, sorted } = self;
        for entry in &sorted[part] {
            entries[entry.index()].leaves = true;
            runs[entry.run()].leaving += 1;
        }
        for (at, run) in runs.iter_mut().enumerate().filter(|(_, run)| run.leaving > 0) {
            take(run.home, &mut entries[run.range.clone()]);
            run.range.start += std::mem::take(&mut run.leaving);
            for index in run.range.clone() {
                let sorted = &mut sorted[entries[index].place as usize];
                *sorted = Sorted::new(sorted.length(), index, at);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.runs.clear();
        self.sorted.clear();
    }

    /// Adds up to `count` of the first entries of a queue.
    pub(crate) fn look_at(&mut self, slab: &Slab, home: Home, queue: &BinQueue, count: usize) {
        let Self { entries, runs, sorted } = self;
        let begin = entries.len();
        queue.look(slab, count, |position, entry| {
            let length = entry.row.length.max(entry.row.progress);
            sorted.push(Sorted::new(length, entries.len(), runs.len()));
            entries.push(Picked { position, place: 0, leaves: false });
        });
        let range = begin..entries.len();
        if !range.is_empty() {
            runs.push(Run { home, range, leaving: 0 });
        }
    }

    /// Sorts the entries by length; of equal lengths, those that were added first come first.
    pub(crate) fn sort(&mut self) {
        self.sorted.sort_unstable();
        for (place, sorted) in (0..).zip(&self.sorted) {
            self.entries[sorted.index()].place = place;
        }
    }
}
