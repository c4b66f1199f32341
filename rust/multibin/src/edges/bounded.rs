//! Bins that bound how much a length is padded.

use super::bounds::{above, distinct};
use super::error::EdgesError;
use super::limits::MAX_BINS;
use super::map::Edges;

impl Edges {
    /// Makes the fewest bins such that padding is at most the share `padding` of a padded length.
    ///
    /// The lengths of a bin `[a, b)` are padded to b − 1, the longest that it holds. Every length n
    /// from `lo` to `hi`, both included, then has b − 1 − n ≤ `padding` × (b − 1). A shorter length
    /// than `lo` is padded more, and a longer one than `hi` does not fit.
    ///
    /// Each bin begins where the one before ends, and holds as many lengths as the bound allows. So
    /// after k bins no other k bins reach further, and none are fewer.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// let edges = Edges::bounded(64, 160, 0.25)?;
    /// assert_eq!(edges.bounds(), [64, 86, 115, 154, 161]); // Padded to 85, 114, 153 and 160.
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if `hi <= lo`, if `padding` is not at least 0 and below 1, or if it needs
    /// more bins than [`Edges::MAX_BINS`].
    pub fn bounded(lo: u32, hi: u32, padding: f64) -> Result<Self, EdgesError> {
        if hi <= lo {
            return Err(EdgesError::Range { lo, hi });
        }
        if !(0.0..1.0).contains(&padding) {
            return Err(EdgesError::Padding(padding));
        }
        let mut bounds = vec![lo];
        let mut from = lo;
        loop {
            let shape = longest(from, padding).min(hi);
            bounds.push(above(shape));
            if shape == hi {
                return Self::new(&distinct(bounds.into_iter()));
            }
            if bounds.len() > MAX_BINS {
                return Err(EdgesError::TightPadding { padding, lo, hi });
            }
            from = above(shape);
        }
    }
}

/// Returns the largest length to which `from` may be padded.
fn longest(from: u32, padding: f64) -> u32 {
    let fits = |shape: u32| f64::from(shape - from) <= padding * f64::from(shape);
    #[expect(clippy::cast_sign_loss, reason = "it is at least 0")]
    let about = (f64::from(from) / (1.0 - padding)) as u32;
    // The division rounds, by less than a length.
    let candidates = [about.saturating_add(1), about, about.saturating_sub(1)];
    candidates.into_iter().find(|&shape| shape >= from && fits(shape)).unwrap_or(from)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(length: u32, shape: u32) -> f64 {
        if shape == 0 { 0.0 } else { f64::from(shape - length) / f64::from(shape) }
    }

    proptest! {
        #[test]
        fn no_length_is_padded_more_and_every_bin_is_as_wide_as_it_may_be(
            lo in 0u32..500, more in 1u32..3_000, padding in 0.01f64..0.95
        ) {
            let hi = lo + more;
            let edges = Edges::bounded(lo, hi, padding).unwrap();
            let bounds = edges.bounds();
            prop_assert_eq!((bounds[0], bounds[bounds.len() - 1]), (lo, hi + 1));
            for length in lo..=hi {
                let shape = bounds[edges.bin(length) + 1] - 1;
                prop_assert!(length <= shape && share(length, shape) <= padding + 1e-12);
            }
            for pair in bounds[..bounds.len() - 1].windows(2) {
                prop_assert!(share(pair[0], pair[1]) > padding - 1e-12, "{pair:?}");
            }
        }

        #[test]
        fn the_whole_range_of_lengths_is_no_trouble(
            lo in any::<u32>(), hi in any::<u32>(), padding in 0.3f64..1.0
        ) {
            if lo < hi {
                let edges = Edges::bounded(lo, hi, padding).unwrap();
                prop_assert_eq!(edges.bounds()[edges.bins()], hi.saturating_add(1));
            }
        }
    }

    #[test]
    fn a_power_of_two_of_padding_doubles() {
        let edges = Edges::bounded(1, 1_024, 0.5).unwrap();
        assert_eq!(edges.bounds(), [1, 3, 7, 15, 31, 63, 127, 255, 511, 1_023, 1_025]);
        assert_eq!(Edges::bounded(0, 3, 0.0).unwrap().bounds(), [0, 1, 2, 3, 4]);
        assert_eq!(Edges::bounded(u32::MAX - 1, u32::MAX, 0.0).unwrap().bins(), 1);
    }

    #[test]
    fn bad_arguments_are_named() {
        let message = |lo, hi, padding| Edges::bounded(lo, hi, padding).unwrap_err().to_string();
        assert_eq!(message(5, 5, 0.25), "hi must be above lo = 5, got 5");
        assert_eq!(message(1, 5, 1.0), "padding must be at least 0 and below 1, got 1");
        assert_eq!(message(1, 5, f64::NAN), "padding must be at least 0 and below 1, got NaN");
        let tight = "padding must be large enough for 4096 bins from 1 to 5000, got 0";
        assert_eq!(message(1, 5_000, 0.0), tight);
    }
}
