//! The best cut: requests in the order of their lengths, divided into batches of the least time.

use std::ops::Range;

use super::window::Window;
use crate::costs::{BatchTimes, Column};

/// So many sums are compared at once.
const LANES: usize = 8;

/// The exact dynamic program over a window, and its result.
///
/// The last batch of the first i entries has some k rows. Their least seconds are the least sum,
/// over k, of that batch's and of those of the first i − k. They are kept from the last to the
/// first, so that those of 1, 2, … entries fewer lie side by side.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// By sorted entry, the most rows of a batch in which it is the longest.
    pub(crate) most_rows: Vec<u32>,
    /// At index i the least seconds of all entries but the last i.
    least: Vec<f32>,
}

impl Cut {
    /// Computes the least seconds of the first entries of a window, for every number of them.
    pub(crate) fn compute(&mut self, times: &BatchTimes, window: &Window) {
        let entries = window.len();
        self.least.clear();
        self.least.resize(entries + 1, 0.0);
        for longest in 0..entries {
            let (column, without) = self.sums(times, window, longest);
            self.least[entries - 1 - longest] = least(column, without);
        }
    }

    /// Returns the batch of the best cut that holds a sorted entry. Of equal cuts, the one whose
    /// last batch has the most rows, then the one before, and so on.
    pub(crate) fn part_of(&self, times: &BatchTimes, window: &Window, at: usize) -> Range<usize> {
        let mut end = window.len();
        loop {
            let begin = end - self.rows_of_last(times, window, end - 1);
            if begin <= at {
                return begin..end;
            }
            end = begin;
        }
    }

    /// Returns the rows of the last batch of the best cut up to the entry `longest`.
    fn rows_of_last(&self, times: &BatchTimes, window: &Window, longest: usize) -> usize {
        let (column, without) = self.sums(times, window, longest);
        let best = self.least[window.len() - 1 - longest];
        let is_best = |&row: &usize| column.at(row) + without[row] == best;
        (0..without.len()).rev().find(is_best).map_or(1, |row| row + 1)
    }

    /// Returns the seconds of batches of 1, 2, … rows that end with the entry `longest`, and the
    /// least seconds of the entries before each.
    #[inline]
    fn sums<'a>(
        &'a self,
        times: &'a BatchTimes,
        window: &Window,
        longest: usize,
    ) -> (Column<'a>, &'a [f32]) {
        let rows = self.most_rows[longest] as usize;
        (times.column(window.length(longest)), &self.least[window.len() - longest..][..rows])
    }
}

/// Returns the least sum of a batch's seconds and of those without it. At least one row is given.
#[inline]
fn least(column: Column<'_>, without: &[f32]) -> f32 {
    let rows = without.len();
    let (low, high) = (&column.low[..rows], &column.high[..rows]);
    let sum = |low: f32, high: f32, without: f32| low + column.part * (high - low) + without;
    let mut lanes = [f32::INFINITY; LANES];
    let (low, low_rest) = low.as_chunks::<LANES>();
    let (high, high_rest) = high.as_chunks::<LANES>();
    let (without, without_rest) = without.as_chunks::<LANES>();
    for ((low, high), without) in low.iter().zip(high).zip(without) {
        for lane in 0..LANES {
            let sum = sum(low[lane], high[lane], without[lane]);
            lanes[lane] = if sum < lanes[lane] { sum } else { lanes[lane] };
        }
    }
    for (((lane, &low), &high), &without) in
        lanes.iter_mut().zip(low_rest).zip(high_rest).zip(without_rest)
    {
        *lane = sum(low, high, without).min(*lane);
    }
    lanes.into_iter().fold(f32::INFINITY, f32::min)
}
