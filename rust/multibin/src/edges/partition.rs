//! Cuts a row of groups into runs of minimal total cost.

use std::collections::TryReserveError;

/// Known property of the costs C(i, j) of the runs i..j.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Costs {
    /// C(a, c) + C(b, d) ≤ C(a, d) + C(b, c) for all a ≤ b ≤ c ≤ d (the quadrangle inequality).
    Quadrangle,
    /// No property.
    Any,
}

/// Cuts `groups` ≥ 1 groups into at most `bins` ≥ 1 runs of minimal total cost. Returns the start
/// of each run.
///
/// `row(i, out)` writes the costs of the runs i..i+1, i..i+2, … i..groups and returns how many it
/// wrote. It may truncate the row where longer runs cannot be optimal. It is called once per i, in
/// decreasing order.
///
/// Time: that of the rows plus O(groups · (groups + bins)) with the quadrangle inequality,
/// O(groups² · bins) without. Memory: O(groups · bins).
pub(crate) fn partition(
    groups: usize,
    bins: usize,
    costs: Costs,
    mut row: impl FnMut(usize, &mut [f64]) -> usize,
) -> Result<Vec<usize>, TryReserveError> {
    let mut tails = Tails::new(groups, bins.min(groups), costs)?;
    let mut out = vec![0.0; groups];
    for from in (0..groups).rev() {
        let written = row(from, &mut out[..groups - from]);
        tails.add(from, &out[..written]);
    }
    Ok(tails.starts())
}

/// Returns `rows` rows of `width` equal values, or an error if memory is too small.
pub(super) fn filled<T: Copy>(
    rows: usize,
    width: usize,
    value: T,
) -> Result<Vec<Vec<T>>, TryReserveError> {
    let row = |_| {
        let mut row = Vec::new();
        row.try_reserve_exact(width)?;
        row.resize(width, value);
        Ok(row)
    };
    (0..rows).map(row).collect()
}

/// Cheapest cuts of the last groups, for each number of runs.
struct Tails {
    groups: usize,
    costs: Costs,
    /// `cost[runs - 1][from]`: minimal cost of the groups from.. in exactly `runs` runs.
    cost: Vec<Vec<f64>>,
    /// `end[runs - 1][from]`: end of the first of these runs.
    end: Vec<Vec<u32>>,
}

impl Tails {
    fn new(groups: usize, bins: usize, costs: Costs) -> Result<Self, TryReserveError> {
        let (cost, end) = (filled(bins, groups, f64::INFINITY)?, filled(bins, groups, 0)?);
        Ok(Self { groups, costs, cost, end })
    }

    /// Adds the costs of the runs that start at `from`, after those of all later starts.
    fn add(&mut self, from: usize, row: &[f64]) {
        if from + row.len() == self.groups {
            self.cost[0][from] = row[row.len() - 1];
            self.end[0][from] = self.groups as u32;
        }
        let max_runs = self.cost.len().min(self.groups - from);
        // In decreasing order: the first end with more runs bounds that with fewer.
        for runs in (2..=max_runs).rev() {
            let Some((low, high)) = self.window(from, runs, from + row.len()) else { break };
            let rest = &self.cost[runs - 2][low..=high];
            let run = &row[low - from - 1..high - from];
            let (at, cost) = cheapest(run, rest);
            self.cost[runs - 1][from] = cost;
            self.end[runs - 1][from] = (low + at) as u32;
        }
    }

    /// Returns the lowest and the highest end of the first of `runs` runs from `from`, at most
    /// `last`. Returns `None` if so few runs do not reach the last group.
    ///
    /// With the quadrangle inequality, the end moves up with the start, and down with more runs.
    /// The order of the two steps matters where rounding breaks ties.
    fn window(&self, from: usize, runs: usize, last: usize) -> Option<(usize, usize)> {
        let (mut low, mut high) = (from + 1, last.min(self.groups + 1 - runs));
        if from + runs < self.groups {
            if self.cost[runs - 1][from + 1].is_infinite() {
                return None;
            }
            if self.costs == Costs::Quadrangle {
                high = high.min(self.end[runs - 1][from + 1] as usize);
            }
        }
        let more = self.cost.get(runs).is_some_and(|cost| cost[from].is_finite());
        if more && self.costs == Costs::Quadrangle {
            low = self.end[runs][from] as usize;
        }
        Some((low.min(high), high.max(low)))
    }

