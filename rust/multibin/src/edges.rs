//! The map from a length to its bin, and the ways to choose it.

mod fit;
mod groups;
mod monotone;
mod optimal;
mod pairs;
mod partition;
mod power;

pub use optimal::Optimal;

use thiserror::Error;

/// Where the first of geometric bins ends: shorter requests are hardly worth bins of their own.
const FIRST_EDGE: f64 = 16.0;

/// Why edges could not be made. Each message names the argument and the value.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EdgesError {
    /// Fewer than two edges bound no bin.
    #[error("bounds: need at least 2 (one bin), got {0}")]
    TooFew(usize),
    /// An edge is not below its successor once both are rounded up.
    #[error("bounds, rounded up, must increase: bounds[{index}] = {value} is not above {previous}")]
    Unsorted {
        /// Position of the edge.
        index: usize,
        /// The edge.
        value: u32,
        /// The edge before it.
        previous: u32,
    },
    /// Not a length.
    #[error("{argument}: {value} is not a length (finite, 0 to {max})", max = u32::MAX)]
    Length {
        /// The argument, with the position where it is an array.
        argument: String,
        /// The value.
        value: f64,
    },
    /// More edges than bins may have.
    #[error("bounds: {0} bins are more than {max}", max = Edges::MAX_BINS)]
    TooMany(usize),
    /// A count of bins that is not possible.
    #[error("bins: {0} is not a number of bins (1 to {max})", max = Edges::MAX_BINS)]
    Bins(usize),
    /// An empty sample.
    #[error("{0}: the sample is empty")]
    Empty(&'static str),
    /// The upper bound does not lie above the lower one.
    #[error("hi: {hi} does not lie above lo = {lo}")]
    Range {
        /// Lower bound.
        lo: u32,
        /// Upper bound.
        hi: u32,
    },
    /// A batch size of zero.
    #[error("batch_size: 0 rows make no batch")]
    BatchSize,
    /// No candidate edges.
    #[error("candidates: 0 edges are nothing to choose from")]
    Candidates,
    /// There is not so much memory: fewer candidates need less.
    #[error("candidates: no memory for the edges of a sample of {0}")]
    Memory(usize),
    /// Predictions and actual lengths that are not pairs.
    #[error("sample and actual: {predicted} predictions and {actual} lengths are no pairs")]
    Unpaired {
        /// Number of predictions.
        predicted: usize,
        /// Number of actual lengths.
        actual: usize,
    },
    /// A cost that is not a finite number ≥ 0.
    #[error("overhead: {0} is not a finite number of steps >= 0")]
    Overhead(f64),
}

/// Rounds a length up to whole steps, or says why it is none.
///
/// # Errors
/// [`EdgesError::Length`] for NaN, infinite or negative values, and above `u32::MAX`.
pub fn length(value: f64, argument: impl FnOnce() -> String) -> Result<u32, EdgesError> {
    let rounded = value.ceil();
    // Written so that NaN fails; -0.5 is negative although it rounds to 0.
    if value >= 0.0 && rounded <= f64::from(u32::MAX) {
        #[expect(clippy::cast_sign_loss, reason = "checked to be >= 0")]
        return Ok(rounded as u32);
    }
    Err(EdgesError::Length { argument: argument(), value })
}

/// `k + 1` increasing bounds of `k` half-open bins `[lo, hi)`.
///
/// Lengths below the first bound belong to the first bin, and the last bin has no upper end: its
/// upper bound tells how far the sample went.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edges {
    bounds: Box<[u32]>,
}

impl Edges {
    /// The most bins that edges may have.
    pub const MAX_BINS: usize = 4096;

    /// Bins between the given bounds, in steps.
    ///
    /// # Errors
    /// [`EdgesError`] when there are fewer than two, too many, or they do not increase.
    pub fn new(bounds: &[u32]) -> Result<Self, EdgesError> {
        if bounds.len() < 2 {
            return Err(EdgesError::TooFew(bounds.len()));
        }
        if bounds.len() - 1 > Self::MAX_BINS {
            return Err(EdgesError::TooMany(bounds.len() - 1));
        }
        let step = bounds.windows(2).position(|pair| pair[0] >= pair[1]);
        if let Some(index) = step {
            return Err(EdgesError::Unsorted {
                index: index + 1,
                value: bounds[index + 1],
                previous: bounds[index],
            });
        }
        Ok(Self { bounds: bounds.into() })
    }

