//! A discrete-event simulation of servers that take batches, on a virtual clock.
//!
//! The batches come from the former that ships: what is simulated is what runs. Model, run and
//! records are apart: [`Workload`] and [`Service`] say what happens, [`simulate`] plays it, and
//! [`Records`] is what is left.

mod adaptive;
mod arrivals;
mod clock;
#[cfg(all(test, not(loom)))]
mod conservation;
#[cfg(all(test, not(loom)))]
mod live;
mod records;
mod refill;
mod rivals;
mod run;
mod service;

use thiserror::Error;

use crate::adapt::{Adapt, Adapter};
use crate::config::{Config, ConfigError, Fill, Overrun, Rules};
use crate::edges::Edges;
use crate::former::Former;
use crate::waiting::Slab;

use adaptive::Adaptive;
use run::Run;

pub use arrivals::Arrivals;
pub use records::{BatchRecords, Outcome, Records, RequestColumns, RequestRecords, TimedEvent};
pub use rivals::{RefillOrder, Rival, Weight, simulate_rival, simulate_rival_into};
pub use service::{Answer, Cost, Counts, Linear, Measured, Service, Table, TableError};

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
    pub service: Service,
    /// Whether the scheduler is closed after the last arrival, so that what waits is served. If
    /// not, requests may be left over; their records say so with NaN. So they may in a closed loop
    /// whose last arrival never comes, because strict bins wait for it.
    pub drain: bool,
    /// Whether a [`Gate`](crate::Gate) watches the predictions, also if [`Config::adapt`] names none:
    /// while binning does not pay, requests that arrive go to the first bin. Rivals know no gate.
    pub gate: bool,
    /// The most rows whose state a server holds, running or waiting to go on: a batch starts no
    /// more than that leaves room for. Overrun by recomputing keeps no state.
    pub max_resident: Option<usize>,
}

impl Servers {
    /// The most servers that are simulated.
    pub const MOST: usize = 1 << 20;
}

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
    /// A coefficient that is not a number ≥ 0.
    #[error("service: {name} = {value} is not a finite number of seconds >= 0")]
    Service {
        /// The coefficient.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A parameter of a rival below its least value.
    #[error("{argument}: {value} is less than {least}")]
    TooSmall {
        /// The parameter.
        argument: &'static str,
        /// Its value.
        value: u32,
        /// Its least value.
        least: u32,
    },
    /// No batch sizes for a rival.
    #[error("sizes: no pair of length and batch size")]
    NoSizes,
    /// Batch sizes of a rival whose lengths do not increase.
    #[error("sizes: length {length} does not lie above {previous}")]
    Cells {
        /// The length.
        length: u32,
        /// The length before it.
        previous: u32,
    },
    /// Batches that take so long that not all times are finite numbers of seconds.
    #[error("service: the run is longer than the largest finite number of seconds")]
    Endless,
    /// The scheduler cannot be made.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

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
    let (queues, rules) = (config.queues(edges), Rules::new(config)?);
    let adapter = Adapter::new(adapt, edges.clone(), queues, &rules);
    let adaptive = Adaptive::new(former, adapter);
    Run::new(adaptive, workload, servers, config.overrun, requests).play()
}

/// A former of a scheduler where at most so many requests wait.
fn former(requests: usize, edges: Edges, config: &Config) -> Result<Former, ConfigError> {
    let (rules, queues) = (Rules::new(config)?, config.queues(&edges));
    let memory = |_| ConfigError::Memory(requests);
    let slab = Slab::new(requests, queues, rules.rank).map_err(memory)?;
    Former::new(rules, config.sizes(queues), edges, slab, 0).map_err(memory)
}

/// What the scheduler adapts, and the gate that `servers` ask for.
fn adaptation(config: &Config, servers: &Servers) -> Option<Adapt> {
    match config.adapt {
        None => servers.gate.then(Adapt::gate_alone),
        Some(adapt) => Some(Adapt { gate: adapt.gate || servers.gate, ..adapt }),
    }
}

/// Plays with columns of the run's own.
fn recorded(
    workload: &Workload,
    play: impl FnOnce(RequestColumns<'_>) -> Result<Outcome, SimulateError>,
) -> Result<Records, SimulateError> {
    let count = workload.arrivals.len();
    let mut requests = RequestRecords::new(count).map_err(|_| ConfigError::Memory(count))?;
    let Outcome { batches, events, adaptation } = play(requests.columns())?;
    Ok(Records { requests, batches, events, adaptation })
}

fn check(
    workload: &Workload,
    servers: &Servers,
    columns: &RequestColumns<'_>,
) -> Result<(), SimulateError> {
    let requests = workload.arrivals.len();
    if let Some(given) = columns.sizes().into_iter().find(|&size| size != requests) {
        return Err(SimulateError::Sizes { argument: "requests", given, requests });
    }
    for (argument, array) in [
        ("predicted", &workload.predicted),
        ("actual", &workload.actual),
        ("prompts", &workload.prompts),
    ] {
        let given = array.len();
        if given != requests {
            return Err(SimulateError::Sizes { argument, given, requests });
        }
    }
    match &workload.arrivals {
        Arrivals::At(times) => {
            if let Some(i) = times.windows(2).position(|pair| pair[0] > pair[1]) {
                return Err(SimulateError::Unsorted(i + 1));
            }
        }
        Arrivals::Users { count: 0, .. } => return Err(SimulateError::NoUsers),
        Arrivals::Users { .. } => {}
    }
    if let Some(i) = workload.actual.iter().position(|&steps| steps == 0) {
        return Err(SimulateError::NoSteps(i));
    }
    if !(1..=Servers::MOST).contains(&servers.count) {
        return Err(SimulateError::Servers(servers.count));
    }
    servers.service.check()
}

/// Whether these servers can serve such a scheduler.
fn check_scheduler(edges: &Edges, config: &Config, servers: &Servers) -> Result<(), SimulateError> {
    let rules = Rules::new(config)?;
    config.check(edges)?;
    check_resident(servers, rules.largest as usize)?;
    let strict_climbers = (rules.fill, rules.overrun) == (Fill::Strict, Overrun::Climb);
    if servers.max_resident.is_some() && strict_climbers {
        return Err(SimulateError::StrictResident);
    }
    Ok(())
}

/// Whether a server holds the largest batch, of `rows`.
fn check_resident(servers: &Servers, rows: usize) -> Result<(), SimulateError> {
    match servers.max_resident {
        Some(most) if most < rows => Err(SimulateError::Resident { most, rows }),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
