//! A discrete-event simulation of servers that take batches, on a virtual clock.
//!
//! The batches come from the former that ships: what is simulated is what runs. Model, run and
//! records are apart: [`Workload`] and [`Service`] say what happens, [`simulate`] plays it, and
//! [`Records`] is what is left.

mod adaptive;
mod arrivals;
#[cfg(all(test, not(loom)))]
mod live;
mod records;
mod refill;
mod rivals;
mod run;
mod service;
mod time;

use thiserror::Error;

use crate::adapt::{Adapt, Adapter};
use crate::config::{Config, ConfigError, Fill, Overrun, Rules};
use crate::edges::Edges;
use crate::former::Former;
use crate::waiting::Slab;

use adaptive::Adaptive;

pub use arrivals::Arrivals;
pub use records::{BatchRecords, Records, RequestColumns, RequestRecords};
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

/// Who serves.
#[derive(Debug, Clone)]
pub struct Servers {
    /// How many run batches at the same time.
    pub count: usize,
    /// How long a batch takes.
    pub service: Service,
    /// Whether the scheduler is closed after the last arrival, so that what waits is served. If
    /// not, requests may be left over; their records say so with NaN.
    pub drain: bool,
    /// Whether a [`Gate`](crate::Gate) watches the predictions, also if [`Config::adapt`] names none:
    /// while binning does not pay, whoever arrives goes to the first bin. Rivals know no gate.
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
    /// No servers, or more than anybody has.
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
    #[error("max_resident: with fill = strict rows that climb would wait for each other for ever")]
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
    edges: Edges,
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
    edges: Edges,
    config: &Config,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<BatchRecords, SimulateError> {
    check(workload, servers, &requests)?;
    let rules = Rules::new(config)?;
    config.check(&edges)?;
    let queues = config.queues(&edges);
    check_resident(servers, rules.largest as usize)?;
    if servers.max_resident.is_some()
        && (rules.fill, rules.overrun) == (Fill::Strict, Overrun::Climb)
    {
        return Err(SimulateError::StrictResident);
    }
    let most = workload.arrivals.len();
    let memory = |_| ConfigError::Memory(most);
    let slab = Slab::new(most, queues, rules.rank).map_err(memory)?;
    let former =
        Former::new(rules, config.sizes(queues), edges.clone(), slab, 0).map_err(memory)?;
    let Some(adapt) = adaptation(config, servers) else {
        return Ok(run::Run::new(former, workload, servers, rules.overrun, requests).play());
    };
    let adapter = Adapter::new(adapt, edges, queues, &rules);
    let adaptive = Adaptive::new(former, adapter);
    Ok(run::Run::new(adaptive, workload, servers, rules.overrun, requests).play())
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
    play: impl FnOnce(RequestColumns<'_>) -> Result<BatchRecords, SimulateError>,
) -> Result<Records, SimulateError> {
    let count = workload.arrivals.len();
    let mut requests = RequestRecords::new(count).map_err(|_| ConfigError::Memory(count))?;
    let batches = play(requests.columns())?;
    Ok(Records { requests, batches })
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

/// Whether a server holds the largest batch, of `rows`.
fn check_resident(servers: &Servers, rows: usize) -> Result<(), SimulateError> {
    match servers.max_resident {
        Some(most) if most < rows => Err(SimulateError::Resident { most, rows }),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::rivals::workloads;
    use super::*;

    /// Uniform on `[0, 1)`, the same every time.
    fn uniforms(n: usize) -> impl Iterator<Item = f64> {
        let mut state = 1u64;
        std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        })
        .take(n)
    }

    /// Everything present at the start, lengths uniform on [lo, hi].
    fn backlog(n: usize, lo: f64, hi: f64) -> Workload {
        #[expect(clippy::cast_sign_loss, reason = "lengths are positive")]
        let lengths: Vec<u32> = uniforms(n).map(|u| (lo + (hi - lo) * u).round() as u32).collect();
        Workload {
            arrivals: Arrivals::At(vec![0; n]),
            predicted: lengths.clone(),
            actual: lengths,
            prompts: vec![0; n],
        }
    }

    fn one_server(cost: Linear) -> Servers {
        let service = Service { cost: cost.into(), answer: Answer::Row };
        Servers { count: 1, service, drain: true, gate: false, max_resident: None }
    }

    fn last(times: &[f64]) -> f64 {
        times.iter().fold(0.0, |a: f64, &b| a.max(b))
    }

    /// Theorem 4.2 of arXiv 2412.04504: B = 128, l ~ U[1, 20] seconds, here in milliseconds.
    #[test]
    fn throughput_of_uniform_lengths_is_the_papers() {
        let workload = backlog(400_000, 1_000.0, 20_000.0);
        let service = Linear { step: 0.001, ..Linear::default() };
        let config = Config { fill: Fill::Strict, ..Config::new(128) };
        for (bins, paper) in (1..).zip([6.447, 8.434, 9.400, 9.970, 10.347]) {
            let edges = Edges::uniform(1_000, 20_000, bins).unwrap();
            let records = simulate(&workload, edges, &config, &one_server(service)).unwrap();
            let rate = 400_000.0 / last(&records.batches.finish);
            assert!((rate / paper - 1.0).abs() < 0.005, "{bins} bins: {rate} for {paper}");
        }
    }

    #[test]
    fn every_request_is_finished_after_its_own_steps() {
        let workload = backlog(5_000, 1.0, 100.0);
        let edges = Edges::new(&[0, 10, 20, 40, 80]).unwrap();
        for overrun in [Overrun::Finish, Overrun::Climb, Overrun::Recompute] {
            let config = Config { overrun, ..Config::new(8) };
            let service = Linear { step: 1.0, row_step: 1e-9, ..Linear::default() };
            let mut workload = workload.clone();
            workload.predicted.fill(0);
            let records =
                simulate(&workload, edges.clone(), &config, &one_server(service)).unwrap();
            let steps: u64 = records
                .batches
                .steps
                .iter()
                .zip(&records.batches.rows)
                .map(|(&steps, &rows)| u64::from(steps) * u64::from(rows))
                .sum();
            let useful: u64 = workload.actual.iter().map(|&steps| u64::from(steps)).sum();
            let waste: u64 = records.requests.waste.iter().sum();
            let again = steps - waste - useful;
            assert_eq!(again > 0, overrun == Overrun::Recompute, "{overrun:?}");
            assert!(records.requests.finish.iter().all(|finish| finish.is_finite()));
            let most = *records.requests.entries.iter().max().unwrap();
            assert_eq!(most > 1, overrun != Overrun::Finish);
        }
    }

    #[test]
    fn without_draining_strict_leaves_partial_bins_behind() {
        let workload = backlog(10, 1.0, 1.0);
        let servers =
            Servers { drain: false, ..one_server(Linear { step: 1.0, ..Linear::default() }) };
        let config = Config { fill: Fill::Strict, ..Config::new(4) };
        let edges = Edges::new(&[0, 10]).unwrap();
        let records = simulate(&workload, edges, &config, &servers).unwrap();
        assert_eq!(records.requests.finish.iter().filter(|finish| finish.is_nan()).count(), 2);
    }

    #[test]
    fn bad_workloads_are_named() {
        let edges = || Edges::new(&[0, 10]).unwrap();
        let servers = one_server(Linear { step: 1.0, ..Linear::default() });
        let config = Config::new(4);
        let message = |workload: &Workload, servers: &Servers| {
            simulate(workload, edges(), &config, servers).unwrap_err().to_string()
        };
        let good = backlog(3, 1.0, 5.0);
        let sizes = Workload { predicted: vec![1], ..good.clone() };
        assert_eq!(message(&sizes, &servers), "predicted: 1 values for 3 arrivals");
        let unsorted = Workload { arrivals: Arrivals::At(vec![5, 4, 6]), ..good.clone() };
        assert!(message(&unsorted, &servers).contains("arrivals[1]"));
        let empty = Workload { actual: vec![1, 0, 2], ..good.clone() };
        assert!(message(&empty, &servers).contains("request 1"));
        assert!(message(&good, &Servers { count: 0, ..servers }).contains("servers"));
    }

    proptest! {
        #[test]
        fn no_server_holds_more_than_it_may(
            workload in workloads(),
            batch_size in 1u32..6,
            room in 0usize..8,
            max_parked in prop_oneof![Just(None), (0usize..6).prop_map(Some)],
            count in 1usize..3,
        ) {
            let most = batch_size as usize + room;
            let cost = Linear { step: 0.02, ..Linear::default() };
            let limited = |max_resident| {
                let config = Config { overrun: Overrun::Climb, max_parked, ..Config::new(batch_size) };
                let servers = Servers { count, max_resident, ..one_server(cost) };
                let edges = Edges::new(&[0, 4, 8, 16, 32]).unwrap();
                simulate(&workload, edges, &config, &servers).unwrap()
            };
            let records = limited(Some(most));
            let held = records.batches.rows.iter().zip(&records.batches.parked);
            prop_assert!(held.map(|(rows, parked)| rows + parked).all(|held| held as usize <= most));
            prop_assert!(records.requests.finish.iter().all(|finish| finish.is_finite()));
            let everything = workload.actual.len();
            prop_assert_eq!(limited(Some(everything + batch_size as usize)), limited(None));
        }
    }

    #[test]
    fn limits_that_hold_no_batch_are_named() {
        let servers = Servers { max_resident: Some(7), ..one_server(Linear::default()) };
        let message = |config: &Config| {
            let edges = Edges::new(&[0, 10]).unwrap();
            simulate(&backlog(3, 1.0, 5.0), edges, config, &servers).unwrap_err().to_string()
        };
        let small = message(&Config::new(8));
        assert_eq!(small, "max_resident: a server of 7 rows holds no batch of 8");
        let strict = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(4) };
        assert!(message(&strict).starts_with("max_resident: with fill = strict"));
        let rival = Rival::Refill { rows: 8, chunk: 1, order: RefillOrder::Fifo };
        let refused = simulate_rival(&backlog(3, 1.0, 5.0), &rival, &servers).unwrap_err();
        assert_eq!(refused.to_string(), small);
    }
}
