//! What bins gain, estimated without bias from few finished requests.

use crate::edges::Edges;

/// The largest share of a sample that a batch may be for its longest row to be estimated from it.
const MOST: f64 = 0.8;
/// Parts of a sample that are left out in turn, to see by how much an estimate is chance.
const PARTS: u64 = 10;
/// Batches of a bin with too few requests are smaller by a power of this.
const SMALLER: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// A finished request, and what it counts for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) predicted: u32,
    pub(crate) actual: u32,
    pub(crate) weight: f64,
}

/// Finished requests, sorted by what they took, and E[longest of b] of all of them.
///
/// E[longest of B] of a sample of n is estimated too low where n is not many times B: of B requests
/// drawn from n some are the same. So an exponent is used for which so many draws are B different
/// requests on average. A bin with fewer than B ÷ 0.8 requests is compared with smaller batches, those
/// from the bin with those from all: with predictions that tell nothing the two are alike.
#[derive(Debug)]
pub(crate) struct Pool {
    requests: Vec<Weighed>,
    all: Mass,
    /// See [`gaps`]; empty until they are needed.
    gaps: Vec<(f64, f64)>,
    /// E[longest of b] of all, for the sizes b that were asked for.
    longest: Vec<(f64, f64)>,
}

/// How much some requests weigh.
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

    /// As how many requests of equal weights they tell (Kish).
    fn effective(self) -> f64 {
        if self.squares > 0.0 { self.sum * self.sum / self.squares } else { 0.0 }
    }

    /// The largest batch, `rows` or less by powers of `SMALLER`, of which the longest can be estimated.
    fn batch(self, rows: f64) -> f64 {
        let most = (MOST * self.effective()).max(1.0);
        if rows <= most {
            return rows;
        }
        let powers = ((most / rows).ln() / SMALLER.ln()).ceil();
        (rows * SMALLER.powf(powers)).max(1.0)
    }

    /// The number of draws with replacement of which `rows` are different, on average.
    fn draws(self, rows: f64) -> f64 {
        let requests = self.effective();
        if requests <= 1.0 || rows <= 1.0 {
            return rows;
        }
        (-rows / requests).ln_1p() / (-requests.recip()).ln_1p()
    }
}

/// Where requests of different lengths follow each other: the logarithm of the share up to there, of
/// `all`, and the difference.
fn gaps(requests: &[Weighed], all: f64) -> Vec<(f64, f64)> {
    let mut sum = 0.0;
    let pairs = requests.windows(2).filter_map(|pair| {
        sum += pair[0].weight;
        let gap = f64::from(pair[1].actual - pair[0].actual);
        (gap > 0.0).then(|| ((sum / all).ln(), gap))
    });
    pairs.collect()
}

/// E[longest of a batch] of the requests so far, which come in increasing order of what they took.
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

    /// All draws are among the earlier requests with probability (mass / (mass + weight))^draws.
    fn add(&mut self, request: &Weighed) {
        let mass = self.mass + request.weight;
        let all_shorter = (self.draws * (self.mass / mass).ln()).exp();
        self.expected += (1.0 - all_shorter) * (f64::from(request.actual) - self.expected);
        self.mass = mass;
    }
}

impl Pool {
    /// Weights are positive.
    pub(crate) fn new(mut requests: Vec<Weighed>) -> Self {
        requests.sort_unstable_by_key(|request| request.actual);
        Self::sorted(requests)
    }

    fn sorted(requests: Vec<Weighed>) -> Self {
        let mut all = Mass::default();
        for request in &requests {
            all.add(request.weight);
        }
        Self { requests, all, gaps: Vec::new(), longest: Vec::new() }
    }

    /// The standard error of what `of` finds: a jackknife over tenths, drawn at random.
    pub(crate) fn deviation(&self, mut of: impl FnMut(&mut Self) -> f64) -> f64 {
        let parts = PARTS as f64;
        let found: Vec<f64> = (0..PARTS).map(|part| of(&mut self.without(part))).collect();
        let mean = found.iter().sum::<f64>() / parts;
        let squares: f64 = found.iter().map(|found| (found - mean).powi(2)).sum();
        (squares * (parts - 1.0) / parts).sqrt()
    }

    fn without(&self, part: u64) -> Self {
        let requests = (0..).zip(&self.requests);
        let others = requests.filter(|&(position, _)| mixed(position) % PARTS != part);
        Self::sorted(others.map(|(_, &request)| request).collect())
    }

    pub(crate) fn requests(&self) -> &[Weighed] {
        &self.requests
    }

    /// E[longest of `rows`] of all: the longest − Σ gap × (share of the requests up to the gap)^draws.
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

    /// Σ mass of bin · E[longest of `batch_size` | bin] ÷ E[longest of `batch_size`], a bin's members
    /// being those predicted to be in it.
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
            // Requests that take no time gain nothing.
            bin.mass * if all > 0.0 { bin.expected / all } else { 1.0 }
        });
        costs.sum::<f64>() / self.all.sum
    }
}

/// As good as random, by the last steps of `SplitMix64`.
fn mixed(position: u64) -> u64 {
    let mixed = position.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn below(state: &mut u64, most: u32) -> u32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((*state >> 33) % u64::from(most)) as u32
    }

    fn drawn(n: usize, seed: u64, actual: impl Fn(u32, &mut u64) -> u32) -> Vec<Weighed> {
        let mut state = seed;
        let request = |_| {
            let predicted = below(&mut state, 1_000);
            Weighed { predicted, actual: actual(predicted, &mut state), weight: 1.0 }
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

    /// Means over many small samples: uniform lengths that do not depend on predictions.
    #[test]
    fn predictions_that_tell_nothing_gain_nothing_from_however_few() {
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

    /// Of U(0, 1), E[longest of B] is B / (B + 1); of the n-th of K bins (n − 1 + B / (B + 1)) / K.
    #[test]
    fn true_predictions_cost_what_their_bins_do() {
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
        let heavier = requests.iter().map(|&request| Weighed {
            weight: if request.predicted < 500 { 2.0 } else { 1.0 },
            ..request
        });
        let heavier = Pool::new(heavier.collect());
        let edges = Edges::uniform(0, 1_000, 4).unwrap();
        let [repeated, heavier] = [repeated, heavier].map(|mut pool| pool.cost(&edges, 8));
        assert!((repeated / heavier - 1.0).abs() < 1e-3, "{repeated} {heavier}");
    }

    #[test]
    fn requests_that_take_nothing_gain_nothing() {
        let mut pool = Pool::new(drawn(100, 1, |_, _| 0));
        assert_eq!(pool.cost(&Edges::uniform(0, 1_000, 4).unwrap(), 8), 1.0);
    }
}
