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
    use crate::strata::Span;

    /// The same every time.
    fn random(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_769) >> 8) / f64::from(1 << 24)
    }

    /// `n` requests from the `from`-th on; the second bin has so much of the traffic, and its lengths
    /// are so many times as long. Each bin finishes in batches of `rows`.
    fn observe(strata: &mut Strata, from: u32, n: u32, share: f64, longer: f64, rows: usize) {
        let mut batches = [const { Vec::new() }; 2];
        for i in from..from + n {
            let bin = usize::from(random(i) < share);
            let factor = if bin == 1 { longer } else { 1.0 };
            #[expect(clippy::cast_sign_loss, reason = "positive")]
            let actual = (1_000.0 * factor * random(i + 1_000_000)) as u32;
            batches[bin].push(actual);
            if batches[bin].len() == rows {
                batches[bin].drain(..).for_each(|actual| strata.push(bin as u32 * 10, actual));
            }
            strata.weigh(Some(&[u64::from(bin == 0), u64::from(bin == 1)]));
        }
    }

    /// Whether `share` and `longer` are unlike a half and 1.
    fn is_unlike(share: f64, longer: f64, rows: usize) -> bool {
        let span = Span { window: 20_000, least: 1, longest: 20_000 };
        let mut strata = Strata::new(Edges::new(&[0, 10, 20]).unwrap(), span);
        observe(&mut strata, 0, 20_000, 0.5, 1.0, rows);
        let reference = Reference::new(&strata.weighed(), strata.mass());
        strata.mark();
        observe(&mut strata, 20_000, 5_000, share, longer, rows);
        reference.is_unlike(&strata)
    }

    #[test]
    fn batches_of_one_bin_are_no_drift() {
        for rows in [1, 8, 512, 2_000] {
            assert!(!is_unlike(0.5, 1.0, rows), "{rows}");
        }
    }

    #[test]
    fn other_shares_and_other_lengths_are() {
        for rows in [1, 512] {
            assert!(is_unlike(0.7, 1.0, rows) && is_unlike(0.5, 1.5, rows), "{rows}");
        }
    }

    #[test]
    fn the_distance_is_the_largest_sum() {
        assert_eq!(distance([].into_iter()), 0.0);
        assert_eq!(distance([0.25, -0.75, 0.5].into_iter()), 0.5);
    }
}
