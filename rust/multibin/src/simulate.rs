//! A discrete-event simulation of servers that take batches, on a virtual clock.
//!
//! The batches come from the former that ships: what is simulated is what runs. Model, run and
//! records are apart: [`Workload`] and [`Service`] say what happens, [`simulate`] plays it, and
//! [`Records`] is what is left.

#[cfg(all(test, not(loom)))]
mod live;
mod records;
mod refill;
mod rivals;
mod run;
mod service;
mod time;

use std::sync::Arc;

use thiserror::Error;

use crate::config::{Config, ConfigError, Rules};
use crate::edges::Edges;
use crate::former::Former;
use crate::gate::Gate;
use crate::waiting::Slab;

pub use records::{BatchRecords, Records, RequestRecords};
pub use rivals::{RefillOrder, Rival, Weight, simulate_rival};
pub use service::{Answer, Cost, Counts, Linear, Measured, Service, Table, TableError};

/// Requests in their order of arrival; element i of each belongs to request i.
#[derive(Debug, Clone, Default)]
pub struct Workload {
    /// When it arrives, in nanoseconds; must not decrease.
    pub arrivals: Vec<u64>,
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
    /// Whether a [`Gate`] watches the predictions: while binning does not pay, whoever arrives goes
    /// to the first bin. Rivals know no gate.
    pub gate: bool,
}

impl Servers {
    /// The most servers that are simulated.
    pub const MOST: usize = 1 << 20;
}

/// Why nothing was simulated. Each message names the argument and the value.
#[derive(Debug, Clone, PartialEq, Error)]
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
    check(workload, servers)?;
    let rules = Rules::new(config)?;
    let requests = workload.arrivals.len();
    let slab = Slab::with_capacity(requests).map_err(|_| ConfigError::Memory(requests))?;
    let former = Former::new(rules, Arc::new(edges.clone()), slab);
    if !servers.gate {
        return Ok(run::Run::new(former, workload, servers, rules.overrun).play());
    }
    let gated = run::Gated::new(former, Gate::new(edges, rules.batch_size));
    Ok(run::Run::new(gated, workload, servers, rules.overrun).play())
}

fn check(workload: &Workload, servers: &Servers) -> Result<(), SimulateError> {
    let requests = workload.arrivals.len();
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
    if let Some(i) = workload.arrivals.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(SimulateError::Unsorted(i + 1));
    }
    if let Some(i) = workload.actual.iter().position(|&steps| steps == 0) {
        return Err(SimulateError::NoSteps(i));
    }
    if !(1..=Servers::MOST).contains(&servers.count) {
        return Err(SimulateError::Servers(servers.count));
    }
    servers.service.check()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::config::{Fill, Overrun};

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
            arrivals: vec![0; n],
            predicted: lengths.clone(),
            actual: lengths,
            prompts: vec![0; n],
        }
    }

    fn one_server(cost: Linear) -> Servers {
        let service = Service { cost: cost.into(), answer: Answer::Row };
        Servers { count: 1, service, drain: true, gate: false }
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
        let unsorted = Workload { arrivals: vec![5, 4, 6], ..good.clone() };
        assert!(message(&unsorted, &servers).contains("arrivals[1]"));
        let empty = Workload { actual: vec![1, 0, 2], ..good.clone() };
        assert!(message(&empty, &servers).contains("request 1"));
        assert!(message(&good, &Servers { count: 0, ..servers }).contains("servers"));
    }
}
