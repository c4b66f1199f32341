//! Fits edges of predictions to the actual lengths of requests.

use std::collections::TryReserveError;

use super::groups::Groups;
use super::monotone::falling;
use super::partition::{Costs, partition};
use super::power::{LANES, powers};

/// Limit of the distinct actual lengths of a fit.
const MAX_VALUES: usize = 512;

/// Powers of shares below this are left out of a sum that is at least 1.
const NEGLIGIBLE: f64 = 1e-18;

/// Returns bounds of predictions for batches of `batch_size` from one bin each, out of `candidates`
/// edges; `pairs` are (predicted, actual), sorted and not empty.
///
/// The quadrangle inequality holds if every share of actual lengths up to some value falls as the
/// predictions grow. The proof for one sample uses n − A^B·n^(1−B) for A of n lengths up to x. Its
/// mixed derivative has the sign of (share below − share)·(share − share above).
pub(super) fn optimal(
    pairs: &[(u32, u32)],
    monotone: bool,
    bins: usize,
    batch_size: u32,
    candidates: usize,
) -> Result<Vec<u32>, TryReserveError> {
    let predicted: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
    let groups = Groups::new(&predicted, candidates);
    let table = Table::new(&groups, pairs, monotone, batch_size)?;
    let row = |from: usize, row: &mut [f64]| table.longest_costs(from, row);
    let costs = if monotone { Costs::Quadrangle } else { Costs::Any };
    Ok(groups.bounds(&partition(groups.len(), bins, costs, row)?))
}

/// Counts of the actual lengths of every run of groups.
struct Table {
    batch: u32,
    /// Share whose power is `NEGLIGIBLE`.
    min_share: f64,
    /// Distinct actual lengths in increasing order, the last one repeated up to a multiple of
    /// `LANES`.
    values: Vec<f64>,
    /// Distance from each value to the next.
    gaps: Vec<f64>,
    /// Number of pairs before each group, and the total.
    before: Vec<f64>,
    /// Row `group`, `values.len()` long: how many of the pairs before the group have an actual
    /// length of at most each value.
    below: Vec<f64>,
    /// For each group, the index of its longest actual length in `values`.
    longest: Vec<usize>,
}

impl Table {
    fn new(
        groups: &Groups,
        pairs: &[(u32, u32)],
        monotone: bool,
        batch: u32,
    ) -> Result<Self, TryReserveError> {
        let mut actual: Vec<u32> = pairs.iter().map(|pair| pair.1).collect();
        actual.sort_unstable();
        let cells = Groups::new(&actual, MAX_VALUES);
        let mut values: Vec<f64> = (0..cells.len()).map(|cell| mean(cells.of(cell))).collect();
        values.resize(values.len().next_multiple_of(LANES), values[values.len() - 1]);
        let gaps = values.windows(2).map(|pair| pair[1] - pair[0]).chain([0.0]).collect();
        let min_share = NEGLIGIBLE.powf(f64::from(batch).recip());
        let (before, below, longest) = (groups.before(), Vec::new(), Vec::new());
        let mut table = Self { batch, min_share, values, gaps, before, below, longest };
        table.count(pairs, &cells)?;
        if monotone {
            table.smooth();
        }
        table.accumulate();
        Ok(table)
    }

    fn width(&self) -> usize {
        self.values.len()
    }

    /// Counts into row `group` + 1 the pairs of the group up to each value; row 0 stays empty.
    fn count(&mut self, pairs: &[(u32, u32)], cells: &Groups) -> Result<(), TryReserveError> {
        let tops: Vec<u32> = (0..cells.len()).map(|cell| cells.last(cell)).collect();
        let counts = self.before.len() * self.width();
        self.below.try_reserve_exact(counts)?;
        self.below.resize(counts, 0.0);
        let mut group = 0;
        for (position, &(_, actual)) in pairs.iter().enumerate() {
            group += usize::from(position as f64 >= self.before[group + 1]);
            let cell = tops.partition_point(|&top| top < actual);
            self.below[(group + 1) * self.values.len() + cell] += 1.0;
        }
        for row in self.below.chunks_exact_mut(self.values.len()) {
            accumulate(row.iter_mut());
        }
        Ok(())
    }

