//! The gate: judges by finished requests whether bins gain enough.

mod mean;

use std::cell::LazyCell;

use super::gain::Pool;
use super::strata::{Span, Strata};
use crate::edges::Edges;
use mean::MeanCost;

/// A gate: open while bins gain enough, closed while one bin is better.
///
/// It estimates the gain of bins from the predicted and actual lengths of finished requests. It
/// compares the longest of a batch from all with the longest of a batch from one bin:
///
/// gain = E\[longest of B\] ÷ Σ mass of bin · E\[longest of B | bin\].
///
/// That is the gain of throughput in saturation (Proposition 4.1 of arXiv 2412.04504). Useless
/// predictions gain nothing, and neither do equal lengths; bins then only cost latency.
///
/// Below [`Gate::CLOSES_AT`] the gate closes: use one bin. Above [`Gate::OPENS_AT`] it opens again.
/// It stays open until it knows [`Gate::WINDOW`] requests, and ten a bin. Until it knows
/// [`Gate::window`] requests, it closes only for a gain of almost 1.
///
/// It uses the last requests of each bin, weighted by the bin's share of the traffic. So the order
/// in which a scheduler serves bins does not matter. The estimate has no bias for useless
/// predictions. A bin with fewer requests than a batch has rows uses smaller batches.
///
/// ```
/// use multibin::{Edges, Gate};
///
/// let mut gate = Gate::new(Edges::uniform(0, 1_000, 8)?, 8);
/// for request in 0..2_000 {
///     let (predicted, actual) = (request * 7 % 1_000, request * 13 % 997); // unrelated
///     gate.observe(predicted, actual);
/// }
/// assert!(!gate.is_open() && gate.gain().unwrap() < Gate::CLOSES_AT);
/// # Ok::<(), multibin::EdgesError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gate {
    batch_size: u32,
    strata: Strata,
    /// Requests of each bin that arrived since the last evaluation.
    arrived: Vec<u64>,
    /// Requests that finished since the last evaluation.
    new: usize,
    cost: Option<MeanCost>,
    is_open: bool,
}

impl Gate {
    /// Smallest window of requests.
    pub const WINDOW: usize = 1_000;
    /// Batches of each bin in a larger window.
    pub const BATCHES: usize = 2;
    /// Fewest batches in a larger window.
    const MIN_BATCHES: usize = 10;
    /// Requests of each bin, on average, before the first evaluation.
    const MIN_PER_BIN: usize = 10;
    /// Largest window of requests.
    pub const MAX_WINDOW: usize = 1 << 15;
    /// Fewest new requests between evaluations.
    pub const EVERY: usize = 100;
    /// Gain below which the gate closes.
    pub const CLOSES_AT: f64 = 1.10;
    /// Gain above which the gate opens again.
    pub const OPENS_AT: f64 = 1.15;
    /// Gain below which the gate closes before `window()` requests are known. Fewer requests may
    /// show only a part of the gain.
    const CLOSES_EARLY_AT: f64 = 1.03;

    /// Makes an open gate for these bins and full batches of `batch_size`.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// let gate = Gate::new(Edges::new(&[0, 32, 64])?, 8);
    /// assert!(gate.is_open() && gate.gain().is_none());
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn new(edges: Edges, batch_size: u32) -> Self {
        let arrived = vec![0; edges.bins()];
        let span = span(&edges, batch_size);
        let strata = Strata::new(edges, span);
        Self { batch_size, strata, arrived, new: 0, cost: None, is_open: true }
    }

