//! Estimates the gain of bins without bias from few finished requests.

use crate::edges::Edges;

/// Limit of a batch as a share of the sample from which its longest row is estimated.
const MAX_SHARE: f64 = 0.8;
/// Parts of a sample that the jackknife leaves out in turn.
const PARTS: u64 = 10;
/// Factor of batch sizes: bins with too few requests use batches smaller by a power of it.
const SMALLER: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// A finished request and its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighted {
    pub(crate) predicted: u32,
    pub(crate) actual: u32,
    pub(crate) weight: f64,
}

/// Finished requests, sorted by their actual lengths, and E[longest of b] of all of them.
///
/// A plain estimate of E[longest of B] is too low: some of B draws are the same request. That
/// matters unless the sample has many times B requests. So the exponent is the number of draws that
/// gives B different requests on average.
///
/// A bin with fewer than B ÷ 0.8 requests uses smaller batches, both from the bin and from all.
/// With useless predictions, the two are equal.
#[derive(Debug)]
pub(crate) struct Pool {
    requests: Vec<Weighted>,
    all: Mass,
    /// Result of [`gaps`]; empty until first needed.
    gaps: Vec<(f64, f64)>,
    /// Pairs of b and E[longest of b] of all, for each size b computed before.
    longest: Vec<(f64, f64)>,
}

/// Total weight of some requests.
#[derive(Debug, Clone, Copy, Default)]
struct Mass {
    sum: f64,
    squares: f64,
}

impl Mass {
    fn add(&mut self, weight: f64) {
        self.sum += weight;
        self.squares += weight * weight;
    }

    /// Returns the effective sample size: the number of equally weighted requests with as much
    /// information (Kish).
    fn effective(self) -> f64 {
        if self.squares > 0.0 { self.sum * self.sum / self.squares } else { 0.0 }
    }

    /// Returns the largest batch whose longest row can be estimated: `rows`, or less by a power of
    /// `SMALLER`.
    fn batch(self, rows: f64) -> f64 {
        let max = (MAX_SHARE * self.effective()).max(1.0);
        if rows <= max {
            return rows;
        }
        let powers = ((max / rows).ln() / SMALLER.ln()).ceil();
        (rows * SMALLER.powf(powers)).max(1.0)
    }

    /// Returns the number of draws with replacement that give `rows` different requests on average.
    fn draws(self, rows: f64) -> f64 {
        let requests = self.effective();
        if requests <= 1.0 || rows <= 1.0 {
            return rows;
        }
        (-rows / requests).ln_1p() / (-requests.recip()).ln_1p()
    }
}

/// Returns the gaps between successive different lengths: the logarithm of the share of `all` up to
/// the gap, and its width.
fn gaps(requests: &[Weighted], all: f64) -> Vec<(f64, f64)> {
    let mut sum = 0.0;
    let pairs = requests.windows(2).filter_map(|pair| {
        sum += pair[0].weight;
        let gap = f64::from(pair[1].actual - pair[0].actual);
        (gap > 0.0).then(|| ((sum / all).ln(), gap))
    });
    pairs.collect()
}

/// E[longest of a batch] while requests are added in increasing order of their actual lengths.
#[derive(Debug, Clone, Copy)]
struct Longest {
    draws: f64,
    mass: f64,
    expected: f64,
}

impl Longest {
    fn new(draws: f64) -> Self {
        Self { draws, mass: 0.0, expected: 0.0 }
    }

    /// Adds a request. All draws are among the earlier ones with probability
    /// (mass / (mass + weight))^draws.
    fn add(&mut self, request: &Weighted) {
        let mass = self.mass + request.weight;
        let all_shorter = (self.draws * (self.mass / mass).ln()).exp();
        self.expected += (1.0 - all_shorter) * (f64::from(request.actual) - self.expected);
        self.mass = mass;
    }
}

impl Pool {
    /// Makes a pool of requests with positive weights.
    pub(crate) fn new(mut requests: Vec<Weighted>) -> Self {
        requests.sort_unstable_by_key(|request| request.actual);
        Self::sorted(requests)
    }

    fn sorted(requests: Vec<Weighted>) -> Self {
        let mut all = Mass::default();
        for request in &requests {
            all.add(request.weight);
        }
        Self { requests, all, gaps: Vec::new(), longest: Vec::new() }
    }

    /// Returns the standard error of an `estimate`, by a jackknife over random tenths.
    pub(crate) fn deviation(&self, mut estimate: impl FnMut(&mut Self) -> f64) -> f64 {
        let parts = PARTS as f64;
        let found: Vec<f64> = (0..PARTS).map(|part| estimate(&mut self.without(part))).collect();
        let mean = found.iter().sum::<f64>() / parts;
        let squares: f64 = found.iter().map(|found| (found - mean).powi(2)).sum();
        (squares * (parts - 1.0) / parts).sqrt()
    }

    fn without(&self, part: u64) -> Self {
        let requests = (0..).zip(&self.requests);
        let others = requests.filter(|&(position, _)| mixed(position) % PARTS != part);
        Self::sorted(others.map(|(_, &request)| request).collect())
    }

    pub(crate) fn requests(&self) -> &[Weighted] {
        &self.requests
    }

    /// Returns E[longest of `rows`] of all requests:
    /// the longest − Σ gap × (share of the requests up to the gap)^draws.
    fn longest(&mut self, rows: f64) -> f64 {
        if let Some(&(_, longest)) = self.longest.iter().find(|known| known.0 == rows) {
            return longest;
        }
        if self.gaps.is_empty() {
            self.gaps = gaps(&self.requests, self.all.sum);
        }
        let draws = self.all.draws(rows);
        let missed: f64 = self.gaps.iter().map(|(share, gap)| gap * (draws * share).exp()).sum();
        let longest = self.requests.last().map_or(0.0, |last| f64::from(last.actual)) - missed;
        self.longest.push((rows, longest));
        longest
    }

