//! Fits edges to a sample of lengths.

use std::collections::TryReserveError;

use super::groups::Groups;
use super::partition::{Costs, partition};
use super::power::power;

/// Limit of the candidate edges of levels.
const MAX_CANDIDATES: usize = 1024;

/// Returns the optimal bounds for batches of `batch_size` from one bin each, out of `candidates`
/// edges; `sorted` is not empty.
pub(super) fn optimal(
    sorted: &[u32],
    bins: usize,
    batch_size: u32,
    candidates: usize,
) -> Result<Vec<u32>, TryReserveError> {
    let groups = Groups::new(sorted, candidates);
    let max_excess = excess(&groups, &Groups::new(sorted, bins), batch_size);
    let row =
        |from: usize, row: &mut [f64]| longest_costs(&groups, from, batch_size, max_excess, row);
    Ok(groups.bounds(&partition(groups.len(), bins, Costs::Quadrangle, row)?))
}

/// Returns the bounds of levels to climb, from 0; `sorted` is not empty.
pub(super) fn feedback(
    sorted: &[u32],
    bins: usize,
    overhead: f64,
) -> Result<Vec<u32>, TryReserveError> {
    // A request that takes no step is in no level.
    let sorted = &sorted[sorted.partition_point(|&length| length == 0)..];
    if sorted.is_empty() {
        return Ok(vec![0, 1]);
    }
    let groups = Groups::new(sorted, MAX_CANDIDATES);
    let before = groups.before();
    let row = |from: usize, row: &mut [f64]| level_costs(&groups, &before, from, overhead, row);
    let starts = partition(groups.len(), bins, Costs::Quadrangle, row)?;
    let inner = starts[1..].iter().map(|&start| groups.last(start - 1));
    Ok(std::iter::once(0).chain(inner).chain([groups.last(groups.len() - 1)]).collect())
}

/// A bin while lengths are added to it in increasing order.
#[derive(Default)]
struct Bin {
    mass: f64,
    /// E[longest of a batch].
    longest: f64,
    /// Sum of all lengths.
    sum: f64,
}

impl Bin {
    /// Adds `count` lengths of one value, not below those before.
    ///
    /// Let the bin hold n lengths and get c more of value v. All B rows of a batch are among the
    /// first n with probability r^B, r = n / (n + c). So E' = r^B·E + (1 − r^B)·v.
    #[inline]
    fn add(&mut self, length: f64, count: f64, batch: u32) {
        let all_shorter = power(self.mass / (self.mass + count), batch);
        self.longest = all_shorter * self.longest + (1.0 - all_shorter) * length;
        self.mass += count;
        self.sum += length * count;
    }

    fn cost(&self) -> f64 {
        self.mass * self.longest
    }

    /// Returns the cost of the bin beyond the sum of its lengths. Splitting a bin never raises it.
    fn excess(&self) -> f64 {
        self.cost() - self.sum
    }
}

/// Returns an upper bound of the best bins' excess: their cost beyond the sum of the lengths.
///
/// It is the excess of other bins, plus a margin for rounding. These bins end where the groups of
/// `coarse` do, or at the next end in `groups`. No single one of the best bins exceeds it either.
fn excess(groups: &Groups, coarse: &Groups, batch: u32) -> f64 {
    let mut ends = coarse.end.iter().peekable();
    let (mut bin, mut excess, mut sum) = (Bin::default(), 0.0, 0.0);
    for (group, &end) in groups.end.iter().enumerate() {
        for &(length, count) in groups.of(group) {
            bin.add(f64::from(length), count, batch);
        }
        if ends.next_if(|&&coarse| coarse <= end).is_some() {
            while ends.next_if(|&&coarse| coarse <= end).is_some() {}
            excess += bin.excess();
            sum += std::mem::take(&mut bin).sum;
        }
    }
    excess + 1e-9 * (excess + sum)
}