    /// Bins of equal width from `lo` to `hi`: optimal for uniform lengths (Lemma 4.1 of
    /// arXiv 2412.04504). Bins that would hold no whole length are left out.
    ///
    /// # Errors
    /// [`EdgesError`] when `hi <= lo` or `bins` is out of range.
    pub fn uniform(lo: u32, hi: u32, bins: usize) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        if hi <= lo {
            return Err(EdgesError::Range { lo, hi });
        }
        let width = u64::from(hi - lo);
        let bound = |i: usize| lo + (width * i as u64).div_ceil(bins as u64) as u32;
        Self::new(&distinct((0..=bins).map(bound)))
    }

    /// Bins from 0 to `longest` that grow by about the same factor, where nothing is known of the
    /// lengths but how long they are at most. The first one ends at 16, or for a small `longest` at
    /// about `longest` / `bins`. Edges that round to the same length leave fewer bins.
    ///
    /// ```
    /// use multibin::Edges;
    ///
    /// assert_eq!(Edges::geometric(1024, 4)?.bounds(), [0, 16, 64, 256, 1024]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] when `longest` is 0 or `bins` is out of range.
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

    /// Bins of equal mass in the sample; ties may leave fewer.
    ///
    /// # Errors
    /// [`EdgesError`] when the sample is empty or `bins` is out of range.
    pub fn quantile(sample: &[u32], bins: usize) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        let sorted = sorted(sample, "sample")?;
        let n = sorted.len();
        let inner = (1..bins).map(|i| sorted[(i * n / bins).min(n - 1)]);
        Self::new(&spanning(&sorted, inner))
    }

    /// [`Optimal::fit`] with [`Optimal::CANDIDATES`] candidate edges.
    ///
    /// # Errors
    /// [`EdgesError`] when the sample is empty, or `bins` or `batch_size` is out of range.
    pub fn optimal(sample: &[u32], bins: usize, batch_size: u32) -> Result<Self, EdgesError> {
        Optimal::new(bins, batch_size).fit(sample)
    }

    /// Levels for requests that climb from the first bin: minimises
    /// Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + `overhead`), S the survival function of the sample, l₀ = 0 and
    /// `overhead` the cost of a move and of a batch's fixed part, in steps.
    ///
    /// # Errors
    /// [`EdgesError`] when the sample is empty, `bins` is out of range or `overhead` is not finite
    /// or negative.
    pub fn feedback(sample: &[u32], bins: usize, overhead: f64) -> Result<Self, EdgesError> {
        check_bins(bins)?;
        if !(overhead >= 0.0 && overhead.is_finite()) {
            return Err(EdgesError::Overhead(overhead));
        }
        let sorted = sorted(sample, "sample")?;
        let bounds = fit::feedback(&sorted, bins, overhead);
        Self::new(&bounds.map_err(|_| EdgesError::Memory(sorted.len()))?)
    }

    /// Number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The `bins() + 1` bounds, in steps.
    #[must_use]
    pub fn bounds(&self) -> &[u32] {
        &self.bounds
    }

    /// The bin of `length`.
    #[must_use]
    #[inline]
    pub fn bin(&self, length: u32) -> usize {
        let inner = &self.bounds[1..self.bounds.len() - 1];
        inner.partition_point(|&edge| edge <= length)
    }

    /// The upper edge of `bin`; `None` for the last bin, which has no end.
    #[must_use]
    #[inline]
    pub fn upper(&self, bin: usize) -> Option<u32> {
        (bin + 1 < self.bins()).then(|| self.bounds[bin + 1])
    }
}

fn check_bins(bins: usize) -> Result<(), EdgesError> {
    match bins {
        1..=Edges::MAX_BINS => Ok(()),
        _ => Err(EdgesError::Bins(bins)),
    }
}

fn sorted(sample: &[u32], argument: &'static str) -> Result<Vec<u32>, EdgesError> {
    if sample.is_empty() {
        return Err(EdgesError::Empty(argument));
    }
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    Ok(sorted)
}

fn distinct(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.dedup();
    values
}

/// The end of a bin whose longest member is `longest`.
fn above(longest: u32) -> u32 {
    longest.saturating_add(1)
}

