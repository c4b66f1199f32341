//! What is played: requests, and the servers that run their batches.

use super::arrivals::Arrivals;
use crate::costs::Costs;

/// Requests in their order of arrival; element i of each belongs to request i.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    /// When it arrives.
    pub arrivals: Arrivals,
    /// What the scheduler is told, in steps.
    pub predicted: Vec<u32>,
    /// The steps that it takes, at least 1.
    pub actual: Vec<u32>,
    /// Tokens that are there before the first step.
    pub prompts: Vec<u32>,
}

/// What runs the batches.
#[derive(Debug, Clone)]
pub struct Servers {
    /// How many run batches at the same time.
    pub count: usize,
    /// How long a batch takes.
    pub costs: Costs,
    /// Whether the scheduler is closed after the last arrival, so that what waits is served. If
    /// not, requests may be left over; their records say so with NaN. So they may in a closed loop
    /// whose last arrival never comes, because strict bins wait for it.
    pub drain: bool,
    /// Whether a [`Gate`](crate::Gate) watches the predictions, also if [`Config::adapt`] names none:
    /// while binning does not pay, requests that arrive go to the first bin. Baselines know no gate.
    pub gate: bool,
    /// The most rows whose state a server holds, running or waiting to go on: a batch starts no
    /// more than that leaves room for. Overrun by recomputing keeps no state.
    pub max_resident: Option<usize>,
}

impl Servers {
    /// The most servers that are simulated.
    pub const MOST: usize = 1 << 20;
}