/// Writes `costs[to - from - 1]` = mass × E[longest of `batch`] of the bin of groups from..to.
///
/// Stops before the first bin of several groups with an excess above `max_excess`. Returns how
/// many costs were written.
///
/// The quadrangle inequality holds. Let a and b count the lengths of the bin up to x and above x.
/// The cost is the integral over x of (a + b)·(1 − (a/(a+b))^B). Its mixed derivative in a and b is
/// B·(B−1)·a^(B−1)·b·(a+b)^(−B−1) ≥ 0. Here a grows as the bin's start goes down, and b as its
/// end goes up. Where x lies outside the bin, the integrand is linear with continuous slopes.
fn longest_costs(
    groups: &Groups,
    from: usize,
    batch: u32,
    max_excess: f64,
    costs: &mut [f64],
) -> usize {
    let mut bin = Bin::default();
    for (written, (cost, group)) in costs.iter_mut().zip(from..).enumerate() {
        for &(length, count) in groups.of(group) {
            bin.add(f64::from(length), count, batch);
        }
        if written > 0 && bin.excess() > max_excess {
            return written;
        }
        *cost = bin.cost();
    }
    costs.len()
}

/// Writes `costs[to - from - 1]` = S(lower edge) × (upper edge − lower edge + overhead) of a level:
/// the one that ends at the longest length of group to − 1. Returns how many costs were written.
///
/// The quadrangle inequality holds: C(a, c) + C(b, d) − C(a, d) − C(b, c) is
/// (S(a) − S(b)) × (edge c − edge d) ≤ 0.
fn level_costs(
    groups: &Groups,
    before: &[f64],
    from: usize,
    overhead: f64,
    costs: &mut [f64],
) -> usize {
    let lower = if from == 0 { 0 } else { groups.last(from - 1) };
    let survivors = before[before.len() - 1] - before[from];
    for (cost, group) in costs.iter_mut().zip(from..) {
        *cost = survivors * (f64::from(groups.last(group) - lower) + overhead);
    }
    costs.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes E[longest of `batch`] from its definition: Σ vᵢ [(i/n)^B − ((i−1)/n)^B].
    fn longest(sorted: &[u32], batch: i32) -> f64 {
        let n = sorted.len() as f64;
        let share = |i: usize| (i as f64 / n).powi(batch);
        let term = |(i, &v): (usize, &u32)| f64::from(v) * (share(i + 1) - share(i));
        sorted.iter().enumerate().map(term).sum()
    }

    fn cost(sorted: &[u32], bounds: &[u32], batch: i32) -> f64 {
        let bins = bounds.windows(2).map(|pair| {
            let lo = sorted.partition_point(|&v| v < pair[0]);
            &sorted[lo..sorted.partition_point(|&v| v < pair[1])]
        });
        bins.map(|bin| bin.len() as f64 * longest(bin, batch)).sum()
    }

    fn lengths(n: u32, seed: u32) -> Vec<u32> {
        let mut state = u64::from(seed) + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as u32
        };
        let mut values: Vec<u32> = (0..n).map(|_| 1 + next() % 9 + (next() % 3) * 17).collect();
        values.sort_unstable();
        values
    }

    #[test]
    fn optimal_is_the_best_of_all_cuts() {
        for seed in 0..20 {
            let sorted = lengths(40, seed);
            let bounds = optimal(&sorted, 3, 4, usize::MAX).unwrap();
            let top = sorted[sorted.len() - 1] + 1;
            let mut min = f64::INFINITY;
            for a in sorted[0] + 1..top {
                for b in a + 1..top {
                    min = min.min(cost(&sorted, &[sorted[0], a, b, top], 4));
                }
            }
            assert!((cost(&sorted, &bounds, 4) - min).abs() < 1e-9 * min, "seed {seed}");
        }
    }

    #[test]
    fn bins_above_the_excess_bound_are_never_among_the_best() {
        for (seed, bins) in (0..20).zip([2, 3, 5, 8, 13].into_iter().cycle()) {
            let sorted = lengths(300, seed);
            let groups = Groups::new(&sorted, usize::MAX);
            let row =
                |from: usize, row: &mut [f64]| longest_costs(&groups, from, 16, f64::INFINITY, row);
            let all = groups.bounds(&partition(groups.len(), bins, Costs::Any, row).unwrap());
            let min = cost(&sorted, &all, 16);
            let found = cost(&sorted, &optimal(&sorted, bins, 16, usize::MAX).unwrap(), 16);
            assert!((found - min).abs() < 1e-9 * min, "seed {seed}: {found} {min}");
        }
    }

    #[test]
    fn feedback_is_the_best_of_all_cuts() {
        let levels = |sorted: &[u32], bounds: &[u32], overhead: f64| -> f64 {
            let survivors = |l: u32| sorted.iter().filter(|&&v| v > l).count() as f64;
            let level =
                |pair: &[u32]| survivors(pair[0]) * (f64::from(pair[1] - pair[0]) + overhead);
            bounds.windows(2).map(level).sum()
        };
        for seed in 0..20 {
            let sorted = lengths(40, seed);
            let top = sorted[sorted.len() - 1];
            let found = levels(&sorted, &feedback(&sorted, 3, 2.0).unwrap(), 2.0);
            let mut min = levels(&sorted, &[0, top], 2.0);
            for a in 1..top {
                min = min.min(levels(&sorted, &[0, a, top], 2.0));
                for b in a + 1..top {
                    min = min.min(levels(&sorted, &[0, a, b, top], 2.0));
                }
            }
            assert!((found - min).abs() < 1e-9 * min, "seed {seed}: {found} {min}");
        }
    }

    #[test]
    fn costs_have_the_quadrangle_inequality() {
        for (seed, batch) in (0..8).zip([1, 2, 3, 4, 8, 32, 100, 1_000]) {
            let groups = Groups::new(&lengths(60, seed), usize::MAX);
            let before = groups.before();
            let longest =
                table(&groups, |from, row| longest_costs(&groups, from, batch, f64::INFINITY, row));
            let levels = table(&groups, |from, row| level_costs(&groups, &before, from, 2.0, row));
            for cost in [longest, levels] {
                quadrangle(&cost);
            }
        }
    }

    /// Returns the cost of each run of groups, 0 for an empty one.
    fn table(groups: &Groups, row: impl Fn(usize, &mut [f64]) -> usize) -> Vec<Vec<f64>> {
        let costs = |from| {
            let mut costs = vec![0.0; groups.len() + 1];
            row(from, &mut costs[from + 1..]);
            costs
        };
        (0..groups.len()).map(costs).collect()
    }

    /// Checks the inequality for neighbours, from which it follows for all.
    fn quadrangle(cost: &[Vec<f64>]) {
        let n = cost.len();
        for (a, c) in (0..n).flat_map(|a| (a + 2..n).map(move |c| (a, c))) {
            let (parallel, nested) =
                (cost[a][c] + cost[a + 1][c + 1], cost[a][c + 1] + cost[a + 1][c]);
            assert!(parallel <= nested * (1.0 + 1e-12), "{a} {c}: {parallel} > {nested}");
        }
    }

    #[test]
    fn thinned_candidates_cost_little() {
        let sorted: Vec<u32> = (0..3000u32).map(|i| i * i / 40).collect();
        let exact = cost(&sorted, &optimal(&sorted, 32, 32, usize::MAX).unwrap(), 32);
        for (candidates, ratio) in [(256, 1.001), (64, 1.01), (32, 1.05)] {
            let bounds = optimal(&sorted, 32, 32, candidates).unwrap();
            let thinned = cost(&sorted, &bounds, 32) / exact;
            assert!((1.0..ratio).contains(&thinned), "{candidates}: {thinned}");
        }
    }
}
