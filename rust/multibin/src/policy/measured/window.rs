//! The waiting requests around a leader that a cut looks at.

use std::ops::Range;

use super::super::former::Former;
use super::super::waiting::Picked;

/// Some entries of one bin: its first ones, in order.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) bin: usize,
    range: Range<usize>,
}

/// Entries of the leader's bin and of the nearest ones, the leader first.
#[derive(Debug, Default)]
pub(super) struct Window {
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
    pub(super) const MOST: usize = 256;
    /// The most entries that a window has unless batches are large.
    const USUAL: usize = 64;

    /// Returns the most entries of a window, where the largest batch has `rows` rows.
    pub(super) fn most(rows: usize) -> usize {
        (2 * rows).clamp(Self::USUAL, Self::MOST)
    }

    /// Returns the entries of a bin.
    pub(super) fn entries(&self, run: &Run) -> &[Picked] {
        &self.entries[run.range.clone()]
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Sorts the entries by length; of equal lengths, the nearest bin and the first entry first.
    pub(super) fn sort(&mut self) {
        self.sorted.sort_unstable();
    }

    /// Returns how many entries there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the length of a sorted entry.
    #[inline]
    pub(super) fn length(&self, at: usize) -> u32 {
        (self.sorted[at] >> u32::BITS) as u32
    }

    /// Returns the position of a sorted entry in the slab.
    pub(super) fn position(&self, at: usize) -> u32 {
        self.entries[self.index(at)].position
    }

    /// Returns the bin of a sorted entry.
    pub(super) fn bin(&self, at: usize) -> usize {
        self.bins[self.index(at)] as usize
    }

    fn index(&self, at: usize) -> usize {
        self.sorted[at] as u32 as usize
    }

    /// Returns where the leader is among the sorted entries.
    pub(super) fn leader(&self) -> usize {
        let leader = self.sorted.iter().position(|&sorted| sorted as u32 == 0);
        leader.expect("the leader is the first entry")
    }

    /// Marks the sorted entries that leave.
    pub(super) fn pick(&mut self, part: Range<usize>) {
        for at in part.clone() {
            let index = self.index(at);
            self.entries[index].leaves = true;
        }
        self.part = part;
    }

    /// Returns the positions of the entries that leave, by length.
    pub(super) fn picked(&self) -> impl Iterator<Item = u32> {
        self.part.clone().map(|at| self.position(at))
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bins.clear();
        self.runs.clear();
        self.sorted.clear();
    }
}

impl Former {
    /// Fills a window with the first entries of `bin` and of the nearest bins, the lower of two
    /// first.
    pub(super) fn look_around(&self, bin: usize, window: &mut Window) {
        let most = Window::most(self.rules.max_batch_size as usize);
        let new = self.queues.new_requests();
        window.clear();
        self.look_at(bin, most, window);
        let below = |at: usize| new.at_most(at.checked_sub(1)?);
        let (mut low, mut high) = (below(bin), new.at_least(bin + 1));
        while window.len() < most {
            match (low, high) {
                (Some(next), high) if high.is_none_or(|high| bin - next <= high - bin) => {
                    self.look_at(next, most, window);
                    low = below(next);
                }
                (_, Some(next)) => {
                    self.look_at(next, most, window);
                    high = new.at_least(next + 1);
                }
                (_, None) => return,
            }
        }
    }

    /// Adds the first entries of a bin to a window of at most `most` entries.
    fn look_at(&self, bin: usize, most: usize, window: &mut Window) {
        let begin = window.entries.len();
        let queue = self.queues.new_requests().queue(bin);
        queue.look(&self.slab, most - begin, |position, entry| {
            let index = window.entries.len() as u64;
            window.sorted.push(u64::from(entry.row.length) << u32::BITS | index);
            window.entries.push(Picked { position, leaves: false });
        });
        let end = window.entries.len();
        window.bins.resize(end, bin as u32);
        window.runs.push(Run { bin, range: begin..end });
    }
}
