//! Fits edges to finished requests: the slow part, outside all locks.

use super::drift::Fitted;
use super::gain::{Pool, Weighted};
use crate::edges::{Edges, Optimal};

/// Standard errors by which a gain must exceed its bound.
const SIGNIFICANCE: f64 = 4.0;

/// Input of a fit.
#[derive(Debug)]
pub(crate) struct Job {
    /// Requests, bin by bin, each with the oldest first; at least two.
    pub(super) requests: Vec<Weighted>,
    /// Number of requests from which the weights come.
    pub(super) arrivals: f64,
    /// Edges in use.
    pub(super) current: Edges,
    /// Largest number of bins.
    pub(super) bins: usize,
    pub(super) batch_size: u32,
    /// Cost of a move, in steps, for levels to climb without predictions.
    pub(super) levels: Option<f64>,
    /// Gain that better edges need, as a share.
    pub(super) hysteresis: f64,
    /// Epoch of the configuration.
    pub(super) epoch: u64,
}

/// Result of a fit.
#[derive(Debug)]
pub(crate) struct Fit {
    /// Better edges, and their gain of throughput in saturation, as a share.
    pub(super) better: Option<(Edges, f64)>,
    /// Requests of the fit, to find a drift of later ones.
    pub(super) fitted: Fitted,
    /// Epoch of the job.
    pub(super) epoch: u64,
}

impl Job {
    /// Fits edges to every other request and judges them with the requests between. Judged with
    /// their own requests, noise alone would look like a gain. Takes some milliseconds.
    pub(crate) fn run(self) -> Fit {
        let every_other = |first| self.requests.iter().skip(first).step_by(2).copied();
        let fitted = self.edges(&every_other(0).collect::<Vec<_>>());
        let gain = self.gain(&fitted, every_other(1).collect());
        Fit {
            better: gain.map(|gain| (fitted, gain)),
            fitted: Fitted::new(&self.requests, self.arrivals),
            epoch: self.epoch,
        }
    }

    fn edges(&self, requests: &[Weighted]) -> Edges {
        let (predicted, actual): (Vec<u32>, Vec<u32>) = drawn(requests).unzip();
        let edges = match self.levels {
            Some(overhead) => Edges::feedback(&actual, self.bins, overhead),
            None => Optimal::new(self.bins, self.batch_size).fit_pairs(&predicted, &actual, true),
        };
        edges.expect("the settings are checked and there are requests")
    }

    /// Returns the gain of these edges, as a share, if it is enough.
    fn gain(&self, fitted: &Edges, judges: Vec<Weighted>) -> Option<f64> {
        let mut pool = Pool::new(judges);
        let gain = self.gain_of(fitted, &mut pool);
        let enough = gain > 0.0 && gain >= self.hysteresis;
        // Predictions do not judge levels.
        let noise = || match self.levels {
            Some(_) => 0.0,
            None => pool.deviation(|part| self.gain_of(fitted, part)),
        };
        (enough && gain >= self.hysteresis + SIGNIFICANCE * noise()).then_some(gain)
    }

    fn gain_of(&self, fitted: &Edges, pool: &mut Pool) -> f64 {
        let (before, after) = (self.cost(&self.current, pool), self.cost(fitted, pool));
        if after > 0.0 { before / after - 1.0 } else { 0.0 }
    }

    /// Returns the mean steps of a request's slot with these edges: in steps for levels, otherwise
    /// as a share of those with one bin.
    fn cost(&self, edges: &Edges, pool: &mut Pool) -> f64 {
        match self.levels {
            Some(overhead) => climb(edges, pool.requests(), overhead),
            None => pool.cost(edges, self.batch_size),
        }
    }
}

/// Yields as many pairs as there are requests, each in proportion to its weight.
fn drawn(requests: &[Weighted]) -> impl Iterator<Item = (u32, u32)> {
    let all: f64 = requests.iter().map(|request| request.weight).sum();
    let step = all / requests.len() as f64;
    let mut sum = 0.5 * step;
    requests.iter().flat_map(move |request| {
        sum += request.weight;
        #[expect(clippy::cast_sign_loss, reason = "weights are positive")]
        let times = (sum / step).floor() as usize;
        sum -= times as f64 * step;
        std::iter::repeat_n((request.predicted, request.actual), times)
    })
}

