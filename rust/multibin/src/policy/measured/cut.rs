//! The best cut: requests in the order of their lengths, divided into batches of the least time.

use std::ops::Range;

use super::window::Window;
use crate::costs::{BatchTimes, Column};

/// So many sums are compared at once.
const LANES: usize = 4;

type Lanes = [f32; LANES];

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

    /// Returns the batches of the best cut, the last one first. Of equal cuts, the one whose last
    /// batch has the most rows, then the one before, and so on.
    pub(crate) fn parts(
        &self,
        times: &BatchTimes,
        window: &Window,
    ) -> impl Iterator<Item = Range<usize>> {
        let before = |end: usize| {
            let begin = end - self.rows_of_last(times, window, end.checked_sub(1)?);
            Some(begin..end)
        };
        std::iter::successors(before(window.len()), move |part| before(part.start))
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
    let (Some(last_low), Some(last_high), Some(last)) =
        (low.last_chunk::<LANES>(), high.last_chunk::<LANES>(), without.last_chunk::<LANES>())
    else {
        return (0..rows).map(|row| column.at(row) + without[row]).fold(f32::INFINITY, lower);
    };
    // The last sums may be among the others too.
    let mut lanes = sums(last_low, last_high, column.part, last);
    let low = low.as_chunks::<LANES>().0;
    let (high, without) = (high.as_chunks::<LANES>().0, without.as_chunks::<LANES>().0);
    for ((low, high), without) in low.iter().zip(high).zip(without) {
        let sums = sums(low, high, column.part, without);
        lanes = std::array::from_fn(|lane| lower(lanes[lane], sums[lane]));
    }
    lanes.into_iter().fold(f32::INFINITY, lower)
}

#[inline]
fn sums(low: &Lanes, high: &Lanes, part: f32, without: &Lanes) -> Lanes {
    std::array::from_fn(|lane| low[lane] + part * (high[lane] - low[lane]) + without[lane])
}

/// Returns the lower of two numbers; as one instruction, unlike [`f32::min`].
#[inline]
fn lower(one: f32, other: f32) -> f32 {
    if one < other { one } else { other }
}
