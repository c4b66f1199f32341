//! What a gate makes of the costs that it finds, which chance moves.

/// The looks of a window, about: so many tell as much as one.
const WINDOW: f64 = 8.0;
/// A mean is of about the last sixteen windows.
const MOST: f64 = 128.0;
/// How many standard errors make a mean sure.
const SURE: f64 = 4.0;
/// How many make a look unlike the mean.
const UNLIKE: f64 = 5.0;
/// Looks that are so near to the mean are like it.
const NEAR: f64 = 0.04;

/// The mean of the last costs, as long as these are alike: what bins cost as a share of what one bin
/// does, the gain's inverse. Of costs because their mean is not moved by a few large gains.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeanCost {
    mean: f64,
    looks: f64,
}

impl MeanCost {
    /// Of one look.
    pub(super) fn new(cost: f64) -> Self {
        Self { mean: cost, looks: 1.0 }
    }

    /// With one more look, of which `error` says the standard error. A look that is unlike the mean by
    /// more than chance begins another one.
    pub(super) fn and(self, cost: f64, error: impl FnOnce() -> f64) -> Self {
        let difference = (cost - self.mean).abs();
        if difference > NEAR && difference > UNLIKE * error() * self.chance().hypot(1.0) {
            return Self::new(cost);
        }
        let looks = (self.looks + 1.0).min(MOST);
        Self { mean: self.mean + (cost - self.mean) / looks, looks }
    }

    /// The standard error of the mean as a share of that of a look.
    fn chance(self) -> f64 {
        (WINDOW / self.looks).sqrt().min(1.0)
    }

    /// The same until the next look, which is of something else.
    pub(super) fn until_next(self) -> Self {
        Self { looks: 0.0, ..self }
    }

    pub(super) fn gain(self) -> f64 {
        self.mean.recip()
    }

    /// Whether the gain is below `bound`, and is so for more than chance.
    pub(super) fn is_below(self, bound: f64, error: impl FnOnce() -> f64) -> bool {
        let beyond = self.mean - bound.recip();
        beyond > 0.0 && beyond >= SURE * error() * self.chance()
    }

    /// Whether the gain is `bound` or more, and is so for more than chance.
    pub(super) fn reaches(self, bound: f64, error: impl FnOnce() -> f64) -> bool {
        let beyond = bound.recip() - self.mean;
        beyond >= 0.0 && beyond >= SURE * error() * self.chance()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn after(gains: &[f64], error: f64) -> MeanCost {
        let mut costs = gains.iter().map(|gain| gain.recip());
        let first = MeanCost::new(costs.next().unwrap());
        costs.fold(first, |mean, cost| mean.and(cost, || error))
    }

    #[test]
    fn a_look_that_chance_hardly_moves_is_enough_and_else_many_are() {
        assert!(after(&[1.0], 0.01).is_below(1.1, || 0.01));
        assert!(after(&[1.4], 0.02).reaches(1.15, || 0.02));
        assert!(!after(&[1.05], 0.03).is_below(1.1, || 0.03));
        assert!(after(&[1.05; 70], 0.03).is_below(1.1, || 0.03));
        assert!(!after(&[1.2; 8], 0.05).reaches(1.15, || 0.05));
        assert!(after(&[1.2; 128], 0.03).reaches(1.15, || 0.03));
    }

    #[test]
    fn chance_is_averaged_and_a_change_is_not() {
        let chance: Vec<f64> = (0..100).map(|i| 1.125 + 0.05 * f64::from(i % 2 * 2 - 1)).collect();
        let mean = after(&chance, 0.05);
        assert!((mean.gain() - 1.125).abs() < 0.005);
        assert!(!mean.is_below(1.1, || 0.05) && !mean.reaches(1.15, || 0.05));
        assert!((mean.and(1.0 / 1.5, || 0.04).gain() - 1.5).abs() < 1e-9);
        assert!((mean.and(1.0 / 1.25, || 0.05).gain() - 1.125).abs() < 0.01);
    }
}
