//! Constructors that choose the bounds, from a range or from a sample.

use super::bounds::{check_bins, distinct, sorted, spanning};
use super::error::EdgesError;
use super::fit;
use super::map::Edges;
use super::optimal::Optimal;

/// Upper edge of the first geometric bin: shorter requests hardly need bins of their own.
const FIRST_EDGE: f64 = 16.0;

impl Edges {
    /// Makes bins of equal width from `lo` to `hi`. They are optimal for uniform lengths (Lemma 4.1
    /// of arXiv 2412.04504). Bins that would hold no whole length are left out.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// assert_eq!(Edges::uniform(0, 100, 4)?.bounds(), [0, 25, 50, 75, 100]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if `hi <= lo` or `bins` is out of range.
    pub fn uniform(lo: u32, hi: u32, bins: usize) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        if hi <= lo {
            return Err(EdgesError::Range { lo, hi });
        }
        let width = u64::from(hi - lo);
        let bound = |i: usize| lo + (width * i as u64).div_ceil(bins as u64) as u32;
        Self::new(&distinct((0..=bins).map(bound)))
    }

    /// Makes bins from 0 to `longest` that grow by about the same factor. Needs no sample, only a
    /// bound of the lengths.
    ///
    /// The first bin ends at 16, or at about `longest` / `bins` if `longest` is small. Edges that
    /// round to the same length leave fewer bins.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// assert_eq!(Edges::geometric(1024, 4)?.bounds(), [0, 16, 64, 256, 1024]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if `longest` is 0 or `bins` is out of range.
    pub fn geometric(longest: u32, bins: usize) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        if longest == 0 {
            return Err(EdgesError::Range { lo: 0, hi: 0 });
        }
        let top = f64::from(longest);
        let first = FIRST_EDGE.min(top / bins as f64).max(1.0);
        let ratio = (top / first).powf((bins.max(2) as f64 - 1.0).recip());
        let bound = |i: usize| match i {
            0 => 0,
            i if i == bins => longest,
            #[expect(clippy::cast_sign_loss, reason = "every factor is positive")]
            i => (first * ratio.powf(i as f64 - 1.0)).round() as u32,
        };
        Self::new(&distinct((0..=bins).map(bound)))
    }

    /// Makes bins of equal mass in the sample; ties may leave fewer.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// let sample: Vec<u32> = (0..100).collect();
    /// assert_eq!(Edges::quantile(&sample, 4)?.bounds(), [0, 25, 50, 75, 100]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty or `bins` is out of range.
    pub fn quantile(sample: &[u32], bins: usize) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        let sorted = sorted(sample, "sample")?;
        let n = sorted.len();
        let inner = (1..bins).map(|i| sorted[(i * n / bins).min(n - 1)]);
        Self::new(&spanning(&sorted, inner))
    }

    /// Makes the bins of the highest throughput in saturation: calls [`Optimal::fit`] with
    /// [`Optimal::CANDIDATES`] candidate edges.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// assert_eq!(Edges::optimal(&[3, 3, 9, 9], 8, 4)?.bounds(), [3, 4, 10]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty, or `bins` or `batch_size` is out of range.
    pub fn optimal(sample: &[u32], bins: usize, batch_size: u32) -> Result<Self, EdgesError> {
        Optimal::new(bins, batch_size).fit(sample)
    }

    /// Makes levels for requests that climb from the first bin.
    ///
    /// Minimises Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + `overhead`), where l₀ = 0 and S is the survival function
    /// of the sample. `overhead` is the cost of a move and of a batch's fixed part, in steps.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// let edges = Edges::feedback(&[4, 4, 4, 4, 100], 2, 1.0)?;
    /// assert_eq!(edges.bounds(), [0, 4, 100]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty, `bins` is out of range, or `overhead` is negative or
    /// not finite.
    pub fn feedback(sample: &[u32], bins: usize, overhead: f64) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        if !(overhead >= 0.0 && overhead.is_finite()) {
            return Err(EdgesError::Overhead(overhead));
        }
        let sorted = sorted(sample, "sample")?;
        let bounds = fit::feedback(&sorted, bins, overhead);
        Self::new(&bounds.map_err(|_| EdgesError::Memory(sorted.len()))?)
    }
}
