//! Whether the traffic changed since edges were fitted to it.

use crate::gain::Weighed;
use crate::strata::Strata;

/// The most requests that are kept.
const MOST: usize = 4_000;
/// A distance of Kolmogorov and Smirnov of c·√(1/n + 1/m) is exceeded with probability 2·exp(−2·c²) by
/// independent samples of one distribution, here 10⁻⁶.
const C: f64 = 2.7;
/// Fewer new requests are not compared.
const LEAST: usize = 2_000;

/// The requests of a fit.
#[derive(Debug)]
pub(crate) struct Reference {
    /// Sorted by what they took.
    requests: Vec<Weighed>,
    /// How many requests their weights come from.
    arrivals: f64,
}

impl Reference {
    pub(super) fn new(requests: &[Weighed], arrivals: f64) -> Self {
        let every = requests.len().div_ceil(MOST).max(1);
        let mut requests: Vec<Weighed> = requests.iter().step_by(every).copied().collect();
        requests.sort_unstable_by_key(|request| request.actual);
        Self { requests, arrivals }
    }

    /// Whether the requests since the mark of `strata` are unlike these: in how many of them each
    /// bin has, or in what those of a bin take. Requests of a batch finish together, but what those
    /// of one bin take does not depend on which of them finish together.
    pub(super) fn is_unlike(&self, strata: &Strata) -> bool {
        let bins = Bins::new(self, strata);
        bins.shares_differ(strata, self.arrivals) || bins.lengths_differ(self, strata)
    }
}

/// The requests of a reference, by the bins that are in use now.
struct Bins {
    /// Of each request.
    of: Vec<usize>,
    /// How many each bin has, and their weight.
    counts: Vec<usize>,
    weights: Vec<f64>,
}

impl Bins {
    fn new(reference: &Reference, strata: &Strata) -> Self {
        let edges = strata.edges();
        let (mut counts, mut weights) = (vec![0; edges.bins()], vec![0.0; edges.bins()]);
        let of = reference.requests.iter().map(|request| {
            let bin = edges.bin(request.predicted);
            counts[bin] += 1;
            weights[bin] += request.weight;
            bin
        });
        Self { of: of.collect(), counts, weights }
    }

    fn shares_differ(&self, strata: &Strata, arrivals: f64) -> bool {
        let since: f64 = strata.masses().map(|(_, since)| since).sum();
        if since < LEAST as f64 {
            return false;
        }
        let kept = self.of.len() as f64;
        let bound = C * (since.recip() + kept.recip() + arrivals.recip()).sqrt();
        let all: f64 = self.weights.iter().sum();
        let differences = strata.masses().zip(&self.weights);
        distance(differences.map(|((_, now), before)| now / since - before / all)) > bound
    }

    /// Compares what requests of the same bin take, each bin with the share that it has now.
    fn lengths_differ(&self, reference: &Reference, strata: &Strata) -> bool {
        let known = |bin: usize| self.counts[bin] > 0 && strata.fresh(bin).len() > 0;
        let masses: Vec<f64> = strata.masses().map(|(mass, _)| mass).collect();
        let bins: Vec<usize> = (0..masses.len()).filter(|&bin| known(bin)).collect();
        let mass: f64 = bins.iter().map(|&bin| masses[bin]).sum();
        let fresh: usize = bins.iter().map(|&bin| strata.fresh(bin).len()).sum();
        if fresh < LEAST || mass < 0.5 * strata.mass() {
            return false;
        }
        let mut variance = 0.0;
        let mut steps = Vec::with_capacity(fresh + self.of.len());
        let mut step = vec![0.0; masses.len()];
        for &bin in &bins {
            let (share, count) = (masses[bin] / mass, strata.fresh(bin).len() as f64);
            step[bin] = share / self.counts[bin] as f64;
            variance += share * share * (count.recip() + (self.counts[bin] as f64).recip());
            steps.extend(strata.fresh(bin).map(|actual| (actual, share / count)));
        }
        let before = self.of.iter().zip(&reference.requests);
        steps.extend(before.map(|(&bin, request)| (request.actual, -step[bin])));
        steps.sort_unstable_by_key(|&(actual, _)| actual);
        let at_once = steps.chunk_by(|a, b| a.0 == b.0);
        let differences = at_once.map(|steps| steps.iter().map(|step| step.1).sum());
        distance(differences) > C * variance.sqrt()
    }
}

/// The largest absolute value of a sum of the first so many.
fn distance(differences: impl Iterator<Item = f64>) -> f64 {
    let sums = differences.scan(0.0, |sum, difference| {
        *sum += difference;
        Some(*sum)
    });
    sums.fold(0.0, |largest: f64, sum: f64| largest.max(sum.abs()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::edges::Edges;

    #[test]
    fn the_distance_is_the_largest_sum() {
        assert_eq!(distance([].into_iter()), 0.0);
        assert_eq!(distance([0.25, -0.75, 0.5].into_iter()), 0.5);
    }
}
