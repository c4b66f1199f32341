//! What bins gain, estimated without bias from few finished requests.

use crate::edges::Edges;

/// The largest share of a sample that a batch may be for its longest row to be estimated from it.
const MOST: f64 = 0.8;
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
/// from the bin with those from all, as a shorter batch of both is as good: with predictions that
/// tell nothing the two are alike in any case.
#[derive(Debug)]
pub(crate) struct Pool {
    requests: Vec<Weighed>,
    all: Mass,
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
        let all_shorter = (self.mass / mass).powf(self.draws);
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
        requests.iter().for_each(|request| all.add(request.weight));
        Self { requests, all, longest: Vec::new() }
    }

    /// The requests but for every `parts`-th, from the one at `part` on.
    pub(crate) fn without(&self, part: usize, parts: usize) -> Self {
        let requests = self.requests.iter().enumerate();
        let others = requests.filter(|(position, _)| position % parts != part);
        Self::sorted(others.map(|(_, &request)| request).collect())
    }

    pub(crate) fn requests(&self) -> &[Weighed] {
        &self.requests
    }

    /// E[longest of `rows`] of all.
    fn longest(&mut self, rows: f64) -> f64 {
        if let Some(&(_, longest)) = self.longest.iter().find(|known| known.0 == rows) {
            return longest;
        }
        let mut longest = Longest::new(self.all.draws(rows));
        self.requests.iter().for_each(|request| longest.add(request));
        self.longest.push((rows, longest.expected));
        longest.expected
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
