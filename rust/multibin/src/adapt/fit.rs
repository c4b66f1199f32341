//! One fit of edges to finished requests: what takes long, apart from all locks.

use super::sample::Reference;
use crate::edges::{Edges, Optimal};
use crate::gate::expected_longest;

/// What a fit needs to know.
#[derive(Debug)]
pub(crate) struct Job {
    /// (predicted, actual), the oldest first; at least two.
    pub(super) pairs: Vec<(u32, u32)>,
    /// The edges in use.
    pub(super) current: Edges,
    /// The most bins.
    pub(super) bins: usize,
    pub(super) batch_size: u32,
    /// For levels to climb without predictions: the cost of a move, in steps.
    pub(super) levels: Option<f64>,
    /// What better edges must gain.
    pub(super) hysteresis: f64,
    /// The configuration for which it is.
    pub(super) epoch: u64,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Fit {
    /// Better edges, and what the throughput in saturation gains by them, as a share.
    pub(super) better: Option<(Edges, f64)>,
    pub(super) reference: Reference,
    pub(super) epoch: u64,
}

impl Job {
    /// Edges for every other pair, judged with the pairs between them: judged with their own, noise
    /// alone would seem a gain. Takes some milliseconds.
    pub(crate) fn run(self) -> Fit {
        let every_other = |first| self.pairs.iter().skip(first).step_by(2).copied();
        let fitted = self.edges(every_other(0).unzip());
        let mut judges: Vec<_> = every_other(1).collect();
        judges.sort_unstable_by_key(|&(_, actual)| actual);
        let (before, after) = (self.cost(&self.current, &judges), self.cost(&fitted, &judges));
        let gain = if after > 0.0 { before / after - 1.0 } else { 0.0 };
        let better = gain > 0.0 && gain >= self.hysteresis;
        Fit {
            better: better.then_some((fitted, gain)),
            reference: Reference::new(self.pairs.iter().copied()),
            epoch: self.epoch,
        }
    }

    fn edges(&self, (predicted, actual): (Vec<u32>, Vec<u32>)) -> Edges {
        let edges = match self.levels {
            Some(overhead) => Edges::feedback(&actual, self.bins, overhead),
            None => Optimal::new(self.bins, self.batch_size).fit_pairs(&predicted, &actual, true),
        };
        edges.expect("the options are checked and there are pairs")
    }

    /// Mean steps of a request's slot with these edges; `pairs` sorted by what they took.
    fn cost(&self, edges: &Edges, pairs: &[(u32, u32)]) -> f64 {
        match self.levels {
            Some(overhead) => climb(edges, pairs, overhead),
            None => expected_longest(edges, pairs, self.batch_size),
        }
    }
}

/// What [`Edges::feedback`] minimises: Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + overhead), the last level as long as
/// the longest request.
fn climb(edges: &Edges, pairs: &[(u32, u32)], overhead: f64) -> f64 {
    let longest = pairs.last().map_or(0, |pair| pair.1);
    let survivors =
        |level: u32| pairs.len() - pairs.partition_point(|&(_, actual)| actual <= level);
    let inner = edges.bounds()[1..edges.bins()].iter().copied();
    let (mut lower, mut cost) = (0, 0.0);
    for upper in inner.filter(|&upper| upper < longest).chain([longest]) {
        cost += survivors(lower) as f64 * (f64::from(upper - lower) + overhead);
        lower = upper;
    }
    cost / pairs.len() as f64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn job(pairs: Vec<(u32, u32)>, current: &[u32], levels: Option<f64>) -> Job {
        let current = Edges::new(current).unwrap();
        Job { pairs, current, bins: 4, batch_size: 8, levels, hysteresis: 0.02, epoch: 0 }
    }

    fn pairs() -> Vec<(u32, u32)> {
        (0..4_000u32).map(|i| i * 7_919 % 1_000).map(|length| (length, length)).collect()
    }

    #[test]
    fn one_bin_gives_way_and_the_best_edges_stay() {
        let (edges, gain) = job(pairs(), &[0, 1], None).run().better.unwrap();
        // Four bins of U[0, 1000) and batches of 8: 8/9 · 1000 before, 125 · 3 + 8/9 · 250 after.
        assert!((gain - (888.9 / 597.2 - 1.0)).abs() < 0.01, "{gain}");
        assert!(job(pairs(), edges.bounds(), None).run().better.is_none());
    }

    #[test]
    fn levels_are_judged_by_what_climbing_costs() {
        let unpredicted: Vec<_> = pairs().into_iter().map(|(_, actual)| (0, actual)).collect();
        let (edges, gain) = job(unpredicted.clone(), &[0, 1], Some(2.0)).run().better.unwrap();
        assert!(edges.bins() == 4 && gain > 0.5, "{edges:?} {gain}");
        assert!(job(unpredicted, edges.bounds(), Some(2.0)).run().better.is_none());
    }

    #[test]
    fn climbing_costs_every_level_that_is_reached() {
        let pairs = [(0, 5), (0, 10), (0, 30)];
        let edges = Edges::new(&[0, 10, 20, 100, 200]).unwrap();
        // 3 × (10 + 1), one × (10 + 1), one × (10 + 1).
        assert_eq!(climb(&edges, &pairs, 1.0) * 3.0, 55.0);
    }

    #[test]
    fn requests_that_take_nothing_change_nothing() {
        for levels in [None, Some(0.0)] {
            assert!(job(vec![(0, 0); 10], &[0, 5, 9], levels).run().better.is_none());
        }
    }
}
