//! The cheapest way to cut a row of groups into runs.

use std::collections::TryReserveError;

/// What is known of the costs C(i, j) of the runs i..j.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Costs {
    /// C(a, c) + C(b, d) ≤ C(a, d) + C(b, c) for all a ≤ b ≤ c ≤ d (the quadrangle inequality).
    Quadrangle,
    /// Nothing.
    Any,
}

/// Cuts `groups` ≥ 1 groups into at most `bins` ≥ 1 runs of least total cost; returns where each
/// starts. `row(i, out)` writes the costs of the runs i..i+1, i..i+2, … i..groups and returns how many:
/// it may leave out runs, and then all that contain them, that no cheapest cut has. It is asked once for
/// each i, the last first.
///
/// Time: that of the rows plus O(groups · (groups + bins)) with the quadrangle inequality,
/// O(groups² · bins) without. Memory: O(groups · bins).
pub(super) fn partition(
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

/// `rows` rows of `width` equal values, if there is so much memory.
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

/// The cheapest cuts of the last groups, for each number of runs.
struct Tails {
    groups: usize,
    costs: Costs,
    /// `least[runs - 1][from]`: cost of the groups from.. in exactly `runs` runs.
    least: Vec<Vec<f64>>,
    /// `end[runs - 1][from]`: where the first of these runs ends.
    end: Vec<Vec<u32>>,
}

impl Tails {
    fn new(groups: usize, bins: usize, costs: Costs) -> Result<Self, TryReserveError> {
        let (least, end) = (filled(bins, groups, f64::INFINITY)?, filled(bins, groups, 0)?);
        Ok(Self { groups, costs, least, end })
    }

    /// Takes the costs of the runs that start at `from`; all later starts are known.
    fn add(&mut self, from: usize, row: &[f64]) {
        if from + row.len() == self.groups {
            self.least[0][from] = row[row.len() - 1];
            self.end[0][from] = self.groups as u32;
        }
        let most = self.least.len().min(self.groups - from);
        // Most runs first: their first end bounds that of fewer.
        for runs in (2..=most).rev() {
            let Some((low, high)) = self.window(from, runs, from + row.len()) else { break };
            let rest = &self.least[runs - 2][low..=high];
            let run = &row[low - from - 1..high - from];
            let (at, cost) = cheapest(run, rest);
            self.least[runs - 1][from] = cost;
            self.end[runs - 1][from] = (low + at) as u32;
        }
    }

    /// Where the first of `runs` runs from `from` may end, lowest and highest, at most at `last`;
    /// `None` when so few runs do not reach the end.
    ///
    /// With the quadrangle inequality the end moves up when the start does, and down when there are
    /// more runs. The ordering of the two matters where rounding breaks ties.
    fn window(&self, from: usize, runs: usize, last: usize) -> Option<(usize, usize)> {
        let (mut low, mut high) = (from + 1, last.min(self.groups + 1 - runs));
        if from + runs < self.groups {
            if self.least[runs - 1][from + 1].is_infinite() {
                return None;
            }
            if self.costs == Costs::Quadrangle {
                high = high.min(self.end[runs - 1][from + 1] as usize);
            }
        }
        let more = self.least.get(runs).is_some_and(|least| least[from].is_finite());
        if more && self.costs == Costs::Quadrangle {
            low = self.end[runs][from] as usize;
        }
        Some((low.min(high), high.max(low)))
    }

    /// Where the runs start in the cheapest cut of all groups; of equal ones that with fewer runs.
    fn starts(&self) -> Vec<usize> {
        let cost = |runs: usize| self.least[runs][0];
        let best = (0..self.least.len()).fold(0, |a, b| if cost(b) < cost(a) { b } else { a });
        let mut starts = vec![0];
        for runs in (1..=best).rev() {
            starts.push(self.end[runs][starts[starts.len() - 1]] as usize);
        }
        starts
    }
}

/// The first least sum of a run and the rest after it, and where it is.
fn cheapest(run: &[f64], rest: &[f64]) -> (usize, f64) {
    let sums = run.iter().zip(rest).map(|(run, rest)| run + rest).enumerate();
    sums.fold((0, f64::INFINITY), |least, sum| if sum.1 < least.1 { sum } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Squared sums of what the groups weigh: they have the quadrangle inequality.
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
        // n²/k + 9k is least for k = 4 of n = 12.
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
