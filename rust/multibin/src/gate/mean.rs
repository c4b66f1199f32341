//! What a gate makes of the gains that it finds, which chance moves.

/// A gain below this is as good as none: predictions that tell nothing are read as 1.00 with a standard
/// deviation of 0.01 at most.
const NOTHING: f64 = 1.02;
/// Chance does not make such a gain of one that is not worth it.
const MUCH: f64 = 1.30;
/// How many looks a mean is of, about: those of 16 windows or more.
const MOST: u32 = 128;
/// The looks of a window, about. Their mean is sure enough to close a gate.
const TO_CLOSE: u32 = 8;
/// The looks whose mean is sure enough to open a gate.
const TO_OPEN: u32 = 24;

/// The mean of the last gains, as long as these are alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeanGain {
    mean: f64,
    last: f64,
    looks: u32,
}

impl MeanGain {
    /// Of one look.
    pub(super) fn new(gain: f64) -> Self {
        Self { mean: gain, last: gain, looks: 1 }
    }

    /// With one more look. A gain that is unlike the mean begins another one.
    pub(super) fn and(self, gain: f64) -> Self {
        if self.is_unlike(gain) {
            return Self::new(gain);
        }
        let looks = (self.looks + 1).min(MOST);
        Self { mean: self.mean + (gain - self.mean) / f64::from(looks), last: gain, looks }
    }

    /// Whether predictions seem to be worth something else than before, which chance does not make.
    fn is_unlike(self, gain: f64) -> bool {
        (gain - self.mean).abs() > 0.2 + 0.25 * (self.mean - 1.0) || gain < NOTHING
    }

    /// The same until the next look, which is of something else.
    pub(super) fn until_next(self) -> Self {
        Self { looks: 0, ..self }
    }

    pub(super) fn mean(self) -> f64 {
        self.mean
    }

    /// Whether the mean is below `bound`, and is so for more than chance.
    pub(super) fn is_below(self, bound: f64) -> bool {
        self.mean < bound && (self.is_clear() || self.looks >= TO_CLOSE)
    }

    /// Whether the mean is `bound` or more, and is so for more than chance.
    pub(super) fn reaches(self, bound: f64) -> bool {
        self.mean >= bound && (self.is_clear() || self.looks >= TO_OPEN)
    }

    /// Whether the last look needs no others.
    fn is_clear(self) -> bool {
        !(NOTHING..MUCH).contains(&self.last)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn after(gains: &[f64]) -> MeanGain {
        let mut gains = gains.iter().copied();
        let first = MeanGain::new(gains.next().unwrap());
        gains.fold(first, MeanGain::and)
    }

    #[test]
    fn a_clear_gain_needs_one_look_and_others_many() {
        assert!(after(&[1.01]).is_below(1.1) && after(&[1.4]).reaches(1.15));
        assert!(!after(&[1.05; 7]).is_below(1.1) && after(&[1.05; 8]).is_below(1.1));
        assert!(!after(&[1.2; 23]).reaches(1.15) && after(&[1.2; 24]).reaches(1.15));
    }

    #[test]
    fn chance_is_averaged_and_a_change_is_not() {
        let chance: Vec<f64> = (0..100).map(|i| 1.125 + 0.05 * f64::from(i % 2 * 2 - 1)).collect();
        let gain = after(&chance);
        assert!((gain.mean() - 1.125).abs() < 1e-9);
        assert!(!gain.is_below(1.1) && !gain.reaches(1.15));
        assert_eq!(gain.and(1.5).mean(), 1.5);
        assert_eq!(gain.and(1.0).mean(), 1.0);
        assert!((gain.and(1.2).mean() - 1.125).abs() < 0.01);
    }
}
