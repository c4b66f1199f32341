//! The error of refused arguments.

use thiserror::Error;

use super::workload::Servers;
use crate::config::ConfigError;
use crate::costs::CostError;

/// Why nothing was simulated. Each message names the argument and the value.
///
/// ```
/// use multibin::costs::Costs;
/// use multibin::simulate::{Baseline, Servers, Workload, simulate_baseline};
///
/// let baseline = Baseline::LookAhead { batch_size: 8, window: 7 };
/// let servers = Servers::new(1, Costs::default());
/// let error = simulate_baseline(&Workload::default(), &baseline, &servers).unwrap_err();
/// assert_eq!(error.to_string(), "window must be at least 8, got 7");
/// ```
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// An array whose size is not the number of arrivals.
    #[error("{argument} must have {requests} values, one for each arrival, got {given}")]
    Sizes {
        /// The argument.
        argument: &'static str,
        /// The size of the array.
        given: usize,
        /// The number of arrivals.
        requests: usize,
    },
    /// An arrival before its predecessor.
    #[error("arrivals[{0}] must be at least the arrival before it, got an earlier one")]
    Unsorted(usize),
    /// A request without steps.
    #[error("actual[{0}] must be at least 1, got 0")]
    NoSteps(usize),
    /// A prompt of which more tokens are cached than it has.
    #[error("cached[{request}] must be at most the {prompt} tokens of the prompt, got {cached}")]
    Cached {
        /// The request.
        request: usize,
        /// Tokens that are cached.
        cached: u32,
        /// Tokens of the prompt.
        prompt: u32,
    },
    /// No server, or more than [`Servers::MAX`].
    #[error("servers must be between 1 and {max}, got {0}", max = Servers::MAX)]
    Servers(usize),
    /// A closed loop without users.
    #[error("users must be at least 1, got 0")]
    NoUsers,
    /// A server that holds fewer rows than a batch has.
    #[error(
        "max_resident must be at least the {rows} rows of the largest batch, got {max_resident}"
    )]
    Resident {
        /// The limit.
        max_resident: usize,
        /// Rows of the largest batch.
        rows: usize,
    },
    /// Strict bins of climbers under a limit of resident rows: climbers would wait for each other
    /// without end.
    #[error("max_resident must be left out where fill is 'strict' and overrun 'climb', got {0}")]
    StrictResident(usize),
    /// Costs with a coefficient out of range.
    #[error(transparent)]
    Costs(#[from] CostError),
    /// A parameter of a baseline below its minimum.
    #[error("{argument} must be at least {min}, got {value}")]
    TooSmall {
        /// The parameter.
        argument: &'static str,
        /// The value.
        value: u32,
        /// The minimum.
        min: u32,
    },
    /// No batch sizes for a baseline.
    #[error("sizes must have at least one pair of a length and a batch size, got none")]
    NoSizes,
    /// Batch sizes of a baseline whose lengths do not increase.
    #[error("sizes[{position}] must have a length above {previous}, got {length}")]
    UnsortedSizes {
        /// The position of the pair.
        position: usize,
        /// The length of the pair.
        length: u32,
        /// The length of the pair before it.
        previous: u32,
    },
    /// Costs that are so high that not all times are finite numbers of seconds.
    #[error("costs must be low enough that all times are finite, got times that overflow")]
    TimeOverflow,
    /// A configuration that makes no scheduler.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
