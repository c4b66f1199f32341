//! The finished requests that edges are fitted to, and whether they changed.

use std::collections::VecDeque;

/// Fewer pairs are not fitted to: half of them choose the edges and half judge them.
pub(super) const LEAST: usize = 2_000;
/// The last pairs, which are compared with those of the last fit, and after how many new ones.
const RECENT: usize = 2_000;
const LOOK: usize = 500;
/// Values of a reference.
const POINTS: usize = 1_000;

/// The last pairs of a predicted and an actual length.
///
/// The dynamic program needs joint pairs, and a window forgets what was before a drift once it is
/// full of what came after; a biased reservoir of its size would keep a share of it for longer. It
/// also makes a quantile sketch superfluous: the marginals at a fit are there to be sorted.
#[derive(Debug)]
pub(super) struct Sample {
    most: usize,
    pairs: VecDeque<(u32, u32)>,
    /// Pairs since the last fit began.
    unseen: usize,
    /// How many pairs it had.
    fitted: usize,
    reference: Option<Reference>,
}

impl Sample {
    pub(super) fn new(most: usize) -> Self {
        Self { most, pairs: VecDeque::new(), unseen: 0, fitted: 0, reference: None }
    }

    pub(super) fn push(&mut self, pair: (u32, u32)) {
        if self.pairs.len() == self.most {
            self.pairs.pop_front();
        }
        self.pairs.push_back(pair);
        self.unseen += 1;
    }

    /// Whether edges should be fitted: `every` pairs are new, or as many as the last fit had.
    pub(super) fn is_due(&self, every: usize) -> bool {
        self.pairs.len() >= LEAST && self.unseen >= every.min(self.fitted)
    }

    /// The pairs, for a fit.
    pub(super) fn take(&mut self) -> Vec<(u32, u32)> {
        (self.unseen, self.fitted) = (0, self.pairs.len());
        self.pairs.iter().copied().collect()
    }

    /// The pairs of the last fit, sorted by each of their values.
    pub(super) fn refer(&mut self, reference: Reference) {
        self.reference = Some(reference);
    }

    /// Whether the last pairs are unlike those of the last fit. If so, all are forgotten, so that the
    /// next fit has none from before the drift.
    pub(super) fn forget_after_drift(&mut self, batch_size: u32) -> bool {
        let Some(reference) = &self.reference else { return false };
        if self.unseen < LOOK || !self.unseen.is_multiple_of(LOOK) || self.pairs.len() < RECENT {
            return false;
        }
        let recent = Reference::new(self.pairs.range(self.pairs.len() - RECENT..).copied());
        let drifted = recent.is_unlike(reference, batch_size);
        if drifted {
            *self = Self::new(self.most);
        }
        drifted
    }
}

/// The distributions of predicted and of actual lengths: at most `POINTS` quantiles each.
#[derive(Debug)]
pub(crate) struct Reference {
    marginals: [Vec<u32>; 2],
    /// How many pairs it is made of.
    size: f64,
}

impl Reference {
    pub(super) fn new(pairs: impl ExactSizeIterator<Item = (u32, u32)>) -> Self {
        let size = pairs.len() as f64;
        let (predicted, actual) = pairs.unzip();
        Self { marginals: [quantiles(predicted), quantiles(actual)], size }
    }

    /// The two-sample test of Kolmogorov and Smirnov, for each of the two: c·√(1/n + 1/m) is exceeded
    /// with probability 2·exp(−2·c²) by independent samples of one distribution, here 10⁻⁶.
    ///
    /// Requests of a batch finish together and are alike, so that n of them tell less than n
    /// independent ones; but batches of all bins come in turn, so that they tell more than n ÷ B
    /// would. n ÷ √B is counted.
    fn is_unlike(&self, other: &Self, batch_size: u32) -> bool {
        const C: f64 = 2.7;
        let alike = f64::from(batch_size).sqrt();
        let bound = C * (alike / self.size + alike / other.size).sqrt();
        let mut pairs = self.marginals.iter().zip(&other.marginals);
        pairs.any(|(own, others)| distance(own, others) > bound)
    }
}

fn quantiles(mut values: Vec<u32>) -> Vec<u32> {
    values.sort_unstable();
    let points = values.len().min(POINTS);
    (0..points).map(|i| values[(2 * i + 1) * values.len() / (2 * points)]).collect()
}

/// The largest difference between the shares of two sorted samples that are at most some value.
fn distance(a: &[u32], b: &[u32]) -> f64 {
    let (mut below_a, mut below_b, mut largest) = (0, 0, 0.0_f64);
    while below_a < a.len() && below_b < b.len() {
        let value = a[below_a].min(b[below_b]);
        let equal = |sorted: &[u32]| sorted.iter().take_while(|&&other| other == value).count();
        below_a += equal(&a[below_a..]);
        below_b += equal(&b[below_b..]);
        let share = |below: usize, of: &[u32]| below as f64 / of.len() as f64;
        largest = largest.max((share(below_a, a) - share(below_b, b)).abs());
    }
    largest
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_largest_difference_of_shares() {
        assert_eq!(distance(&[1, 2, 3, 4], &[1, 2, 3, 4]), 0.0);
        assert_eq!(distance(&[1, 1, 2, 2], &[2, 2, 3, 3]), 0.5);
        assert_eq!(distance(&[1, 2], &[3, 4, 5]), 1.0);
        assert_eq!(distance(&[5, 5, 5, 5], &[5]), 0.0);
    }

    #[test]
    fn quantiles_are_those_of_all() {
        assert_eq!(quantiles(vec![3, 1, 2]), [1, 2, 3]);
        let thinned = quantiles((0..10_000).rev().collect());
        assert_eq!(thinned.len(), POINTS);
        assert_eq!(thinned[..3], [5, 15, 25]);
    }

    #[test]
    fn a_sample_is_due_when_as_many_are_new_as_were_fitted_or_every() {
        let mut sample = Sample::new(3_000);
        let mut due = Vec::new();
        for i in 0..9_000 {
            sample.push((i, i));
            if sample.is_due(2_500) {
                due.push((i + 1, sample.take().len()));
            }
        }
        assert_eq!(due, [(2_000, 2_000), (4_000, 3_000), (6_500, 3_000), (9_000, 3_000)]);
    }
}
