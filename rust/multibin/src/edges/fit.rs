//! Edges fitted to a sample: a shortest path over candidate edges.

use super::{Edges, above, distinct};

/// Optimal bounds for batches of `batch_size` from one bin each; `sorted` is not empty.
pub(super) fn optimal(sorted: &[u32], bins: usize, batch_size: u32) -> Vec<u32> {
    let groups = Groups::new(sorted);
    let cost = |from: usize, costs: &mut [f64]| groups.longest_costs(from, batch_size, costs);
    let starts = partition(groups.len(), bins, cost);
    let inner = starts[1..].iter().map(|&start| above(groups.last[start - 1]));
    distinct(std::iter::once(sorted[0].min(u32::MAX - 1)).chain(inner).chain([groups.top()]))
}

/// Bounds of levels to climb, from 0; `sorted` is not empty.
pub(super) fn feedback(sorted: &[u32], bins: usize, overhead: f64) -> Vec<u32> {
    // Who takes no step is in no level.
    let sorted = &sorted[sorted.partition_point(|&length| length == 0)..];
    if sorted.is_empty() {
        return vec![0, 1];
    }
    let groups = Groups::new(sorted);
    let cost = |from: usize, costs: &mut [f64]| groups.level_costs(from, overhead, costs);
    let starts = partition(groups.len(), bins, cost);
    let inner = starts[1..].iter().map(|&start| groups.last[start - 1]);
    std::iter::once(0).chain(inner).chain([groups.last[groups.len() - 1]]).collect()
}

/// The sample cut into groups of equal or neighbouring lengths; an edge may lie between groups.
struct Groups {
    /// The distinct lengths and how often each occurs.
    lengths: Vec<(u32, f64)>,
    /// For each group the position in `lengths` after its last one.
    end: Vec<usize>,
    /// For each group its longest length.
    last: Vec<u32>,
    /// For each group how much of the sample lies in the groups before it; and the total.
    before: Vec<f64>,
}

impl Groups {
    fn new(sorted: &[u32]) -> Self {
        let lengths: Vec<(u32, f64)> =
            sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as f64)).collect();
        let end = ends(&lengths, sorted.len() as f64);
        let last = end.iter().map(|&end| lengths[end - 1].0).collect();
        let mut before = vec![0.0];
        let mut start = 0;
        for &end in &end {
            let mass: f64 = lengths[start..end].iter().map(|&(_, count)| count).sum();
            before.push(before[before.len() - 1] + mass);
            start = end;
        }
        Self { lengths, end, last, before }
    }

    fn len(&self) -> usize {
        self.end.len()
    }

    fn top(&self) -> u32 {
        above(self.last[self.len() - 1])
    }

    fn first_length(&self, group: usize) -> usize {
        if group == 0 { 0 } else { self.end[group - 1] }
    }

    /// `costs[to - from - 1]` = mass × E[longest of `batch`] of the bin made of groups from..to.
    ///
    /// With n lengths so far and c more of value v, each of the batch is one of the first n with
    /// probability r = n / (n + c): E' = r^B·E + (1 − r^B)·v.
    fn longest_costs(&self, from: usize, batch: u32, costs: &mut [f64]) {
        let (mut mass, mut longest) = (0.0, 0.0);
        let mut position = self.first_length(from);
        for (cost, &end) in costs.iter_mut().zip(&self.end[from..]) {
            for &(length, count) in &self.lengths[position..end] {
                let all_shorter = (mass / (mass + count)).powf(f64::from(batch));
                longest = all_shorter * longest + (1.0 - all_shorter) * f64::from(length);
                mass += count;
            }
            position = end;
            *cost = mass * longest;
        }
    }

    /// `costs[to - from - 1]` = S(lower edge) × (upper edge − lower edge + overhead) of the level
    /// that ends at the longest length of group to − 1.
    fn level_costs(&self, from: usize, overhead: f64, costs: &mut [f64]) {
        let lower = if from == 0 { 0 } else { self.last[from - 1] };
        let survivors = self.before[self.len()] - self.before[from];
        for (cost, &upper) in costs.iter_mut().zip(&self.last[from..]) {
            *cost = survivors * (f64::from(upper - lower) + overhead);
        }
    }
}