    /// Returns the window in requests: two batches of each bin and ten in all, but from `WINDOW` to
    /// `MAX_WINDOW`.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// assert_eq!(Gate::new(Edges::uniform(0, 1_000, 8)?, 256).window(), 8 * 2 * 256);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn window(&self) -> usize {
        self.strata.span().window
    }

    /// Records the arrival of a request. Calls are optional: report every arrival or none.
    ///
    /// With arrivals, requests that finish out of order do not mislead the gate, for example where
    /// short ones are served first. Without arrivals, the gate assumes that the requests that
    /// finish are a fair sample of those that arrive.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// let mut gate = Gate::new(Edges::new(&[0, 32, 64])?, 8);
    /// gate.arrive(40); // when it is submitted
    /// gate.observe(40, 43); // when it is finished
    /// assert!(gate.is_open());
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    pub fn arrive(&mut self, predicted: u32) {
        self.arrived[self.strata.edges().bin(predicted)] += 1;
    }

    /// Observes a finished request, with its predicted and its actual length in steps. Amortised
    /// O(log of the window), with a constant of about ten.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// let mut gate = Gate::new(Edges::uniform(0, 1_000, 8)?, 8);
    /// (0..2_000).for_each(|i| gate.observe(i * 7 % 1_000, i * 7 % 1_000)); // true predictions
    /// assert!(gate.is_open() && gate.gain().unwrap() > 1.5);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    pub fn observe(&mut self, predicted: u32, actual: u32) {
        self.push(predicted, actual);
        if self.is_due() {
            self.strata.update_masses(Some(&self.arrived));
            self.arrived.fill(0);
            self.evaluate();
        }
    }

    /// Returns true if bins gain enough, or if too few requests are known.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// let mut gate = Gate::new(Edges::uniform(0, 110, 16)?, 8);
    /// (0..2_000).for_each(|_| gate.observe(100, 100)); // equal lengths
    /// assert!(!gate.is_open());
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns the mean of the last gains, or `None` until requests of nearly all bins are known.
    ///
    /// ```
    /// use multibin::{Edges, Gate};
    ///
    /// let mut gate = Gate::new(Edges::uniform(0, 110, 16)?, 8);
    /// (0..2_000).for_each(|_| gate.observe(100, 100)); // equal lengths
    /// assert_eq!(gate.gain(), Some(1.0));
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        self.cost.map(MeanCost::gain)
    }

    /// Adds a finished request without an evaluation.
    pub(crate) fn push(&mut self, predicted: u32, actual: u32) {
        self.strata.push(predicted, actual);
        self.new += 1;
    }

    /// Returns true if an evaluation is due because enough requests are new.
    pub(crate) fn is_due(&self) -> bool {
        let every = self.strata.seen().min(self.window()) / 8;
        self.new >= (every / Self::EVERY).max(1) * Self::EVERY
    }

    /// Updates the masses of the bins, by the arrivals of each bin if these are known.
    pub(crate) fn update_masses(&mut self, arrived: Option<&[u64]>) {
        self.strata.update_masses(arrived);
    }

    /// Computes the gain if enough requests are known, and turns the gate by it.
    pub(crate) fn evaluate(&mut self) {
        self.new = 0;
        let (seen, enough) = (self.strata.seen(), Self::MIN_PER_BIN * self.strata.edges().bins());
        if seen < Self::WINDOW.max(enough) || !self.strata.knows(self.batch_size) {
            return;
        }
        let (edges, batch_size) = (self.strata.edges(), self.batch_size);
        let mut pool = Pool::new(self.strata.weighted());
        let found = pool.cost(edges, batch_size);
        let error = LazyCell::new(|| pool.deviation(|part| part.cost(edges, batch_size)));
        let full = seen >= self.window();
        let before = self.cost.filter(|_| full);
        let cost = before.map_or(MeanCost::new(found), |mean| mean.with(found, || *error));
        let closes_at = if full { Self::CLOSES_AT } else { Self::CLOSES_EARLY_AT };
        self.is_open = if self.is_open {
            cost.gain() >= closes_at || !cost.is_below(Self::CLOSES_AT, || *error)
        } else {
            cost.reaches(Self::OPENS_AT, || *error)
        };
        self.cost = Some(cost);
    }

    /// Uses other edges or another batch size from the next evaluation on, with the known requests.
    pub(crate) fn adjust(&mut self, edges: Edges, batch_size: u32) {
        self.batch_size = batch_size;
        self.arrived = vec![0; edges.bins()];
        self.cost = self.cost.map(MeanCost::until_next);
        let span = span(&edges, batch_size);
        self.strata.set_edges(edges, span);
    }
}

