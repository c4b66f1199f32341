//! Whether binning pays, judged by what the predictions were worth.

mod mean;

use std::cell::LazyCell;

use super::gain::Pool;
use super::strata::{Span, Strata};
use crate::edges::Edges;
use mean::MeanCost;

/// Compares, over finished requests with their predicted and actual lengths, the longest of a batch
/// from one bin with the longest of batches from the bins of the predictions:
///
/// gain = E\[longest of B\] ÷ Σ mass of bin · E\[longest of B | bin\].
///
/// That is the throughput that bins gain in saturation (Proposition 4.1 of arXiv 2412.04504).
/// Predictions that say nothing gain nothing, and neither do lengths that are alike; bins then only
/// cost latency. Below [`Gate::CLOSES_AT`] the gate closes: use one bin. It opens again above
/// [`Gate::OPENS_AT`]. Until [`Gate::WINDOW`] requests are known, ten a bin, it is open; until
/// [`Gate::window`] are it closes only for a gain of next to nothing.
///
/// The last requests of each bin are looked at, as many as weigh what the bin has of the traffic:
/// which bins a scheduler serves first does not matter. The estimate has no bias where predictions say
/// nothing. Where a bin keeps fewer requests than a batch has, it is that of smaller batches.
#[derive(Debug, Clone)]
pub struct Gate {
    batch_size: u32,
    strata: Strata,
    /// Requests of each bin that arrived since the gain was last computed.
    arrived: Vec<u64>,
    /// Requests that finished since then.
    unseen: usize,
    cost: Option<MeanCost>,
    is_open: bool,
}

impl Gate {
    /// The least requests that are looked at.
    pub const WINDOW: usize = 1_000;
    /// Batches of each bin that are looked at, where these are more requests.
    pub const BATCHES: usize = 2;
    /// Batches that are looked at in all, where these are more requests.
    const ALL: usize = 10;
    /// Requests of each bin, on average, before the first look.
    const FEW: usize = 10;
    /// The most requests that are looked at.
    pub const MOST: usize = 1 << 15;
    /// The least new requests after which the gain is computed again.
    pub const EVERY: usize = 100;
    /// The gain below which the gate closes.
    pub const CLOSES_AT: f64 = 1.10;
    /// The gain above which it opens again.
    pub const OPENS_AT: f64 = 1.15;
    /// The gain below which it closes before `window()` requests are known, as fewer may show less than
    /// all of it.
    const NOTHING: f64 = 1.03;

    /// An open gate for these bins and full batches of `batch_size`.
    #[must_use]
    pub fn new(edges: Edges, batch_size: u32) -> Self {
        let arrived = vec![0; edges.bins()];
        let span = span(&edges, batch_size);
        let strata = Strata::new(edges, span);
        Self { batch_size, strata, arrived, unseen: 0, cost: None, is_open: true }
    }

    /// How many requests are looked at: two batches of each bin and ten in all, and from `WINDOW`
    /// to `MOST`.
    #[must_use]
    pub fn window(&self) -> usize {
        self.strata.span().window
    }

    /// A request arrives. If the gate is told of every arrival, requests that finish out of order, as
    /// where short ones are served first, do not mislead it. Else it takes those that finish for a
    /// fair sample of those that arrive.
    pub fn arrive(&mut self, predicted: u32) {
        self.arrived[self.strata.edges().bin(predicted)] += 1;
    }

    /// A request is finished: what was predicted and what it took, in steps. Amortised
    /// O(log of the window) with a constant of about ten.
    pub fn observe(&mut self, predicted: u32, actual: u32) {
        self.push(predicted, actual);
        if self.is_due() {
            self.strata.weigh(Some(&self.arrived));
            self.arrived.fill(0);
            self.look();
        }
    }

    /// Whether binning pays.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// The mean of the last gains; `None` until some are known of nearly all bins.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        self.cost.map(MeanCost::gain)
    }

    /// A request is finished.
    pub(crate) fn push(&mut self, predicted: u32, actual: u32) {
        self.strata.push(predicted, actual);
        self.unseen += 1;
    }

    /// Whether enough requests are new: a look is due.
    pub(crate) fn is_due(&self) -> bool {
        let every = self.strata.seen().min(self.window()) / 8;
        self.unseen >= (every / Self::EVERY).max(1) * Self::EVERY
    }

    /// Before a look: how many requests of each bin arrived, if that is known.
    pub(crate) fn weigh(&mut self, arrived: Option<&[u64]>) {
        self.strata.weigh(arrived);
    }

    /// Computes the gain and turns the gate by it.
    pub(crate) fn look(&mut self) {
        self.unseen = 0;
        let (seen, enough) = (self.strata.seen(), Self::FEW * self.strata.edges().bins());
        if seen < Self::WINDOW.max(enough) || !self.strata.knows(self.batch_size) {
            return;
        }
        let (edges, batch_size) = (self.strata.edges(), self.batch_size);
        let mut pool = Pool::new(self.strata.weighed());
        let found = pool.cost(edges, batch_size);
        let error = LazyCell::new(|| pool.deviation(|part| part.cost(edges, batch_size)));
        let full = seen >= self.window();
        let before = self.cost.filter(|_| full);
        let cost = before.map_or(MeanCost::new(found), |mean| mean.and(found, || *error));
        let most = if full { Self::CLOSES_AT } else { Self::NOTHING };
        self.is_open = if self.is_open {
            cost.gain() >= most || !cost.is_below(Self::CLOSES_AT, || *error)
        } else {
            cost.reaches(Self::OPENS_AT, || *error)
        };
        self.cost = Some(cost);
    }

    /// Looks at the same requests with other edges or another batch size, from its next look on.
    pub(crate) fn adjust(&mut self, edges: Edges, batch_size: u32) {
        self.batch_size = batch_size;
        self.arrived = vec![0; edges.bins()];
        self.cost = self.cost.map(MeanCost::until_next);
        let span = span(&edges, batch_size);
        self.strata.set_edges(edges, span);
    }
}

/// A bin of which few requests are recent is known by as many as a batch has, if these are not much
/// older: they would tell of other times than those of other bins.
fn span(edges: &Edges, batch_size: u32) -> Span {
    let rows = batch_size as usize;
    let batches = (Gate::BATCHES * edges.bins()).max(Gate::ALL);
    let window = batches.saturating_mul(rows).clamp(Gate::WINDOW, Gate::MOST);
    Span { window, least: rows, longest: window * 7 / 5 }
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
    fn closes_for_lengths_that_are_alike() {
        let mut gate = Gate::new(Edges::uniform(90, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|i| gate.observe(90 + i % 21, 90 + i % 21));
        assert!(!gate.is_open(), "{:?}", gate.gain());
        let mut same = Gate::new(Edges::uniform(0, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|_| same.observe(100, 100));
        assert_eq!(same.gain(), Some(1.0));
        assert!(!same.is_open());
    }

    /// From the definition: of `rows` different requests of a bin, each choice alike.
    fn longest(actuals: &[u32], rows: usize) -> f64 {
        let n = actuals.len();
        let all_shorter = |i: usize| -> f64 {
            (0..rows).map(|row| (i as f64 - row as f64).max(0.0) / (n - row) as f64).product()
        };
        let terms = actuals.iter().enumerate();
        terms.map(|(i, &v)| f64::from(v) * (all_shorter(i + 1) - all_shorter(i))).sum()
    }

    #[test]
    fn the_gain_is_the_formulas_without_its_bias() {
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
