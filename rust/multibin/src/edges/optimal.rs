//! Fits the bins of the highest throughput in saturation.

use super::bounds::{check_bins, sorted};
use super::error::EdgesError;
use super::map::Edges;
use super::{fit, pairs};

/// Fits bins by dynamic programming: the settings of a fit.
///
/// ```
/// use multibin::edges::Optimal;
///
/// let optimal = Optimal { candidates: None, ..Optimal::new(2, 4) };
/// assert_eq!(optimal.fit(&[3, 3, 9, 9])?.bounds(), [3, 4, 10]);
/// # Ok::<(), multibin::EdgesError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optimal {
    /// Largest number of bins.
    pub bins: usize,
    /// Rows of a batch, all from one bin.
    pub batch_size: u32,
    /// Largest number of candidate edges, at least `bins`; `None`: one at each distinct value of
    /// the sample.
    ///
    /// If there are more distinct values, candidates lie equally far apart in the sum of
    /// √(requests × gap to the next value). Compared with the best bins, they then lie as close in
    /// the tail as in the body.
    pub candidates: Option<usize>,
}

impl Optimal {
    /// Candidate edges of [`Optimal::new`].
    pub const CANDIDATES: usize = 256;

    /// Makes the settings for at most `bins` bins and batches of `batch_size`, with
    /// [`Optimal::CANDIDATES`] candidate edges.
    ///
    /// ```
    /// use multibin::edges::Optimal;
    ///
    /// assert_eq!(Optimal::new(8, 4).candidates, Some(Optimal::CANDIDATES));
    /// ```
    #[must_use]
    pub fn new(bins: usize, batch_size: u32) -> Self {
        Self { bins, batch_size, candidates: Some(Self::CANDIDATES) }
    }

    /// Fits bins to a sample of lengths by dynamic programming.
    ///
    /// They minimise the mean over requests of E[longest of `batch_size` | bin]. That gives the
    /// highest throughput in saturation (Proposition 4.1 of arXiv 2412.04504). Fewer distinct
    /// lengths give fewer bins.
    ///
    /// Time grows with candidates × distinct lengths, memory with candidates × bins.
    ///
    /// ```
    /// use multibin::edges::Optimal;
    ///
    /// assert_eq!(Optimal::new(2, 4).fit(&[3, 3, 9, 9])?.bounds(), [3, 4, 10]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty, or `bins`, `batch_size` or `candidates` is out of
    /// range.
    pub fn fit(self, sample: &[u32]) -> Result<Edges, EdgesError> {
        let candidates = self.checked()?;
        let sorted = sorted(sample, "sample")?;
        let bounds = fit::optimal(&sorted, self.bins, self.batch_size, candidates);
        Edges::new(&bounds.map_err(|_| EdgesError::Memory(sorted.len()))?)
    }

    /// Fits bins of predictions to pairs of a prediction and an actual length.
    ///
    /// They minimise the mean over requests of E[longest actual length of `batch_size` | bin].
    /// Fewer distinct predictions give fewer bins.
    ///
    /// `monotone` assumes that longer predictions imply stochastically longer requests. For each x,
    /// isotonic regression then estimates the share of requests that are no longer than x.
    /// Otherwise the shares are those of the pairs, and few pairs a bin fit the noise.
    ///
    /// At most 512 actual lengths are distinguished, chosen by the rule of the candidates. Time
    /// grows with candidates² × these, without `monotone` also with candidates² × bins. Memory
    /// grows with candidates × (bins + these).
    ///
    /// ```
    /// use multibin::edges::Optimal;
    ///
    /// let (predicted, actual) = ([1, 1, 5, 5], [3, 3, 9, 9]);
    /// let edges = Optimal::new(2, 4).fit_pairs(&predicted, &actual, true)?;
    /// assert_eq!(edges.bounds(), [1, 2, 6]);
    /// # Ok::<(), multibin::EdgesError>(())
    /// ```
    ///
    /// # Errors
    /// [`EdgesError`] if the sample is empty, or `bins`, `batch_size` or `candidates` is out of
    /// range. [`EdgesError::Unpaired`] if `predicted` and `actual` differ in number.
    pub fn fit_pairs(
        self,
        predicted: &[u32],
        actual: &[u32],
        monotone: bool,
    ) -> Result<Edges, EdgesError> {
        let candidates = self.checked()?;
        if predicted.len() != actual.len() {
            let (predicted, actual) = (predicted.len(), actual.len());
            return Err(EdgesError::Unpaired { predicted, actual });
        }
        if predicted.is_empty() {
            return Err(EdgesError::Empty("sample"));
        }
        let mut pairs: Vec<(u32, u32)> =
            predicted.iter().copied().zip(actual.iter().copied()).collect();
        pairs.sort_unstable();
        let bounds = pairs::optimal(&pairs, monotone, self.bins, self.batch_size, candidates);
        Edges::new(&bounds.map_err(|_| EdgesError::Memory(pairs.len()))?)
    }

    /// Checks the settings and returns the number of candidates.
    fn checked(self) -> Result<usize, EdgesError> {
        check_bins(self.bins)?;
        if self.batch_size == 0 {
            return Err(EdgesError::BatchSize);
        }
        match self.candidates {
            Some(0) => Err(EdgesError::Candidates),
            Some(candidates) => Ok(candidates.max(self.bins)),
            None => Ok(usize::MAX),
        }
    }
}
