//! A histogram of waits, of fixed size.

use std::time::Duration;

/// Number of buckets with a bound: 1 µs to 2³² µs (71 minutes) in powers of two.
const BOUNDED: usize = 33;

/// A histogram of waits, by powers of two of a microsecond. It takes 288 bytes, for any number of
/// waits.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 32])?, Config::new(8))?;
/// scheduler.submit(1, 9)?;
/// let _batch = scheduler.worker().next_batch(None)?;
/// let waits = scheduler.snapshot().waits;
/// assert_eq!((waits.count(), waits.counts().iter().sum::<u64>()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Bucket `i` counts waits of at most 2^i µs that exceed the bound before. The last bucket
    /// counts waits above the last bound.
    counts: [u64; BOUNDED + 1],
    /// Sum of the waits in nanoseconds.
    sum: u128,
}

impl Default for Waits {
    fn default() -> Self {
        Self { counts: [0; BOUNDED + 1], sum: 0 }
    }
}

impl Waits {
    /// Returns the upper bounds of all buckets except the last, which has none. A bound belongs to
    /// its bucket.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut bounds = multibin::Waits::bounds();
    /// assert_eq!((bounds.len(), bounds.next()), (33, Some(Duration::from_micros(1))));
    /// ```
    #[must_use]
    pub fn bounds() -> impl ExactSizeIterator<Item = Duration> {
        (0..BOUNDED).map(|bucket| Duration::from_micros(1 << bucket))
    }

    /// Returns the count of each bucket; there is one bucket more than bounds.
    ///
    /// ```
    /// use multibin::Waits;
    ///
    /// assert_eq!(Waits::default().counts().len(), Waits::bounds().len() + 1);
    /// ```
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the number of waits.
    ///
    /// ```
    /// assert_eq!(multibin::Waits::default().count(), 0);
    /// ```
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of the waits in seconds.
    ///
    /// ```
    /// assert_eq!(multibin::Waits::default().seconds(), 0.0);
    /// ```
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.sum as f64 / 1e9
    }

    /// Counts the waits of one batch, in nanoseconds.
    ///
    /// Consecutive waits tend to share a bucket. For a run of them, the bucket's index is computed
    /// once and its count is written once.
    #[inline]
    pub(super) fn extend(&mut self, waits: impl Iterator<Item = u64>) {
        let (mut sum, mut run) = (0u64, 0);
        let mut at = Bucket::of(0);
        for wait in waits {
            sum = sum.saturating_add(wait);
            if !at.has(wait) {
                self.counts[at.index] += std::mem::take(&mut run);
                at = Bucket::of(wait);
            }
            run += 1;
        }
        self.counts[at.index] += run;
        self.sum += u128::from(sum);
    }
}

/// A bucket of `width` nanoseconds that begins at `low`.
struct Bucket {
    index: usize,
    low: u64,
    width: u64,
}

impl Bucket {
    /// Returns the first bucket whose bound is at least `wait` nanoseconds.
    #[inline]
    fn of(wait: u64) -> Self {
        // Whole microseconds, or one less for a whole number of them: bounds are inclusive.
        let below = wait.saturating_sub(1) / 1000;
        match (u64::BITS - below.leading_zeros()) as usize {
            0 => Self { index: 0, low: 0, width: 1001 },
            index if index >= BOUNDED => {
                let low = (1000 << (BOUNDED - 1)) + 1;
                Self { index: BOUNDED, low, width: low.wrapping_neg() }
            }
            index => Self { index, low: (1000 << (index - 1)) + 1, width: 1000 << (index - 1) },
        }
    }

    #[inline]
    fn has(&self, wait: u64) -> bool {
        wait.wrapping_sub(self.low) < self.width
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_bound_lies_in_its_bucket_and_a_nanosecond_more_in_the_next() {
        for (i, bound) in Waits::bounds().enumerate() {
            let bound = bound.as_nanos() as u64;
            let (this, next) = (Bucket::of(bound), Bucket::of(bound + 1));
            assert_eq!((this.index, next.index), (i, i + 1));
            assert_eq!(
                [this.has(bound), this.has(bound + 1), this.has(this.low)],
                [true, false, true]
            );
            assert_eq!([next.has(bound), next.has(bound + 1)], [false, true]);
            assert_eq!(Bucket::of(this.low).index, i);
        }
        assert_eq!(Bucket::of(0).index, 0);
        let last = Bucket::of(u64::MAX);
        assert!(last.index == BOUNDED && last.has(u64::MAX) && !last.has(0));
    }

    #[test]
    fn counts_and_sums() {
        let mut waits = Waits::default();
        waits.extend([1, 1000, 1001, u64::MAX, 5, 2000, 0].into_iter());
        waits.extend([3_000_000_000].into_iter());
        assert_eq!((waits.counts()[0], waits.counts()[1], waits.counts()[BOUNDED]), (4, 2, 1));
        assert_eq!((waits.count(), waits.counts()[22]), (8, 1));
        assert_eq!(waits.seconds(), (u64::MAX as f64 + 3e9) / 1e9);
    }
}