    /// Returns Σ mass of bin · E[longest of `batch_size` | bin] ÷ E[longest of `batch_size`].
    ///
    /// The bin of a request is that of its prediction.
    pub(crate) fn cost(&mut self, edges: &Edges, batch_size: u32) -> f64 {
        let rows = self.all.batch(f64::from(batch_size));
        let bins: Vec<usize> =
            self.requests.iter().map(|request| edges.bin(request.predicted)).collect();
        let mut masses = vec![Mass::default(); edges.bins()];
        for (&bin, request) in bins.iter().zip(&self.requests) {
            masses[bin].add(request.weight);
        }
        let batches: Vec<f64> = masses.iter().map(|mass| mass.batch(rows)).collect();
        let draws = masses.iter().zip(&batches).map(|(mass, &batch)| mass.draws(batch));
        let mut longest: Vec<Longest> = draws.map(Longest::new).collect();
        for (&bin, request) in bins.iter().zip(&self.requests) {
            longest[bin].add(request);
        }
        let occupied = longest.iter().zip(&batches).filter(|(bin, _)| bin.mass > 0.0);
        let costs = occupied.map(|(bin, &batch)| {
            let all = self.longest(batch);
            // Requests of no steps gain nothing.
            bin.mass * if all > 0.0 { bin.expected / all } else { 1.0 }
        });
        costs.sum::<f64>() / self.all.sum
    }
}

/// Returns a pseudorandom number by the last steps of `SplitMix64`.
fn mixed(position: u64) -> u64 {
    let mixed = position.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn below(state: &mut u64, end: u32) -> u32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((*state >> 33) % u64::from(end)) as u32
    }

    fn drawn(n: usize, seed: u64, actual: impl Fn(u32, &mut u64) -> u32) -> Vec<Weighted> {
        let mut state = seed;
        let request = |_| {
            let predicted = below(&mut state, 1_000);
            Weighted { predicted, actual: actual(predicted, &mut state), weight: 1.0 }
        };
        (0..n).map(request).collect()
    }

    #[test]
    fn draws_hold_as_many_different_requests_as_a_batch_has_rows() {
        for (n, rows) in [(10, 4), (100, 64), (1_000, 8)] {
            let mut mass = Mass::default();
            (0..n).for_each(|_| mass.add(3.0));
            let draws = mass.draws(f64::from(rows));
            let requests = f64::from(n);
            let different = requests * (1.0 - (1.0 - 1.0 / requests).powf(draws));
            assert!((different - f64::from(rows)).abs() < 1e-6, "{different}");
        }
    }

    #[test]
    fn a_batch_is_smaller_than_its_sample_and_smaller_by_powers() {
        let mut mass = Mass::default();
        (0..100).for_each(|_| mass.add(1.0));
        assert_eq!(mass.batch(80.0), 80.0);
        assert!((mass.batch(128.0) - 64.0).abs() < 1e-9);
        assert_eq!(Mass::default().batch(32.0), 1.0);
    }

    /// Checks means over many small samples of uniform lengths that do not depend on predictions.
    #[test]
    fn useless_predictions_gain_nothing_in_samples_of_any_size() {
        for (bins, batch_size) in [(2, 8), (8, 32), (32, 8), (64, 256)] {
            let edges = Edges::uniform(0, 1_000, bins).unwrap();
            let cost = |seed| {
                let requests = drawn(1_000, seed, |_, state| 1 + below(state, 1_000));
                Pool::new(requests).cost(&edges, batch_size)
            };
            let mean = (0..50).map(cost).sum::<f64>() / 50.0;
            assert!((mean - 1.0).abs() < 0.01, "{bins} {batch_size}: {mean}");
        }
    }

    /// Compares with theory. E[longest of B] of U(0, 1) is B / (B + 1), of the n-th of K bins
    /// (n − 1 + B / (B + 1)) / K.
    #[test]
    fn true_predictions_have_the_cost_of_their_bins() {
        let edges = Edges::uniform(0, 1_000, 4).unwrap();
        for batch_size in [2, 8, 32] {
            let longest = f64::from(batch_size) / f64::from(batch_size + 1);
            let expected = (1.5 + longest) / 4.0 / longest;
            let cost = |seed| {
                Pool::new(drawn(500, seed, |predicted, _| predicted)).cost(&edges, batch_size)
            };
            let mean = (0..50).map(cost).sum::<f64>() / 50.0;
            assert!((mean / expected - 1.0).abs() < 0.005, "{batch_size}: {mean} {expected}");
        }
    }

    #[test]
    fn a_request_of_twice_the_weight_counts_as_two() {
        let requests = drawn(4_000, 1, |predicted, _| predicted / 2);
        let twice = requests.iter().filter(|request| request.predicted < 500);
        let repeated = Pool::new(requests.iter().chain(twice).copied().collect());
        let heavier = requests.iter().map(|&request| Weighted {
            weight: if request.predicted < 500 { 2.0 } else { 1.0 },
            ..request
        });
        let heavier = Pool::new(heavier.collect());
        let edges = Edges::uniform(0, 1_000, 4).unwrap();
        let [repeated, heavier] = [repeated, heavier].map(|mut pool| pool.cost(&edges, 8));
        assert!((repeated / heavier - 1.0).abs() < 1e-3, "{repeated} {heavier}");
    }

    #[test]
    fn requests_of_no_steps_gain_nothing() {
        let mut pool = Pool::new(drawn(100, 1, |_, _| 0));
        assert_eq!(pool.cost(&Edges::uniform(0, 1_000, 4).unwrap(), 8), 1.0);
    }
}
