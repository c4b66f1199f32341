//! One fit of edges to finished requests: what takes long, apart from all locks.

use super::gain::{Pool, Weighed};
use super::reference::Reference;
use crate::edges::{Edges, Optimal};

/// By how many standard errors a gain must exceed its bound.
const SURE: f64 = 4.0;

/// What a fit needs to know.
#[derive(Debug)]
pub(crate) struct Job {
    /// The requests of each bin together, the oldest first; at least two.
    pub(super) requests: Vec<Weighed>,
    /// How many requests their weights come from.
    pub(super) arrivals: f64,
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
    /// Edges for every other request, judged with the requests between them: judged with their own,
    /// noise alone would seem a gain. Takes some milliseconds.
    pub(crate) fn run(self) -> Fit {
        let every_other = |first| self.requests.iter().skip(first).step_by(2).copied();
        let fitted = self.edges(&every_other(0).collect::<Vec<_>>());
        let gain = self.gain(&fitted, every_other(1).collect());
        Fit {
            better: gain.map(|gain| (fitted, gain)),
            reference: Reference::new(&self.requests, self.arrivals),
            epoch: self.epoch,
        }
    }

    fn edges(&self, requests: &[Weighed]) -> Edges {
        let (predicted, actual): (Vec<u32>, Vec<u32>) = drawn(requests).unzip();
        let edges = match self.levels {
            Some(overhead) => Edges::feedback(&actual, self.bins, overhead),
            None => Optimal::new(self.bins, self.batch_size).fit_pairs(&predicted, &actual, true),
        };
        edges.expect("the options are checked and there are requests")
    }

    /// What these edges gain, as a share, if that is enough.
    fn gain(&self, fitted: &Edges, judges: Vec<Weighed>) -> Option<f64> {
        let mut pool = Pool::new(judges);
        let gain = self.gain_of(fitted, &mut pool);
        let enough = gain > 0.0 && gain >= self.hysteresis;
        // Levels are not judged by predictions.
        let noise = || match self.levels {
            Some(_) => 0.0,
            None => pool.deviation(|part| self.gain_of(fitted, part)),
        };
        (enough && gain >= self.hysteresis + SURE * noise()).then_some(gain)
    }

    fn gain_of(&self, fitted: &Edges, pool: &mut Pool) -> f64 {
        let (before, after) = (self.cost(&self.current, pool), self.cost(fitted, pool));
        if after > 0.0 { before / after - 1.0 } else { 0.0 }
    }

    /// Mean steps of a request's slot with these edges, for levels; else as a share of those with one
    /// bin.
    fn cost(&self, edges: &Edges, pool: &mut Pool) -> f64 {
        match self.levels {
            Some(overhead) => climb(edges, pool.requests(), overhead),
            None => pool.cost(edges, self.batch_size),
        }
    }
}

/// As many pairs as there are requests, each one as often as it weighs more than others.
fn drawn(requests: &[Weighed]) -> impl Iterator<Item = (u32, u32)> {
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

/// What [`Edges::feedback`] minimises: Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + overhead), the last level as long as
/// the longest request.
fn climb(edges: &Edges, requests: &[Weighed], overhead: f64) -> f64 {
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

/// Adds a request's weight to a running sum and returns it.
#[expect(clippy::unnecessary_wraps, reason = "for Iterator::scan")]
fn running_sum(sum: &mut f64, request: &Weighed) -> Option<f64> {
    *sum += request.weight;
    Some(*sum)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn weighed(pairs: &[(u32, u32)]) -> Vec<Weighed> {
        let weighed =
            |&(predicted, actual): &(u32, u32)| Weighed { predicted, actual, weight: 1.0 };
        pairs.iter().map(weighed).collect()
    }

    fn job(pairs: &[(u32, u32)], current: &[u32], levels: Option<f64>) -> Job {
        let current = Edges::new(current).unwrap();
        let requests = weighed(pairs);
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
    fn one_bin_gives_way_and_the_best_edges_stay() {
        let (edges, gain) = job(&pairs(), &[0, 1], None).run().better.unwrap();
        // Four bins of U[0, 1000) and batches of 8: 8/9 · 1000 before, 125 · 3 + 8/9 · 250 after.
        assert!((gain - (888.9 / 597.2 - 1.0)).abs() < 0.01, "{gain}");
        assert!(job(&pairs(), edges.bounds(), None).run().better.is_none());
    }

    #[test]
    fn levels_are_judged_by_what_climbing_costs() {
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
        assert_eq!(climb(&edges, &weighed(&pairs), 1.0) * 3.0, 55.0);
    }

    #[test]
    fn requests_that_take_nothing_change_nothing() {
        for levels in [None, Some(0.0)] {
            assert!(job(&[(0, 0); 10], &[0, 5, 9], levels).run().better.is_none());
        }
    }
}