    /// Replaces the shares up to each value by the nearest shares that fall as predictions grow.
    fn smooth(&mut self) {
        let width = self.width();
        let sizes: Vec<f64> = self.before.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for value in 0..width {
            let column = self.below[width..].iter().skip(value).step_by(width);
            let shares = falling(column.copied(), &sizes);
            let column = self.below[width..].iter_mut().skip(value).step_by(width);
            for ((below, share), size) in column.zip(shares).zip(&sizes) {
                *below = share * size;
            }
        }
    }

    /// Finds the longest actual length of each group, then sums the rows of the groups.
    fn accumulate(&mut self) {
        let width = self.width();
        let sizes = self.before.windows(2).map(|pair| pair[1] - pair[0]);
        let groups = self.below[width..].chunks_exact(width).zip(sizes);
        self.longest =
            groups.map(|(row, size)| row.partition_point(|&below| below < size)).collect();
        for value in 0..width {
            accumulate(self.below.iter_mut().skip(value).step_by(width));
        }
    }

    /// Returns for each value how many pairs before `group` have at most this actual length.
    fn below(&self, group: usize) -> &[f64] {
        &self.below[group * self.width()..(group + 1) * self.width()]
    }

    /// Writes `costs[to - from - 1]` = pairs × E[longest actual length of `batch`] of the bin of
    /// groups from..to. Returns how many costs were written.
    fn longest_costs(&self, from: usize, costs: &mut [f64]) -> usize {
        let low = self.below(from);
        let mut longest = 0;
        for (cost, group) in costs.iter_mut().zip(from..) {
            longest = longest.max(self.longest[group]);
            let pairs = self.before[group + 1] - self.before[from];
            *cost = pairs * self.expected(low, self.below(group + 1), pairs, longest);
        }
        costs.len()
    }

    /// Returns E[longest] of the bin with the pairs that `high` counts and `low` does not.
    ///
    /// It is the value at index `longest`, the longest of the bin, less
    /// Σ gap × (share of the pairs up to the gap)^B.
    fn expected(&self, low: &[f64], high: &[f64], pairs: f64, longest: usize) -> f64 {
        // Above the longest, the share is 1: rounding up to whole vectors changes nothing.
        let end = longest.next_multiple_of(LANES);
        let start = first(&low[..end], &high[..end], pairs * self.min_share);
        let (low, high) = (&low[start..end], &high[start..end]);
        let missed = missed(low, high, &self.gaps[start..end], pairs.recip(), self.batch);
        self.values[end.min(self.width() - 1)] - missed
    }
}

