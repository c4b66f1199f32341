//! The settings of adaptation, and their checks.

use super::adapt_error::AdaptError;
use super::limits::{MAX_WINDOW, MIN_WINDOW};
use crate::edges::Edges;

/// Settings of adaptation: how a scheduler follows the finished requests that are reported to
/// [`Scheduler::observe`](crate::Scheduler::observe).
///
/// A later version may add fields: name those that you set and take the others from
/// [`Adapt::default`]. So the type is not `#[non_exhaustive]`, which forbids this syntax.
///
/// ```
/// use multibin::{Adapt, Config, Edges, Scheduler};
///
/// let adapt = Adapt { bins: Some(16), ..Adapt::default() };
/// let config = Config { adapt: Some(adapt), ..Config::new(8) };
/// let scheduler = Scheduler::new(Edges::new(&[0, 1])?, config)?;
/// scheduler.observe(30, 33); // predicted and actual steps of a finished request
/// assert!(scheduler.adaptation().unwrap().open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapt {
    /// Fits edges to finished requests.
    pub edges: bool,
    /// Watches the predictions with a [`Gate`](crate::Gate): while bins gain too little, new
    /// requests go to the first bin.
    pub gate: bool,
    /// Finished requests from one fit of edges to the next, at most.
    pub every: usize,
    /// Last finished requests to which edges are fitted.
    pub window: usize,
    /// Largest number of bins of fitted edges; by default the number of queues.
    pub bins: Option<usize>,
    /// Gain in throughput in saturation, as a share, that a swap of edges needs.
    pub hysteresis: f64,
    /// Cost of a move and of a batch's fixed part, in steps. Used for levels to climb without
    /// predictions ([`Edges::feedback`]).
    pub overhead: f64,
}

impl Default for Adapt {
    /// Returns edges and gate, fitted every 5,000 requests to the last 20,000, swapped for 2 %.
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

impl Adapt {
    /// Returns the settings of a gate without fits of edges.
    #[cfg(any(feature = "simulate", all(test, not(loom))))]
    pub(crate) fn gate_alone() -> Self {
        Self { edges: false, ..Self::default() }
    }

    /// Refuses settings that are out of range.
    ///
    /// ```
    /// use multibin::{Adapt, AdaptError};
    ///
    /// assert!(Adapt::default().check().is_ok());
    /// let few = Adapt { window: 10, ..Adapt::default() };
    /// assert_eq!(few.check(), Err(AdaptError::Window(10)));
    /// ```
    ///
    /// # Errors
    /// [`AdaptError`] for the first setting that is out of range.
    pub fn check(&self) -> Result<(), AdaptError> {
        let is_cost = |value: f64| value >= 0.0 && value.is_finite();
        match *self {
            Self { edges: false, gate: false, .. } => Err(AdaptError::Nothing),
            Self { every: 0, .. } => Err(AdaptError::Every),
            Self { window, .. } if !(MIN_WINDOW..=MAX_WINDOW).contains(&window) => {
                Err(AdaptError::Window(window))
            }
            Self { bins: Some(bins), .. } if !(1..=Edges::MAX_BINS).contains(&bins) => {
                Err(AdaptError::Bins(bins))
            }
            Self { hysteresis, .. } if !is_cost(hysteresis) => {
                Err(AdaptError::Hysteresis(hysteresis))
            }
            Self { overhead, .. } if !is_cost(overhead) => Err(AdaptError::Overhead(overhead)),
            _ => Ok(()),
        }
    }
}
