//! Errors of the settings of adaptation.

use thiserror::Error;

use super::limits::{MAX_WINDOW, MIN_WINDOW};
use crate::edges::Edges;

/// The setting of [`Adapt`](crate::Adapt) that is refused. Each message names the argument, its
/// rule and the value.
///
/// ```
/// use multibin::{Adapt, AdaptError};
///
/// let error = Adapt { every: 0, ..Adapt::default() }.check().unwrap_err();
/// assert_eq!(error, AdaptError::Every);
/// assert_eq!(error.to_string(), "every must be at least 1, got 0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum AdaptError {
    /// Neither edges nor a gate, so that nothing would adapt.
    #[error("edges or gate must be on, got neither")]
    Nothing,
    /// Fits after every 0 requests.
    #[error("every must be at least 1, got 0")]
    Every,
    /// A number of requests to fit to that is out of range.
    #[error("window must be between {MIN_WINDOW} and {MAX_WINDOW}, got {0}")]
    Window(usize),
    /// A number of bins that is out of range.
    #[error("bins must be between 1 and {max}, got {0}", max = Edges::MAX_BINS)]
    Bins(usize),
    /// A gain that is not finite or negative.
    #[error("hysteresis must be finite and at least 0, got {0}")]
    Hysteresis(f64),
    /// A cost that is not finite or negative.
    #[error("overhead must be finite and at least 0, got {0}")]
    Overhead(f64),
}