/// Returns the start of the first vector with a value up to which there are at least `enough`
/// pairs.
fn first(low: &[f64], high: &[f64], enough: f64) -> usize {
    let (mut start, mut end) = (0, low.len() / LANES);
    while start < end {
        let middle = usize::midpoint(start, end);
        let last = middle * LANES + LANES - 1;
        if high[last] - low[last] < enough {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start * LANES
}

/// Computes Σ gap × ((high − low) × scale)^batch.
fn missed(low: &[f64], high: &[f64], gaps: &[f64], scale: f64, batch: u32) -> f64 {
    let mut sums = [0.0; LANES];
    let (low, high) = (low.chunks_exact(LANES), high.chunks_exact(LANES));
    for ((low, high), gaps) in low.zip(high).zip(gaps.chunks_exact(LANES)) {
        let shares: [f64; LANES] = std::array::from_fn(|i| (high[i] - low[i]) * scale);
        let powers = powers(shares, batch);
        for ((sum, power), gap) in sums.iter_mut().zip(powers).zip(gaps) {
            *sum += power * gap;
        }
    }
    sums.iter().sum()
}

/// Replaces each term by the sum of the terms up to it.
fn accumulate<'a>(terms: impl Iterator<Item = &'a mut f64>) {
    let mut sum = 0.0;
    for term in terms {
        sum += *term;
        *term = sum;
    }
}

fn mean(values: &[(u32, f64)]) -> f64 {
    let (sum, mass) = values.iter().fold((0.0, 0.0), |(sum, mass), &(value, count)| {
        (sum + f64::from(value) * count, mass + count)
    });
    sum / mass
}

#[cfg(test)]
mod tests {
    use super::super::fit;
    use super::super::map::Edges;
    use super::*;

    fn pairs(n: u32, seed: u64, noise: u32) -> Vec<(u32, u32)> {
        let mut state = seed + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as u32
        };
        let pair = |_| {
            let length = 1 + next() % 20 + next() % 3 * 20;
            (length + next() % noise, length)
        };
        let mut pairs: Vec<_> = (0..n).map(pair).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Computes the cost from its definition: Σ over bins of Σ vᵢ [(i/n)^B − ((i−1)/n)^B] × n.
    fn cost(pairs: &[(u32, u32)], bounds: &[u32], batch: i32) -> f64 {
        let edges = Edges::new(bounds).unwrap();
        let mut bins = vec![Vec::new(); edges.bins()];
        for &(predicted, actual) in pairs {
            bins[edges.bin(predicted)].push(actual);
        }
        let of_bin = |mut actual: Vec<u32>| {
            actual.sort_unstable();
            let n = actual.len() as f64;
            let share = |i: usize| (i as f64 / n).powi(batch);
            let term = |(i, &v): (usize, &u32)| n * f64::from(v) * (share(i + 1) - share(i));
            actual.iter().enumerate().map(term).sum::<f64>()
        };
        bins.into_iter().map(of_bin).sum()
    }

    #[test]
    fn optimal_without_smoothing_is_the_best_of_all_cuts() {
        for seed in 0..20 {
            let pairs = pairs(40, seed, 30);
            let bounds = optimal(&pairs, false, 3, 4, usize::MAX).unwrap();
            let (low, top) = (pairs[0].0, pairs[pairs.len() - 1].0 + 1);
            let mut min = f64::INFINITY;
            for a in low + 1..top {
                for b in a + 1..top {
                    min = min.min(cost(&pairs, &[low, a, b, top], 4));
                }
            }
            assert!((cost(&pairs, &bounds, 4) - min).abs() < 1e-9 * min, "seed {seed}");
        }
    }

    #[test]
    fn exact_predictions_give_the_edges_of_one_sample() {
        for seed in 0..20 {
            let pairs = pairs(300, seed, 1);
            let sample: Vec<u32> = pairs.iter().map(|pair| pair.1).collect();
            let alone = fit::optimal(&sample, 5, 8, usize::MAX).unwrap();
            for monotone in [false, true] {
                assert_eq!(optimal(&pairs, monotone, 5, 8, usize::MAX).unwrap(), alone);
            }
        }
    }

    #[test]
    fn smoothed_costs_have_the_quadrangle_inequality() {
        for (seed, batch) in (0..5).zip([1, 2, 8, 32, 100]) {
            let pairs = pairs(200, seed, 40);
            let predicted: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
            let groups = Groups::new(&predicted, usize::MAX);
            let table = Table::new(&groups, &pairs, true, batch).unwrap();
            let n = groups.len();
            let mut cost = vec![vec![0.0; n + 1]; n];
            for (from, row) in cost.iter_mut().enumerate() {
                table.longest_costs(from, &mut row[from + 1..]);
            }
            for (a, c) in (0..n).flat_map(|a| (a + 2..n).map(move |c| (a, c))) {
                let nested = cost[a][c + 1] + cost[a + 1][c];
                assert!(cost[a][c] + cost[a + 1][c + 1] <= nested * (1.0 + 1e-12));
            }
        }
    }

    #[test]
    fn pairs_whose_shares_fall_are_not_smoothed() {
        let pairs: Vec<(u32, u32)> =
            (0..8).flat_map(|p| (0..4).map(move |i| (p * 10, p * 3 + i * 5))).collect();
        let bounds = |monotone| optimal(&pairs, monotone, 3, 16, usize::MAX).unwrap();
        assert_eq!(bounds(true), bounds(false));
    }
}
