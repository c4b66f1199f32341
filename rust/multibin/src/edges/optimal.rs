//! The bins of the highest throughput in saturation.

use super::{Edges, EdgesError, check_bins, fit, pairs, sorted};

/// What bins are optimised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optimal {
    /// The most bins.
    pub bins: usize,
    /// The requests of a batch, all of one bin.
    pub batch_size: u32,
    /// The most candidate edges, taken as `bins` if that is more; `None`: one at each distinct
    /// value of the sample.
    ///
    /// Candidates are chosen where there are more distinct values: equally far apart in the sum of
    /// √(requests × gap to the next value), so that they lie as close, compared with the best bins,
    /// in the tail as in the body.
    pub candidates: Option<usize>,
}

impl Optimal {
    /// The candidate edges of [`Optimal::new`].
    pub const CANDIDATES: usize = 256;

    /// At most `bins` bins for batches of `batch_size`, of the usual number of candidate edges.
    #[must_use]
    pub fn new(bins: usize, batch_size: u32) -> Self {
        Self { bins, batch_size, candidates: Some(Self::CANDIDATES) }
    }

    /// Bins that minimise the mean over requests of E[longest of `batch_size` | bin] on the sample,
    /// by dynamic programming: the highest throughput in saturation (Proposition 4.1 of
    /// arXiv 2412.04504). Fewer distinct lengths give fewer bins.
    ///
    /// Time grows with candidates × distinct lengths, memory with candidates × bins.
    ///
    /// # Errors
    /// [`EdgesError`] when the sample is empty, or `bins`, `batch_size` or `candidates` is out of
    /// range.
    pub fn fit(self, sample: &[u32]) -> Result<Edges, EdgesError> {
        let candidates = self.checked()?;
        let sorted = sorted(sample, "sample")?;
        let bounds = fit::optimal(&sorted, self.bins, self.batch_size, candidates);
        Edges::new(&bounds.map_err(|_| EdgesError::Memory(sorted.len()))?)
    }

    /// Bins of predictions that minimise the mean over requests of E[longest actual length of
    /// `batch_size` | bin] on pairs of a prediction and an actual length. Fewer distinct predictions
    /// give fewer bins.
    ///
    /// `monotone` takes it that longer predictions mean longer requests in distribution: for each x
    /// the share of requests that are no longer than x is estimated by isotonic regression. Else the
    /// shares are those of the pairs, and with few pairs for each bin the noise is fitted.
    ///
    /// At most 512 actual lengths are told apart, chosen as candidates are. Time grows with
    /// candidates² × these, without `monotone` also with candidates² × bins; memory with
    /// candidates × (bins + these).
    ///
    /// # Errors
    /// As [`Optimal::fit`], and [`EdgesError::Unpaired`] when one is longer than the other.
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

    /// The number of candidates, after all that can be refused.
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
