//! When a bin is full, which rows fit together, and how far a batch runs.

use super::entry::Entry;
use super::program::QUEUES;
use super::state::Reference;
use crate::{Budget, Overrun};

impl Reference {
    /// Returns the rows of a full batch, of all bins the fewest.
    pub(super) fn min_size(&self) -> usize {
        (0..QUEUES).map(|bin| self.size(bin)).min().unwrap()
    }

    pub(super) fn size(&self, bin: usize) -> usize {
        self.config.batch_sizes.as_ref().map_or(self.config.batch_size, |sizes| sizes[bin]) as usize
    }

    /// Returns true if the last of these rows fits into a batch led by `bin` with the others.
    pub(super) fn fits(&self, rows: &[Entry], bin: usize) -> bool {
        if rows.len() == 1 {
            return true;
        }
        let steps = || rows.iter().map(Entry::steps);
        let slots = rows.len() as u64 * steps().max().unwrap();
        let within_budget = match self.config.budget {
            None => true,
            Some(Budget::Padded(max)) => slots <= max,
            Some(Budget::Sum(max)) => rows.iter().map(Entry::cost).sum::<u64>() <= max,
        };
        let padding = 1.0 - steps().sum::<u64>() as f64 / slots as f64;
        let joins = rows.last().is_some_and(|last| last.bin != bin);
        within_budget && (!joins || self.config.max_padding.is_none_or(|max| padding <= max))
    }

    /// Returns the sequence number of the entry that completes the first batch of a bin.
    pub(super) fn completed(&self, bin: &[Entry]) -> Option<u64> {
        let first = bin.first()?;
        if let Some(sequence) = self.first_left_behind(bin) {
            return Some(sequence);
        }
        let full = |n: &usize| *n == self.size(first.bin) || !self.fits(&bin[..*n], first.bin);
        (1..=bin.len()).find(full).map(|n| bin[n - 1].sequence)
    }

    /// Returns the lowest sequence number of a head that a change of edges left behind.
    fn first_left_behind(&self, bin: &[Entry]) -> Option<u64> {
        let leads = |entry: &&Entry| {
            !bin.iter().any(|e| e.queue() == entry.queue() && e.sequence < entry.sequence)
        };
        let left = |entry: &&Entry| {
            self.left_behind.get(&entry.queue()).is_some_and(|&before| entry.sequence < before)
        };
        bin.iter().filter(leads).filter(left).map(|entry| entry.sequence).min()
    }

    /// Returns the steps at which half of the rows have come to the ends of their bins, within a
    /// padded budget.
    pub(super) fn limit(&self, rows: &[Entry]) -> Option<u32> {
        if self.config.overrun != Overrun::Climb {
            return None;
        }
        let left = |entry: &Entry| {
            // By the edges of now, whichever bin it waits in.
            let bin = self.edges.bin(entry.length).max(self.edges.bin(entry.progress));
            let upper = self.edges.upper(bin)?;
            Some(upper.saturating_sub(entry.progress).max(1))
        };
        let steps: Vec<u32> = rows.iter().filter_map(left).collect();
        let done = |limit: u32| steps.iter().filter(|&&steps| steps <= limit).count();
        let half = steps.iter().copied().filter(|&limit| 2 * done(limit) >= rows.len()).min();
        let Some(Budget::Padded(max)) = self.config.budget else { return half };
        let oldest = rows.iter().map(|entry| u64::from(entry.progress)).max()?;
        let affordable = (max / rows.len() as u64).saturating_sub(oldest) as u32;
        if affordable == 0 {
            return half;
        }
        Some(half.map_or(affordable, |half| half.min(affordable)))
    }
}
