//! Errors of edges.

use thiserror::Error;

use super::limits::MAX_BINS;

/// The reason why edges could not be made. Each message names the argument, its rule and the value.
///
/// ```
/// use multibin::Edges;
///
/// let error = Edges::new(&[0, 5, 5]).unwrap_err();
/// assert_eq!(error.to_string(), "bounds[2] must be above 5 after rounding up, got 5");
/// ```
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EdgesError {
    /// Fewer than two bounds, which make no bin.
    #[error("bounds must have at least 2 values, got {0}")]
    TooFew(usize),
    /// A bound that is not above its predecessor after both are rounded up.
    #[error("bounds[{index}] must be above {previous} after rounding up, got {value}")]
    Unsorted {
        /// Index of the bound.
        index: usize,
        /// The bound.
        value: u32,
        /// The bound before it.
        previous: u32,
    },
    /// A value that is not a length.
    #[error("{argument} must be between 0 and {max}, got {value}", max = u32::MAX)]
    Length {
        /// The argument, with the index where it is an array.
        argument: String,
        /// The value.
        value: f64,
    },
    /// Bounds of more bins than [`Edges::MAX_BINS`](super::Edges::MAX_BINS).
    #[error("bounds must make at most {MAX_BINS} bins, got {0}")]
    TooMany(usize),
    /// A number of bins that is out of range.
    #[error("bins must be between 1 and {MAX_BINS}, got {0}")]
    Bins(usize),
    /// An empty sample.
    #[error("{0} must have at least 1 value, got 0")]
    Empty(&'static str),
    /// An upper bound that is not above the lower one.
    #[error("hi must be above lo = {lo}, got {hi}")]
    Range {
        /// Lower bound.
        lo: u32,
        /// Upper bound.
        hi: u32,
    },
    /// A batch size of zero.
    #[error("batch_size must be at least 1, got 0")]
    BatchSize,
    /// No candidate edges.
    #[error("candidates must be at least 1, got 0")]
    Candidates,
    /// Too little memory for the candidate edges of a sample of this size.
    #[error(
        "memory is too small for the candidates of a sample of {0}: fewer candidates need less"
    )]
    Memory(usize),
    /// Predictions and actual lengths that differ in number.
    #[error("actual must have one length for each of {predicted} predictions, got {actual}")]
    Unpaired {
        /// Number of predictions.
        predicted: usize,
        /// Number of actual lengths.
        actual: usize,
    },
    /// A share of padding that is out of range.
    #[error("padding must be at least 0 and below 1, got {0}")]
    Padding(f64),
    /// A share of padding that needs too many bins.
    #[error("padding must be large enough for {MAX_BINS} bins from {lo} to {hi}, got {padding}")]
    TightPadding {
        /// The share.
        padding: f64,
        /// The shortest length.
        lo: u32,
        /// The longest length.
        hi: u32,
    },
    /// A cost that is not finite or negative.
    #[error("overhead must be finite and at least 0, got {0}")]
    Overhead(f64),
}
