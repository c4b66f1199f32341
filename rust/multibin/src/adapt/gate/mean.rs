//! Averages the costs that a gate finds, and separates changes from noise.

/// Number of overlapping evaluations with about as much information as one of a whole window.
const PER_WINDOW: f64 = 8.0;
/// Limit of the evaluations in a mean: about the last sixteen windows.
const MAX_COUNT: f64 = 128.0;
/// Standard errors that make a mean significant.
const SIGNIFICANCE: f64 = 4.0;
/// Standard errors that make a cost an outlier.
const OUTLIER: f64 = 5.0;
/// Distance from the mean up to which a cost is no outlier.
const TOLERANCE: f64 = 0.04;

/// The mean of the last costs, as long as these are alike.
///
/// A cost is that of bins as a share of that of one bin: the gain's inverse. A few large gains do
/// not move the mean of costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeanCost {
    mean: f64,
    /// Number of costs in the mean, up to a limit.
    count: f64,
}

impl MeanCost {
    /// Makes the mean of one cost.
    pub(super) fn new(cost: f64) -> Self {
        Self { mean: cost, count: 1.0 }
    }

    /// Returns the mean with one more cost, whose standard error is `error`. An outlier begins a
    /// new mean.
    pub(super) fn with(self, cost: f64, error: impl FnOnce() -> f64) -> Self {
        let difference = (cost - self.mean).abs();
        if difference > TOLERANCE
            && difference > OUTLIER * error() * self.relative_error().hypot(1.0)
        {
            return Self::new(cost);
        }
        let count = (self.count + 1.0).min(MAX_COUNT);
        Self { mean: self.mean + (cost - self.mean) / count, count }
    }

    /// Returns the standard error of the mean as a share of that of one cost.
    fn relative_error(self) -> f64 {
        (PER_WINDOW / self.count).sqrt().min(1.0)
    }

    /// Returns this mean with no weight: the next cost, of other edges, replaces it.
    pub(super) fn until_next(self) -> Self {
        Self { count: 0.0, ..self }
    }

    pub(super) fn gain(self) -> f64 {
        self.mean.recip()
    }

    /// Returns true if the gain is significantly below `bound`.
    pub(super) fn is_below(self, bound: f64, error: impl FnOnce() -> f64) -> bool {
        let beyond = self.mean - bound.recip();
        beyond > 0.0 && beyond >= SIGNIFICANCE * error() * self.relative_error()
    }

    /// Returns true if the gain is significantly `bound` or more.
    pub(super) fn reaches(self, bound: f64, error: impl FnOnce() -> f64) -> bool {
        let beyond = bound.recip() - self.mean;
        beyond >= 0.0 && beyond >= SIGNIFICANCE * error() * self.relative_error()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn after(gains: &[f64], error: f64) -> MeanCost {
        let mut costs = gains.iter().map(|gain| gain.recip());
        let first = MeanCost::new(costs.next().unwrap());
        costs.fold(first, |mean, cost| mean.with(cost, || error))
    }

    #[test]
    fn one_precise_cost_is_enough_and_otherwise_many_are() {
        assert!(after(&[1.0], 0.01).is_below(1.1, || 0.01));
        assert!(after(&[1.4], 0.02).reaches(1.15, || 0.02));
        assert!(!after(&[1.05], 0.03).is_below(1.1, || 0.03));
        assert!(after(&[1.05; 70], 0.03).is_below(1.1, || 0.03));
        assert!(!after(&[1.2; 8], 0.05).reaches(1.15, || 0.05));
        assert!(after(&[1.2; 128], 0.03).reaches(1.15, || 0.03));
    }

    #[test]
    fn noise_is_averaged_and_a_change_is_not() {
        let noise: Vec<f64> = (0..100).map(|i| 1.125 + 0.05 * f64::from(i % 2 * 2 - 1)).collect();
        let mean = after(&noise, 0.05);
        assert!((mean.gain() - 1.125).abs() < 0.005);
        assert!(!mean.is_below(1.1, || 0.05) && !mean.reaches(1.15, || 0.05));
        assert!((mean.with(1.0 / 1.5, || 0.04).gain() - 1.5).abs() < 1e-9);
        assert!((mean.with(1.0 / 1.25, || 0.05).gain() - 1.125).abs() < 0.01);
    }
}
