//! How a scheduler adapts: what its maker chooses, checked.

use thiserror::Error;

use crate::edges::Edges;

/// How a scheduler follows what it is told of finished requests, with
/// [`Scheduler::observe`](crate::Scheduler::observe).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapt {
    /// Whether edges are fitted to finished requests.
    pub edges: bool,
    /// Whether a [`Gate`](crate::Gate) watches the predictions: while binning does not pay, new
    /// requests go to the first bin.
    pub gate: bool,
    /// Finished requests after which edges are fitted again, at the latest.
    pub every: usize,
    /// The last finished requests to which they are fitted.
    pub window: usize,
    /// The most bins of fitted edges; by default as many as there are queues.
    pub bins: Option<usize>,
    /// What the throughput in saturation must gain, as a share, before edges are swapped.
    pub hysteresis: f64,
    /// What a move and a batch's fixed part cost, in steps, for levels to climb without predictions
    /// ([`Edges::feedback`]).
    pub overhead: f64,
}

impl Default for Adapt {
    /// Edges and gate: fitted every 5,000 requests to the last 20,000, swapped for 2 %.
    fn default() -> Self {
        Self {
            edges: true,
            gate: true,
            every: 5_000,
            window: 20_000,
            bins: None,
            hysteresis: 0.02,
            overhead: 2.0,
        }
    }
}

/// Why there is no such adaptation. Each message names the argument and the value.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum AdaptError {
    /// Neither edges nor a gate.
    #[error("edges and gate: both are False, so that nothing would adapt")]
    Nothing,
    /// No requests between fits.
    #[error("every: 0 requests are no interval")]
    Every,
    /// Too few requests to fit, or more than is sensible.
    #[error(
        "window: {0} is not a number of requests to fit edges to ({MIN_WINDOW} to {MAX_WINDOW})"
    )]
    Window(usize),
    /// Not a possible number of bins.
    #[error("bins: {0} is not a number of bins (1 to {max})", max = Edges::MAX_BINS)]
    Bins(usize),
    /// A gain that is not a finite number ≥ 0.
    #[error("hysteresis: {0} is not a finite share >= 0")]
    Hysteresis(f64),
    /// A cost that is not a finite number ≥ 0.
    #[error("overhead: {0} is not a finite number of steps >= 0")]
    Overhead(f64),
}

/// Fewer requests are not fitted to: half of them choose the edges and half judge them.
pub(crate) const MIN_WINDOW: usize = 2_000;
/// Edges are fitted to no more requests than these.
const MAX_WINDOW: usize = 1 << 24;

impl Adapt {
    /// A gate alone.
    #[cfg(any(feature = "simulate", all(test, not(loom))))]
    pub(crate) fn gate_alone() -> Self {
        Self { edges: false, ..Self::default() }
    }

    /// Whether these options are possible.
    ///
    /// # Errors
    /// [`AdaptError`] when one is not.
    pub fn check(&self) -> Result<(), AdaptError> {
        let positive = |value: f64| value >= 0.0 && value.is_finite();
        match *self {
            Self { edges: false, gate: false, .. } => Err(AdaptError::Nothing),
            Self { every: 0, .. } => Err(AdaptError::Every),
            Self { window, .. } if !(MIN_WINDOW..=MAX_WINDOW).contains(&window) => {
                Err(AdaptError::Window(window))
            }
            Self { bins: Some(bins), .. } if !(1..=Edges::MAX_BINS).contains(&bins) => {
                Err(AdaptError::Bins(bins))
            }
            Self { hysteresis, .. } if !positive(hysteresis) => {
                Err(AdaptError::Hysteresis(hysteresis))
            }
            Self { overhead, .. } if !positive(overhead) => Err(AdaptError::Overhead(overhead)),
            _ => Ok(()),
        }
    }
}
