//! What is simulated: requests, and the servers that run their batches.

use super::arrivals::Arrivals;
use crate::costs::Costs;

/// Requests in their order of arrival; element i of each array belongs to request i.
///
/// ```
/// use multibin::simulate::{Arrivals, Workload};
///
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0, 1_000_000]),
///     predicted: vec![40, 7],
///     actual: vec![35, 9],
///     prompts: vec![120, 60],
///     cached: vec![0, 48],
/// };
/// assert_eq!(workload.arrivals.len(), workload.actual.len());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Workload {
    /// When the requests arrive.
    pub arrivals: Arrivals,
    /// The predicted steps, which the policy sees.
    pub predicted: Vec<u32>,
    /// The steps that the requests take, at least 1.
    pub actual: Vec<u32>,
    /// Tokens of the prompts, which are there before the first step.
    pub prompts: Vec<u32>,
    /// Tokens of the prompts that a prefix cache has, at most all of them; empty: none.
    ///
    /// They are not computed when a request starts. In the caches of the rows they count.
    pub cached: Vec<u32>,
}

/// The servers that run the batches.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts};
/// use multibin::simulate::Servers;
///
/// let model = LinearCosts { step: 0.02, ..Default::default() }.into();
/// let servers = Servers { gate: true, ..Servers::new(4, Costs { model, ..Default::default() }) };
/// assert_eq!((servers.count, servers.drain), (4, true));
/// ```
#[derive(Debug, Clone)]
pub struct Servers {
    /// How many run batches at the same time.
    pub count: usize,
    /// How long a batch takes.
    pub costs: Costs,
    /// True if the scheduler closes after the last arrival, so that all waiting requests are
    /// served. If false, requests may be left over: their records have no finite times.
    ///
    /// In a closed loop with strict bins the last arrival may never come, because users wait for
    /// requests that wait for more arrivals. Then requests are left over with `drain` as well.
    pub drain: bool,
    /// True if a [`Gate`](crate::Gate) watches the predictions, also without
    /// [`Config::adapt`](crate::Config::adapt). While the gate is closed, requests that arrive go
    /// to the first bin. Baselines have no gate.
    pub gate: bool,
    /// The maximum number of rows whose state a server holds, running or parked. A batch starts no
    /// more new rows than there is room for. [`Overrun::Recompute`](crate::Overrun::Recompute)
    /// keeps no state.
    pub max_resident: Option<usize>,
}

impl Servers {
    /// The maximum number of servers that can be simulated.
    ///
    /// ```
    /// assert_eq!(multibin::simulate::Servers::MAX, 1_048_576);
    /// ```
    pub const MAX: usize = 1 << 20;

    /// Describes servers that drain, without a gate and with room for any number of rows.
    ///
    /// ```
    /// use multibin::simulate::Servers;
    ///
    /// assert_eq!(Servers::new(2, Default::default()).max_resident, None);
    /// ```
    #[must_use]
    pub fn new(count: usize, costs: Costs) -> Self {
        Self { count, costs, drain: true, gate: false, max_resident: None }
    }
}
