//! Simulates a scheduler.

use super::adaptive::AdaptiveFormer;
use super::check::{check, check_scheduler};
use super::clock;
use super::error::SimulateError;
use super::policy::FixedFormer;
use super::records::{Outcome, Records, RequestColumns, recorded};
use super::simulation::Simulation;
use super::workload::{Servers, Workload};
use crate::adapt::Adapter;
use crate::config::{Adapt, Config, ConfigError};
use crate::edges::Edges;
use crate::policy::{Former, Rules, Slab};

/// Simulates a scheduler with these edges and this configuration; its capacity is ignored.
///
/// ```
/// use multibin::costs::{Costs, LinearCosts};
/// use multibin::simulate::{Arrivals, Servers, Workload, simulate};
/// use multibin::{Config, Edges};
///
/// // Three requests, all there at the start; the second one is long.
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0; 3]),
///     predicted: vec![4, 40, 4],
///     actual: vec![4, 40, 4],
///     prompts: vec![0; 3],
///     ..Workload::default()
/// };
/// let model = LinearCosts { step: 0.25, ..Default::default() }.into();
/// let servers = Servers::new(1, Costs { model, ..Default::default() });
/// let edges = Edges::new(&[0, 8, 64])?;
/// let config = Config { fill: multibin::Fill::Strict, ..Config::new(2) };
/// let records = simulate(&workload, &edges, &config, &servers)?;
/// assert_eq!(records.requests.finish, [1.0, 11.0, 1.0]);
/// assert_eq!(records.batches.rows, [2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SimulateError`] for an argument that is out of range.
pub fn simulate(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    recorded(workload, |requests| simulate_into(workload, edges, config, servers, requests))
}

/// Simulates a scheduler and records the requests in memory of the caller's. The capacity is
/// ignored.
///
/// ```
/// # use multibin::simulate::{Arrivals, Servers, Workload, simulate, simulate_into};
/// # use multibin::{Config, Edges};
/// # let workload = Workload {
/// #     arrivals: Arrivals::At(vec![0; 3]),
/// #     predicted: vec![4; 3],
/// #     actual: vec![4; 3],
/// #     prompts: vec![0; 3],
/// #     ..Workload::default()
/// # };
/// # let (edges, servers) = (Edges::new(&[0, 8])?, Servers::new(1, Default::default()));
/// let mut records = simulate(&workload, &edges, &Config::new(2), &servers)?;
/// // Again, in the same memory.
/// let columns = records.requests.columns();
/// let outcome = simulate_into(&workload, &edges, &Config::new(1), &servers, columns)?;
/// assert_eq!((records.batches.rows, outcome.batches.rows), (vec![1, 2], vec![1; 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SimulateError`] for an argument that is out of range.
pub fn simulate_into(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    check(workload, servers, &requests)?;
    check_scheduler(edges, config, servers)?;
    clock::run(workload, servers, requests, |workload, servers, tick, requests| {
        run(workload, edges, &tick.config(config), servers, requests)
    })
}

/// Simulates with ticks of one length. `config` was checked.
fn run(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    let former = former(workload.arrivals.len(), edges.clone(), config)?;
    let Some(adapt) = adaptation(config, servers) else {
        let fixed = FixedFormer::new(former);
        return Simulation::new(fixed, workload, servers, config.overrun, requests).run();
    };
    let (queues, rules) = (config.queues(edges), Rules::new(config));
    let adapter = Adapter::new(adapt, edges.clone(), queues, &rules);
    let adaptive = AdaptiveFormer::new(former, adapter);
    Simulation::new(adaptive, workload, servers, config.overrun, requests).run()
}

/// Makes the batch former of a scheduler in which at most `requests` requests wait.
pub(super) fn former(
    requests: usize,
    edges: Edges,
    config: &Config,
) -> Result<Former, ConfigError> {
    let (rules, queues) = (Rules::new(config), config.queues(&edges));
    let memory = |_| ConfigError::Memory(requests);
    let slab = Slab::new(requests, queues, rules.ranking).map_err(memory)?;
    let former = Former::new(rules, config.sizes(queues), edges, slab, 0).map_err(memory)?;
    Ok(former.with_costs(config.costs.as_ref()))
}

/// Returns what the scheduler adapts, with the gate that `servers` ask for.
fn adaptation(config: &Config, servers: &Servers) -> Option<Adapt> {
    match config.adapt {
        None => servers.gate.then(Adapt::gate_alone),
        Some(adapt) => Some(Adapt { gate: adapt.gate || servers.gate, ..adapt }),
    }
}