/// Computes what [`Edges::feedback`] minimises: Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + overhead). The last level
/// ends at the longest request.
fn climb(edges: &Edges, requests: &[Weighted], overhead: f64) -> f64 {
    let longest = requests.last().map_or(0, |request| request.actual);
    let mut above: Vec<f64> = requests.iter().rev().scan(0.0, running_sum).collect();
    above.reverse();
    let survivors = |level: u32| {
        let first = requests.partition_point(|request| request.actual <= level);
        above.get(first).copied().unwrap_or(0.0)
    };
    let inner = edges.bounds()[1..edges.bins()].iter().copied();
    let (mut lower, mut cost) = (0, 0.0);
    for upper in inner.filter(|&upper| upper < longest).chain([longest]) {
        cost += survivors(lower) * (f64::from(upper - lower) + overhead);
        lower = upper;
    }
    cost / above.first().copied().unwrap_or(1.0)
}

/// Adds a request's weight to a running sum and returns the sum.
#[expect(clippy::unnecessary_wraps, reason = "for Iterator::scan")]
fn running_sum(sum: &mut f64, request: &Weighted) -> Option<f64> {
    *sum += request.weight;
    Some(*sum)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn weighted(pairs: &[(u32, u32)]) -> Vec<Weighted> {
        let weighted =
            |&(predicted, actual): &(u32, u32)| Weighted { predicted, actual, weight: 1.0 };
        pairs.iter().map(weighted).collect()
    }

    fn job(pairs: &[(u32, u32)], current: &[u32], levels: Option<f64>) -> Job {
        let current = Edges::new(current).unwrap();
        let requests = weighted(pairs);
        let arrivals = requests.len() as f64;
        Job {
            requests,
            arrivals,
            current,
            bins: 4,
            batch_size: 8,
            levels,
            hysteresis: 0.02,
            epoch: 0,
        }
    }

    fn pairs() -> Vec<(u32, u32)> {
        (0..4_000u32).map(|i| i * 7_919 % 1_000).map(|length| (length, length)).collect()
    }

    #[test]
    fn the_best_edges_replace_one_bin_and_then_stay() {
        let (edges, gain) = job(&pairs(), &[0, 1], None).run().better.unwrap();
        // Four bins of U[0, 1000) and batches of 8: 8/9 · 1000 before, 125 · 3 + 8/9 · 250 after.
        assert!((gain - (888.9 / 597.2 - 1.0)).abs() < 0.01, "{gain}");
        assert!(job(&pairs(), edges.bounds(), None).run().better.is_none());
    }

    #[test]
    fn levels_are_judged_by_the_cost_of_climbing() {
        let unpredicted: Vec<_> = pairs().into_iter().map(|(_, actual)| (0, actual)).collect();
        let (edges, gain) = job(&unpredicted, &[0, 1], Some(2.0)).run().better.unwrap();
        assert!(edges.bins() == 4 && gain > 0.5, "{edges:?} {gain}");
        assert!(job(&unpredicted, edges.bounds(), Some(2.0)).run().better.is_none());
    }

    #[test]
    fn climbing_costs_every_level_that_is_reached() {
        let pairs = [(0, 5), (0, 10), (0, 30)];
        let edges = Edges::new(&[0, 10, 20, 100, 200]).unwrap();
        // 3 × (10 + 1), one × (10 + 1), one × (10 + 1).
        assert_eq!(climb(&edges, &weighted(&pairs), 1.0) * 3.0, 55.0);
    }

    #[test]
    fn requests_of_no_steps_change_nothing() {
        for levels in [None, Some(0.0)] {
            assert!(job(&[(0, 0); 10], &[0, 5, 9], levels).run().better.is_none());
        }
    }
}
