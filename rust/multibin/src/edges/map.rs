//! The map from a length to its bin.

use super::error::EdgesError;
use super::limits;

/// `k + 1` increasing bounds of `k` half-open bins `[lo, hi)`, in steps.
///
/// Lengths below the first bound belong to the first bin. The last bin has no upper end: its upper
/// bound records the longest length of the sample.
///
/// ```
/// use multibin::Edges;
///
/// let edges = Edges::new(&[0, 32, 64, 128])?;
/// assert_eq!((edges.bin(31), edges.bin(32), edges.bin(1_000)), (0, 1, 2));
/// # Ok::<(), multibin::EdgesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edges {
    bounds: Box<[u32]>,
}

impl Edges {
    /// The largest number of bins.
    pub const MAX_BINS: usize = limits::MAX_BINS;

    /// Makes bins between the given bounds, in steps.
    ///
    /// ```
    /// use multibin::{Edges, EdgesError};
    ///
    /// assert_eq!(Edges::new(&[0, 10, 20])?.bins(), 2);
    /// assert_eq!(Edges::new(&[7]), Err(EdgesError::TooFew(1)));
    /// # Ok::<(), EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if there are fewer than two bounds or too many, or if they do not increase.
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

    /// Returns the number of bins.
    ///
    /// ```
    /// assert_eq!(multibin::Edges::new(&[0, 10, 20])?.bins(), 2);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn bins(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Returns the `bins() + 1` bounds, in steps.
    ///
    /// ```
    /// assert_eq!(multibin::Edges::new(&[0, 10, 20])?.bounds(), [0, 10, 20]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    pub fn bounds(&self) -> &[u32] {
        &self.bounds
    }

    /// Returns the bin of `length`.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[5, 10, 20])?;
    /// assert_eq!([0, 9, 10, 99].map(|length| edges.bin(length)), [0, 0, 1, 1]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn bin(&self, length: u32) -> usize {
        let inner = &self.bounds[1..self.bounds.len() - 1];
        inner.partition_point(|&edge| edge <= length)
    }

    /// Returns the upper edge of `bin`, or `None` for the last bin, which has no end.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[0, 10, 20])?;
    /// assert_eq!((edges.upper(0), edges.upper(1)), (Some(10), None));
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn upper(&self, bin: usize) -> Option<u32> {
        (bin + 1 < self.bins()).then(|| self.bounds[bin + 1])
    }
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
}