    /// Returns the starts of the runs in the cheapest cut of all groups; among equal ones, the cut
    /// with fewer runs.
    fn starts(&self) -> Vec<usize> {
        let cost = |runs: usize| self.cost[runs][0];
        let best = (0..self.cost.len()).fold(0, |a, b| if cost(b) < cost(a) { b } else { a });
        let mut starts = vec![0];
        for runs in (1..=best).rev() {
            starts.push(self.end[runs][starts[starts.len() - 1]] as usize);
        }
        starts
    }
}

/// Returns the index and the value of the first minimal sum of a run and the rest after it.
fn cheapest(run: &[f64], rest: &[f64]) -> (usize, f64) {
    let sums = run.iter().zip(rest).map(|(run, rest)| run + rest).enumerate();
    sums.fold((0, f64::INFINITY), |min, sum| if sum.1 < min.1 { sum } else { min })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns squared sums of the groups' weights, which have the quadrangle inequality.
    fn squares(weights: &[f64]) -> impl Fn(usize, &mut [f64]) -> usize {
        move |from, row| {
            let mut sum = 0.0;
            for (cost, weight) in row.iter_mut().zip(&weights[from..]) {
                sum += weight;
                *cost = sum * sum;
            }
            row.len()
        }
    }

    fn total(starts: &[usize], weights: &[f64], fixed: f64) -> f64 {
        let ends = starts[1..].iter().copied().chain([weights.len()]);
        let runs = starts.iter().zip(ends).map(|(&from, to)| weights[from..to].iter().sum::<f64>());
        runs.map(|sum| sum * sum + fixed).sum()
    }

    #[test]
    fn with_and_without_the_inequality_the_cost_is_the_same() {
        for n in [1, 2, 3, 10, 50] {
            let weights: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 31 + i % 3)).collect();
            for bins in 1..=12 {
                let cut = |costs| partition(weights.len(), bins, costs, squares(&weights)).unwrap();
                let (fast, slow) = (cut(Costs::Quadrangle), cut(Costs::Any));
                assert!(fast.len() <= bins && fast[0] == 0);
                assert_eq!(total(&fast, &weights, 0.0), total(&slow, &weights, 0.0));
            }
        }
    }

    #[test]
    fn runs_that_no_cheapest_cut_has_may_be_left_out() {
        let weights: Vec<f64> = (0..60).map(|i| f64::from(i * 7919 % 31 + 1)).collect();
        for bins in [2, 5, 20, 60] {
            let whole = partition(60, bins, Costs::Any, squares(&weights)).unwrap();
            let cost = total(&whole, &weights, 0.0);
            for costs in [Costs::Any, Costs::Quadrangle] {
                let cut = partition(60, bins, costs, |from, row| {
                    squares(&weights)(from, row);
                    row.partition_point(|&run| run <= cost)
                });
                assert_eq!(total(&cut.unwrap(), &weights, 0.0), cost);
            }
        }
    }

    #[test]
    fn fewer_runs_are_taken_where_they_cost_less() {
        let weights = [1.0; 12];
        let cost = |from: usize, row: &mut [f64]| {
            let written = squares(&weights)(from, row);
            for cost in row {
                *cost += 9.0;
            }
            written
        };
        // n²/k + 9k is minimal for k = 4 of n = 12.
        for costs in [Costs::Quadrangle, Costs::Any] {
            assert_eq!(partition(12, 12, costs, cost).unwrap(), [0, 3, 6, 9]);
        }
        assert_eq!(total(&[0, 3, 6, 9], &weights, 9.0), 72.0);
    }

    #[test]
    fn ties_do_not_empty_the_window() {
        let row = |_: usize, row: &mut [f64]| {
            for (i, cost) in (1..).zip(row.iter_mut()) {
                *cost = f64::from(i) * 0.1;
            }
            row.len()
        };
        let starts = partition(40, 7, Costs::Quadrangle, row).unwrap();
        assert!(starts.windows(2).all(|pair| pair[0] < pair[1]) && starts.len() <= 7);
    }
}
