//! Plays the policy that ships.

use super::adaptive::Adaptive;
use super::check::{check, check_scheduler};
use super::clock;
use super::error::SimulateError;
use super::records::{Outcome, Records, RequestColumns, recorded};
use super::run::Run;
use super::workload::{Servers, Workload};
use crate::adapt::Adapter;
use crate::config::{Adapt, Config, ConfigError};
use crate::edges::Edges;
use crate::policy::{Former, Rules, Slab};

/// Plays `workload` through the former of a scheduler with these edges and this configuration,
/// whose capacity is not counted.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    recorded(workload, |requests| simulate_into(workload, edges, config, servers, requests))
}

/// As [`simulate`], with the requests' records in memory of the caller's.
///
/// # Errors
/// [`SimulateError`] when an argument is out of range.
pub fn simulate_into(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    check(workload, servers, &requests)?;
    check_scheduler(edges, config, servers)?;
    clock::play(workload, servers, requests, |workload, servers, tick, requests| {
        play(workload, edges, &tick.config(config), servers, requests)
    })
}

/// Plays with ticks of one length. `config` was checked.
fn play(
    workload: &Workload,
    edges: &Edges,
    config: &Config,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    let former = former(workload.arrivals.len(), edges.clone(), config)?;
    let Some(adapt) = adaptation(config, servers) else {
        return Run::new(former, workload, servers, config.overrun, requests).play();
    };
    let (queues, rules) = (config.queues(edges), Rules::new(config));
    let adapter = Adapter::new(adapt, edges.clone(), queues, &rules);
    let adaptive = Adaptive::new(former, adapter);
    Run::new(adaptive, workload, servers, config.overrun, requests).play()
}

/// A former of a scheduler where at most so many requests wait.
pub(super) fn former(
    requests: usize,
    edges: Edges,
    config: &Config,
) -> Result<Former, ConfigError> {
    let (rules, queues) = (Rules::new(config), config.queues(&edges));
    let memory = |_| ConfigError::Memory(requests);
    let slab = Slab::new(requests, queues, rules.ranking).map_err(memory)?;
    Former::new(rules, config.sizes(queues), edges, slab, 0).map_err(memory)
}

/// What the scheduler adapts, and the gate that `servers` ask for.
fn adaptation(config: &Config, servers: &Servers) -> Option<Adapt> {
    match config.adapt {
        None => servers.gate.then(Adapt::gate_alone),
        Some(adapt) => Some(Adapt { gate: adapt.gate || servers.gate, ..adapt }),
    }
}