/// Group ends: every distinct length, or, where there are too many, quantiles and even spacing
/// (so that the thin tail, which makes the longest members, has candidates too).
fn ends(lengths: &[(u32, f64)], total: f64) -> Vec<usize> {
    if lengths.len() <= Edges::MAX_CANDIDATES {
        return (1..=lengths.len()).collect();
    }
    let half = Edges::MAX_CANDIDATES as f64 / 2.0;
    let low = f64::from(lengths[0].0);
    let width = f64::from(lengths[lengths.len() - 1].0) - low;
    let mut ends = Vec::with_capacity(Edges::MAX_CANDIDATES);
    let (mut mass, mut cell) = (0.0, (0.0, 0.0));
    for (i, &(length, count)) in lengths.iter().enumerate() {
        mass += count;
        let next =
            ((mass / total * half).floor(), ((f64::from(length) - low) / width * half).floor());
        if next != cell || i + 1 == lengths.len() {
            ends.push(i + 1);
            cell = next;
        }
    }
    ends
}

/// Cuts `groups` groups into at most `bins` runs of least total cost; returns where each starts.
/// `cost(from, out)` writes the costs of the runs from..from+1, from..from+2, …
fn partition(groups: usize, bins: usize, cost: impl Fn(usize, &mut [f64])) -> Vec<usize> {
    let bins = bins.min(groups);
    let rows: Vec<Vec<f64>> = (0..groups)
        .map(|from| {
            let mut row = vec![0.0; groups - from];
            cost(from, &mut row);
            row
        })
        .collect();
    // best[to] = least cost of the groups before `to` in the runs so far.
    let mut best = vec![f64::INFINITY; groups + 1];
    best[0] = 0.0;
    let mut from_of: Vec<Vec<usize>> = Vec::with_capacity(bins);
    let (mut least, mut runs) = (f64::INFINITY, 0);
    for count in 1..=bins {
        let (next, from) = extend(&best, &rows);
        best = next;
        from_of.push(from);
        if best[groups] < least {
            (least, runs) = (best[groups], count);
        }
    }
    let mut starts = vec![groups];
    for from in from_of[..runs].iter().rev() {
        let to = starts[starts.len() - 1];
        starts.push(from[to]);
    }
    starts.reverse();
    starts.pop();
    starts
}

/// One more run: the least cost of the groups before each `to`, and where its last run starts.
fn extend(best: &[f64], rows: &[Vec<f64>]) -> (Vec<f64>, Vec<usize>) {
    let mut next = vec![f64::INFINITY; best.len()];
    let mut start = vec![0; best.len()];
    for (from, row) in rows.iter().enumerate() {
        if best[from].is_infinite() {
            continue;
        }
        for (to, run) in (from + 1..).zip(row) {
            if best[from] + run < next[to] {
                next[to] = best[from] + run;
                start[to] = from;
            }
        }
    }
    (next, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E[longest of `batch`] straight from the definition: Σ vᵢ [(i/n)^B − ((i−1)/n)^B].
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
            let bounds = optimal(&sorted, 3, 4);
            let top = sorted[sorted.len() - 1] + 1;
            let mut least = f64::INFINITY;
            for a in sorted[0] + 1..top {
                for b in a + 1..top {
                    least = least.min(cost(&sorted, &[sorted[0], a, b, top], 4));
                }
            }
            assert!((cost(&sorted, &bounds, 4) - least).abs() < 1e-9 * least, "seed {seed}");
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
            let found = levels(&sorted, &feedback(&sorted, 3, 2.0), 2.0);
            let mut least = levels(&sorted, &[0, top], 2.0);
            for a in 1..top {
                least = least.min(levels(&sorted, &[0, a, top], 2.0));
                for b in a + 1..top {
                    least = least.min(levels(&sorted, &[0, a, b, top], 2.0));
                }
            }
            assert!((found - least).abs() < 1e-9 * least, "seed {seed}: {found} {least}");
        }
    }

    #[test]
    fn many_distinct_lengths_are_thinned_without_losing_much() {
        let sorted: Vec<u32> = (0..3000u32).map(|i| i * i / 40).collect();
        let bounds = optimal(&sorted, 8, 32);
        let exact_uniform_bound = cost(
            &sorted,
            &[0, 1_000, 4_000, 20_000, 60_000, 110_000, 150_000, 190_000, 225_001],
            32,
        );
        assert_eq!(bounds.len(), 9);
        assert!(cost(&sorted, &bounds, 32) <= exact_uniform_bound);
    }
}
