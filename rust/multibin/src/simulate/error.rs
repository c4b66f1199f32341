//! Why nothing was simulated.

use thiserror::Error;

use super::workload::Servers;
use crate::config::ConfigError;
use crate::costs::CostError;

/// Why nothing was simulated. Each message names the argument and the value.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// Arrays of unlike sizes.
    #[error("{argument}: {given} values for {requests} arrivals")]
    Sizes {
        /// The argument.
        argument: &'static str,
        /// Its size.
        given: usize,
        /// The number of arrivals.
        requests: usize,
    },
    /// An arrival before its predecessor.
    #[error("arrivals must not decrease: arrivals[{0}] is before its predecessor")]
    Unsorted(usize),
    /// A request without steps.
    #[error("actual: request {0} takes 0 steps; at least 1 is needed")]
    NoSteps(usize),
    /// No servers, or more than are simulated.
    #[error("servers: {0} is not a number of servers (1 to {max})", max = Servers::MOST)]
    Servers(usize),
    /// A closed loop without users.
    #[error("users: 0 users send no requests")]
    NoUsers,
    /// A server that holds fewer rows than a batch has.
    #[error("max_resident: a server of {most} rows holds no batch of {rows}")]
    Resident {
        /// The limit.
        most: usize,
        /// Rows of the largest batch.
        rows: usize,
    },
    /// Strict bins under a limit of resident rows.
    #[error(
        "max_resident: with fill = strict rows that climb would wait for each other without end"
    )]
    StrictResident,
    /// Costs that are not possible.
    #[error(transparent)]
    Costs(#[from] CostError),
    /// A parameter of a baseline below its least value.
    #[error("{argument}: {value} is less than {least}")]
    TooSmall {
        /// The parameter.
        argument: &'static str,
        /// Its value.
        value: u32,
        /// Its least value.
        least: u32,
    },
    /// No batch sizes for a baseline.
    #[error("sizes: no pair of length and batch size")]
    NoSizes,
    /// Batch sizes of a baseline whose lengths do not increase.
    #[error("sizes: length {length} does not lie above {previous}")]
    Cells {
        /// The length.
        length: u32,
        /// The length before it.
        previous: u32,
    },
    /// Batches that take so long that not all times are finite numbers of seconds.
    #[error("costs: the run is longer than the largest finite number of seconds")]
    Endless,
    /// The scheduler cannot be made.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
