//! Chooses bins, and a batch size for each, by measured costs.

use std::collections::TryReserveError;

use super::batch_times::BatchTimes;
use crate::edges::{Edges, EdgesError, Groups, Optimal, RunCosts, check_bins, partition, sorted};

/// A larger batch must save more than this share of the seconds per request: less is rounding.
const SAVING: f64 = 1e-6;

impl BatchTimes {
    /// Chooses at most `bins` bins for a sample of lengths, and a batch size for each, from 1 to
    /// [`BatchTimes::max_rows`].
    ///
    /// They have the least mean seconds per request in saturation. A bin i has the share pᵢ of the
    /// requests and batches of bᵢ rows. So n requests take n·pᵢ / bᵢ batches of bin i, and each of
    /// these takes E[T(bᵢ, longest of bᵢ | bin i)] seconds. A request then takes
    /// Σ pᵢ · E[T(bᵢ, longest of bᵢ | bin i)] / bᵢ. The expectation is that of independent draws
    /// from the sample's lengths in the bin, not T at the bin's upper edge. Where batches do not
    /// pay, b is 1: a larger b must save more than a millionth.
    ///
    /// An edge may lie between any two distinct lengths if there are at most
    /// [`Optimal::CANDIDATES`], or as many as `bins`. The result then is the optimum of the sample.
    /// Of more distinct lengths, candidates are chosen as [`Optimal::fit`] does. A length's seconds
    /// are then the mean of those of the lengths between the same two candidates.
    ///
    /// Time grows with candidates² × (rows + bins), and with distinct lengths × rows.
    ///
    /// ```
    /// use multibin::costs::BatchTimes;
    ///
    /// // A batch takes 1 second at length 10, whatever its rows; at length 1,000 a second a row.
    /// let seconds = vec![1.0, 1.0, 1.0, 4.0];
    /// let times = BatchTimes::new(vec![1, 4], vec![10, 1_000], seconds, 4)?;
    /// let (edges, sizes) = times.bins(&[10, 10, 1_000, 1_000], 8)?;
    /// assert_eq!((edges.bounds(), &sizes[..]), (&[10, 11, 1_001][..], &[4, 1][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty, or `bins` is out of range.
    pub fn bins(&self, sample: &[u32], bins: usize) -> Result<(Edges, Vec<u32>), EdgesError> {
        check_bins(bins)?;
        let sorted = sorted(sample, "sample")?;
        let groups = Groups::new(&sorted, Optimal::CANDIDATES.max(bins));
        let starts = self.starts(&groups, bins);
        let (starts, mut sizes) = starts.map_err(|_| EdgesError::Memory(sorted.len()))?;
        let edges = Edges::new(&groups.bounds(&starts))?;
        // Lengths at the end of the range may share a bin.
        sizes.truncate(edges.bins());
        Ok((edges, sizes))
    }

    /// Returns the first group of each bin, and the bins' batch sizes.
    fn starts(
        &self,
        groups: &Groups,
        bins: usize,
    ) -> Result<(Vec<usize>, Vec<u32>), TryReserveError> {
        let means = Means::new(self, groups)?;
        let row = |from: usize, costs: &mut [f64]| {
            let mut bin = Bin::new(self.max_rows());
            for (cost, group) in costs.iter_mut().zip(from..) {
                bin.add(means.mass[group], means.of(group));
                *cost = bin.mass * bin.best().0;
            }
            costs.len()
        };
        // The least over batch sizes has not the quadrangle inequality.
        let starts = partition(groups.len(), bins, RunCosts::Any, row)?;
        let ends = starts[1..].iter().copied().chain([groups.len()]);
        let size = |(&from, to): (&usize, usize)| {
            let mut bin = Bin::new(self.max_rows());
            (from..to).for_each(|group| bin.add(means.mass[group], means.of(group)));
            bin.best().1
        };
        let sizes = starts.iter().zip(ends).map(size).collect();
        Ok((starts, sizes))
    }
}

/// The mean seconds of a batch whose longest row is of a group.
struct Means {
    max_rows: usize,
    /// The lengths of each group.
    mass: Vec<f64>,
    /// The seconds of 1 to `max_rows` rows, one group after the other.
    seconds: Vec<f64>,
}

impl Means {
    fn new(times: &BatchTimes, groups: &Groups) -> Result<Self, TryReserveError> {
        let max_rows = times.max_rows() as usize;
        let mass: Vec<f64> = groups.before().windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mut seconds = Vec::new();
        seconds.try_reserve_exact(max_rows * groups.len())?;
        seconds.resize(max_rows * groups.len(), 0.0);
        let mut one = vec![0.0; max_rows];
        for (group, sums) in seconds.chunks_exact_mut(max_rows).enumerate() {
            for &(length, count) in groups.of(group) {
                times.of_length(length, &mut one);
                let share = count / mass[group];
                for (sum, &one) in sums.iter_mut().zip(&one) {
                    *sum += share * f64::from(one);
                }
            }
        }
        Ok(Self { max_rows, mass, seconds })
    }

    fn of(&self, group: usize) -> &[f64] {
        &self.seconds[group * self.max_rows..][..self.max_rows]
    }
}

/// A bin while groups are added to it in increasing order.
struct Bin {
    mass: f64,
    /// E[T(b, longest of b)] for b = 1, 2, …
    expected: Vec<f64>,
}

impl Bin {
    fn new(max_rows: u32) -> Self {
        Self { mass: 0.0, expected: vec![0.0; max_rows as usize] }
    }

    /// Adds `mass` lengths, none of them below those before, and the seconds of their batches.
    ///
    /// All b rows of a batch are among the former lengths with probability r^b, where r is the
    /// former share of the mass. Otherwise the longest row is among the new lengths.
    fn add(&mut self, mass: f64, seconds: &[f64]) {
        let share = self.mass / (self.mass + mass);
        let mut all_former = 1.0;
        for (expected, seconds) in self.expected.iter_mut().zip(seconds) {
            all_former *= share;
            *expected = all_former * *expected + (1.0 - all_former) * seconds;
        }
        self.mass += mass;
    }

    /// Returns the least seconds per request, and the batch size that has it.
    fn best(&self) -> (f64, u32) {
        let each = (1u32..).zip(&self.expected).map(|(b, seconds)| (seconds / f64::from(b), b));
        let better = |least: (f64, u32), one: (f64, u32)| {
            if one.0 < least.0 * (1.0 - SAVING) { one } else { least }
        };
        each.reduce(better).unwrap_or((0.0, 1))
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