/// Returns the span of the requests that count.
///
/// A bin with few recent requests counts as many as a batch has rows, if these are not much older.
/// Much older ones would come from another time than those of the other bins.
fn span(edges: &Edges, batch_size: u32) -> Span {
    let rows = batch_size as usize;
    let batches = (Gate::BATCHES * edges.bins()).max(Gate::MIN_BATCHES);
    let window = batches.saturating_mul(rows).clamp(Gate::WINDOW, Gate::MAX_WINDOW);
    Span { window, min_per_bin: rows, max_window: window * 7 / 5 }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn lengths(seed: u64) -> impl Iterator<Item = u32> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
            #[expect(clippy::cast_sign_loss, reason = "exponential lengths are positive")]
            let length = (-100.0 * (1.0 - uniform).ln()).ceil() as u32;
            length
        })
    }

    fn gate(batch_size: u32) -> Gate {
        let sample: Vec<u32> = lengths(9).take(10_000).collect();
        Gate::new(Edges::optimal(&sample, 16, batch_size).unwrap(), batch_size)
    }

    #[test]
    fn is_open_until_enough_is_known_and_stays_open_for_true_lengths() {
        let mut gate = gate(8);
        for (i, length) in (1..).zip(lengths(1).take(5_000)) {
            gate.observe(length, length);
            assert!(gate.is_open());
            assert_eq!(gate.gain().is_some(), i >= Gate::WINDOW);
        }
        assert!(gate.gain().unwrap() > 1.8);
    }

    #[test]
    fn closes_when_predictions_turn_to_noise_and_opens_when_they_recover() {
        for batch_size in [8, 32] {
            let mut gate = gate(batch_size);
            lengths(1).take(2_000).for_each(|length| gate.observe(length, length));
            let noise = lengths(2).zip(lengths(3));
            let noticed = noise.take_while(|&(predicted, actual)| {
                gate.observe(predicted, actual);
                gate.is_open()
            });
            assert!(noticed.count() < 2_000);
            let recovered = lengths(4).take_while(|&length| {
                gate.observe(length, length);
                !gate.is_open()
            });
            assert!(recovered.count() < 2_000);
        }
    }

    #[test]
    fn closes_for_equal_lengths() {
        let mut gate = Gate::new(Edges::uniform(90, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|i| gate.observe(90 + i % 21, 90 + i % 21));
        assert!(!gate.is_open(), "{:?}", gate.gain());
        let mut same = Gate::new(Edges::uniform(0, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|_| same.observe(100, 100));
        assert_eq!(same.gain(), Some(1.0));
        assert!(!same.is_open());
    }

    /// Computes E[longest] from its definition: `rows` different requests, all choices equally
    /// likely.
    fn longest(actuals: &[u32], rows: usize) -> f64 {
        let n = actuals.len();
        let all_shorter = |i: usize| -> f64 {
            (0..rows).map(|row| (i as f64 - row as f64).max(0.0) / (n - row) as f64).product()
        };
        let terms = actuals.iter().enumerate();
        terms.map(|(i, &v)| f64::from(v) * (all_shorter(i + 1) - all_shorter(i))).sum()
    }

    #[test]
    fn the_gain_is_that_of_the_formula_without_its_bias() {
        let mut gate = Gate::new(Edges::new(&[0, 50, 100]).unwrap(), 4);
        let pairs: Vec<(u32, u32)> = (0..1_000).map(|i| (i * 7 % 100, i * 13 % 97)).collect();
        for &(predicted, actual) in &pairs {
            gate.observe(predicted, actual);
        }
        let longest = |own: &mut dyn Iterator<Item = u32>| {
            let mut own: Vec<u32> = own.collect();
            own.sort_unstable();
            own.len() as f64 * longest(&own, 4)
        };
        let of =
            |low: bool| pairs.iter().filter(move |pair| (pair.0 < 50) == low).map(|pair| pair.1);
        let all = longest(&mut pairs.iter().map(|pair| pair.1));
        let binned = longest(&mut of(true)) + longest(&mut of(false));
        assert!((gate.gain().unwrap() / (all / binned) - 1.0).abs() < 1e-3);
    }
}