/// Bounds from the sample's minimum to just above its maximum, with these inner edges.
fn spanning(sorted: &[u32], inner: impl Iterator<Item = u32>) -> Vec<u32> {
    let top = above(sorted[sorted.len() - 1]);
    let low = sorted[0].min(top - 1);
    let inner = inner.filter(|&edge| low < edge && edge < top);
    distinct(std::iter::once(low).chain(inner).chain([top]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_half_open_and_the_outer_ones_take_the_rest() {
        let edges = Edges::new(&[10, 20, 30, 40]).unwrap();
        let bins: Vec<_> =
            [0, 9, 10, 19, 20, 29, 30, 40, u32::MAX].map(|length| edges.bin(length)).into();
        assert_eq!(bins, [0, 0, 0, 0, 1, 1, 2, 2, 2]);
        assert_eq!([0, 1, 2].map(|bin| edges.upper(bin)), [Some(20), Some(30), None]);
    }

    #[test]
    fn bad_edges_are_named() {
        assert_eq!(Edges::new(&[]), Err(EdgesError::TooFew(0)));
        let unsorted = Edges::new(&[0, 5, 5]).unwrap_err().to_string();
        assert_eq!(unsorted, "bounds, rounded up, must increase: bounds[2] = 5 is not above 5");
        assert!(Edges::uniform(5, 5, 2).is_err());
        assert!(Edges::quantile(&[], 2).is_err());
        assert!(Edges::optimal(&[1], 2, 0).is_err());
        let optimal = |candidates| Optimal { bins: 2, batch_size: 2, candidates };
        assert_eq!(optimal(Some(0)).fit(&[1]), Err(EdgesError::Candidates));
        let unpaired = optimal(None).fit_pairs(&[1, 2], &[1], true).unwrap_err().to_string();
        assert_eq!(unpaired, "sample and actual: 2 predictions and 1 lengths are no pairs");
        assert_eq!(optimal(None).fit_pairs(&[], &[], true), Err(EdgesError::Empty("sample")));
        assert!(Edges::feedback(&[1], 2, f64::NAN).is_err());
        assert!(Edges::uniform(0, 5, 0).is_err());
    }

    #[test]
    fn lengths_are_rounded_up_and_checked() {
        assert_eq!(length(2.1, String::new), Ok(3));
        for bad in [f64::NAN, f64::INFINITY, -1.0, -0.5, 5e9] {
            assert!(length(bad, || "length".into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn ties_and_short_ranges_give_fewer_bins() {
        assert_eq!(Edges::uniform(0, 3, 8).unwrap().bounds(), [0, 1, 2, 3]);
        assert_eq!(Edges::quantile(&[7; 100], 8).unwrap().bounds(), [7, 8]);
        assert_eq!(Edges::optimal(&[3, 3, 9, 9], 8, 4).unwrap().bounds(), [3, 4, 10]);
        assert_eq!(Edges::quantile(&[u32::MAX], 2).unwrap().bins(), 1);
        assert_eq!(Edges::optimal(&[u32::MAX, u32::MAX], 2, 2).unwrap().bins(), 1);
        assert_eq!(Edges::feedback(&[u32::MAX, 0], 4, 0.0).unwrap().bounds()[0], 0);
    }

    #[test]
    fn geometric_bins_grow_by_one_factor() {
        assert_eq!(Edges::geometric(4_096, 1).unwrap().bounds(), [0, 4_096]);
        assert_eq!(Edges::geometric(1, 8).unwrap().bounds(), [0, 1]);
        assert_eq!(Edges::geometric(8, 4).unwrap().bounds(), [0, 2, 3, 5, 8]);
        for (longest, bins) in
            [(2, 4096), (15, 16), (16, 16), (17, 3), (2_048, 16), (u32::MAX, 4096)]
        {
            let edges = Edges::geometric(longest, bins).unwrap();
            let bounds = edges.bounds();
            assert!(bounds[0] == 0 && *bounds.last().unwrap() == longest && edges.bins() <= bins);
        }
        let edges = Edges::geometric(2_048, 16).unwrap();
        let factors =
            edges.bounds()[1..].windows(2).map(|pair| f64::from(pair[1]) / f64::from(pair[0]));
        assert!(edges.bins() == 16 && factors.map(|f| (f - 1.38).abs()).all(|off| off < 0.05));
        let refused = |longest, bins| Edges::geometric(longest, bins).unwrap_err();
        assert_eq!(refused(0, 4), EdgesError::Range { lo: 0, hi: 0 });
        assert_eq!(refused(9, 0), EdgesError::Bins(0));
        assert_eq!(refused(9, 1 << 45), EdgesError::Bins(1 << 45));
    }

    #[test]
    fn quantiles_hold_equal_mass() {
        let sample: Vec<u32> = (0..1000).collect();
        assert_eq!(Edges::quantile(&sample, 4).unwrap().bounds(), [0, 250, 500, 750, 1000]);
    }
}
