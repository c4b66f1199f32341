//! Whether binning pays, judged by what the predictions were worth.

use std::collections::VecDeque;

use crate::edges::Edges;

/// Compares, over the last pairs of a predicted and an actual length, the longest of a batch from
/// one bin with the longest of batches from the bins of the predictions:
///
/// gain = E[longest of B] ÷ Σ mass of bin · E[longest of B | bin].
///
/// That is the throughput that bins gain in saturation (Proposition 4.1 of arXiv 2412.04504).
/// Predictions that say nothing gain nothing, and neither do lengths that are alike; bins then only
/// cost latency. Below [`Gate::CLOSE`] the gate closes: use one bin. It opens again above
/// [`Gate::OPEN`]. Until [`Gate::WINDOW`] pairs are known it is open.
#[derive(Debug, Clone)]
pub struct Gate {
    edges: Edges,
    batch_size: u32,
    /// Predicted and actual length.
    pairs: VecDeque<(u32, u32)>,
    /// Pairs since the gain was last computed.
    unseen: usize,
    gain: Option<f64>,
    pays: bool,
}

impl Gate {
    /// Pairs that are looked at. On fewer, chance alone makes a gain: with 1,000 pairs in 16 bins
    /// and batches of 32, shuffled predictions seem to gain 3 %, and 5 % at most.
    pub const WINDOW: usize = 1_000;
    /// New pairs after which the gain is computed again.
    pub const EVERY: usize = 100;
    /// The gain below which the gate closes.
    pub const CLOSE: f64 = 1.10;
    /// The gain above which it opens again.
    pub const OPEN: f64 = 1.15;

    /// An open gate for these bins and full batches of `batch_size`.
    #[must_use]
    pub fn new(edges: Edges, batch_size: u32) -> Self {
        let pairs = VecDeque::with_capacity(Self::WINDOW);
        Self { edges, batch_size, pairs, unseen: 0, gain: None, pays: true }
    }

    /// A request is finished: what was predicted and what it took, in steps. Amortised
    /// O(log `WINDOW`) with a constant of about ten.
    pub fn observe(&mut self, predicted: u32, actual: u32) {
        if self.pairs.len() == Self::WINDOW {
            self.pairs.pop_front();
        }
        self.pairs.push_back((predicted, actual));
        self.unseen += 1;
        if self.pairs.len() == Self::WINDOW && self.unseen >= Self::EVERY {
            self.unseen = 0;
            self.judge();
        }
    }

    /// Whether binning pays.
    #[must_use]
    pub fn pays(&self) -> bool {
        self.pays
    }

    /// The gain when it was last computed; `None` until `WINDOW` pairs are known.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        self.gain
    }

    fn judge(&mut self) {
        let gain = self.current_gain();
        self.gain = Some(gain);
        self.pays = gain >= if self.pays { Self::CLOSE } else { Self::OPEN };
    }

    /// Looks at the same pairs with other edges or another batch size, from its next look on.
    pub(crate) fn adjust(&mut self, edges: Edges, batch_size: u32) {
        (self.edges, self.batch_size) = (edges, batch_size);
    }

    fn current_gain(&self) -> f64 {
        let mut pairs: Vec<(u32, u32)> = self.pairs.iter().copied().collect();
        pairs.sort_unstable_by_key(|&(_, actual)| actual);
        let mut all = Longest::default();
        for &(_, actual) in &pairs {
            all.add(actual, self.batch_size);
        }
        let binned = expected_longest(&self.edges, &pairs, self.batch_size);
        // Requests that take no time gain nothing.
        if binned > 0.0 { all.expected / binned } else { 1.0 }
    }
}

/// Σ mass of bin · E[longest of a batch | bin], a bin's members being those predicted to be in it.
/// `pairs`: (predicted, actual), sorted by the latter.
pub(crate) fn expected_longest(edges: &Edges, pairs: &[(u32, u32)], batch_size: u32) -> f64 {
    let mut bins = vec![Longest::default(); edges.bins()];
    for &(predicted, actual) in pairs {
        bins[edges.bin(predicted)].add(actual, batch_size);
    }
    let sum: f64 = bins.iter().map(|bin| bin.mass * bin.expected).sum();
    sum / pairs.len() as f64
}

/// E[longest of a batch] of the lengths so far, which come in increasing order.
#[derive(Debug, Clone, Copy, Default)]
struct Longest {
    mass: f64,
    expected: f64,
}

impl Longest {
    /// All of a batch are among the earlier lengths with probability (n / (n + 1))^B.
    fn add(&mut self, length: u32, batch_size: u32) {
        let all_shorter = (self.mass / (self.mass + 1.0)).powf(f64::from(batch_size));
        self.expected += (1.0 - all_shorter) * (f64::from(length) - self.expected);
        self.mass += 1.0;
    }
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
            assert!(gate.pays());
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
                gate.pays()
            });
            assert!(noticed.count() < 2_000);
            let recovered = lengths(4).take_while(|&length| {
                gate.observe(length, length);
                !gate.pays()
            });
            assert!(recovered.count() < 2_000);
        }
    }

    #[test]
    fn closes_for_lengths_that_are_alike() {
        let mut gate = Gate::new(Edges::uniform(90, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|i| gate.observe(90 + i % 21, 90 + i % 21));
        assert!(!gate.pays(), "{:?}", gate.gain());
        let mut same = Gate::new(Edges::uniform(0, 110, 16).unwrap(), 8);
        (0..2_000).for_each(|_| same.observe(100, 100));
        assert_eq!(same.gain(), Some(1.0));
        assert!(!same.pays());
    }

    #[test]
    fn the_gain_is_the_formulas() {
        let mut gate = Gate::new(Edges::new(&[0, 50, 100]).unwrap(), 4);
        let pairs: Vec<(u32, u32)> = (0..1_000).map(|i| (i * 7 % 100, i * 13 % 97)).collect();
        for &(predicted, actual) in &pairs {
            gate.observe(predicted, actual);
        }
        let longest = |actuals: &mut Vec<u32>| {
            actuals.sort_unstable();
            let n = actuals.len() as f64;
            let share = |i: usize| (i as f64 / n).powi(4);
            let terms =
                actuals.iter().enumerate().map(|(i, &v)| f64::from(v) * (share(i + 1) - share(i)));
            n * terms.sum::<f64>()
        };
        let of =
            |low: bool| pairs.iter().filter(move |pair| (pair.0 < 50) == low).map(|pair| pair.1);
        let mut all: Vec<u32> = pairs.iter().map(|pair| pair.1).collect();
        let binned = longest(&mut of(true).collect()) + longest(&mut of(false).collect());
        assert!((gate.gain().unwrap() - longest(&mut all) / binned).abs() < 1e-9);
    }
}
