//! Simulates a baseline.

use super::baseline::Baseline;
use super::continuous::ContinuousSimulation;
use super::heaviest_bin::HeaviestBin;
use super::look_ahead::LookAhead;
use super::nearest::Nearest;
use super::policy::RulePolicy;
use super::rule::Rule;
use super::shortest_first::ShortestFirst;
use super::sorted_window::SortedWindow;
use crate::config::Overrun;
use crate::simulate::check::{check, check_resident};
use crate::simulate::clock;
use crate::simulate::error::SimulateError;
use crate::simulate::records::{Outcome, Records, RequestColumns, recorded};
use crate::simulate::simulation::Simulation;
use crate::simulate::workload::{Servers, Workload};

/// Simulates a baseline.
///
/// ```
/// use multibin::simulate::{Arrivals, Baseline, Servers, Workload, simulate_baseline};
///
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0; 3]),
///     predicted: vec![1, 7, 6],
///     actual: vec![1, 7, 6],
///     prompts: vec![0; 3],
///     ..Workload::default()
/// };
/// let shortest = Baseline::ShortestFirst { batch_size: 1, patience: 200 };
/// let servers = Servers::new(1, Default::default());
/// let records = simulate_baseline(&workload, &shortest, &servers)?;
/// assert_eq!(records.requests.batch, [0, 2, 1]);
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
///
/// # Errors
/// [`SimulateError`] for an argument that is out of range.
pub fn simulate_baseline(
    workload: &Workload,
    baseline: &Baseline,
    servers: &Servers,
) -> Result<Records, SimulateError> {
    recorded(workload, |requests| simulate_baseline_into(workload, baseline, servers, requests))
}

/// Simulates a baseline and records the requests in memory of the caller's.
///
/// ```
/// # use multibin::simulate::{Arrivals, Baseline, Servers, Workload};
/// # use multibin::simulate::{RequestRecords, simulate_baseline_into};
/// let nearest = Baseline::Nearest { batch_size: 8, light_load: true };
/// let (workload, servers) = (Workload::default(), Servers::new(1, Default::default()));
/// let mut requests = RequestRecords::default();
/// let columns = requests.columns();
/// let outcome = simulate_baseline_into(&workload, &nearest, &servers, columns)?;
/// assert!(outcome.batches.rows.is_empty());
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
///
/// # Errors
/// [`SimulateError`] for an argument that is out of range.
pub fn simulate_baseline_into(
    workload: &Workload,
    baseline: &Baseline,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    check(workload, servers, &requests)?;
    baseline.validate()?;
    check_resident(servers, baseline.max_rows() as usize)?;
    clock::run(workload, servers, requests, |workload, servers, _, requests| {
        run(baseline, workload, servers, requests)
    })
}

/// Simulates with ticks of one length.
fn run(
    baseline: &Baseline,
    workload: &Workload,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    match *baseline {
        Baseline::SortedWindow { window, ref sizes } => {
            run_rule(SortedWindow::new(workload, window, sizes), workload, servers, requests)
        }
        Baseline::ShortestFirst { batch_size, patience } => {
            let rule = ShortestFirst::new(workload, batch_size, patience);
            run_rule(rule, workload, servers, requests)
        }
        Baseline::LookAhead { batch_size, window } => {
            run_rule(LookAhead::new(workload, batch_size, window), workload, servers, requests)
        }
        Baseline::Nearest { batch_size, light_load } => {
            run_rule(Nearest::new(workload, batch_size, light_load), workload, servers, requests)
        }
        Baseline::HeaviestBin { batch_size, ref edges, weight, light_load } => {
            let rule = HeaviestBin::new(workload, batch_size, edges, weight, light_load);
            run_rule(rule, workload, servers, requests)
        }
        Baseline::Continuous { rows, chunk, order } => {
            ContinuousSimulation::new(workload, servers, rows, chunk, order, requests).run()
        }
    }
}

fn run_rule(
    rule: impl Rule,
    workload: &Workload,
    servers: &Servers,
    requests: RequestColumns<'_>,
) -> Result<Outcome, SimulateError> {
    let policy = RulePolicy::new(rule, workload);
    Simulation::new(policy, workload, servers, Overrun::Finish, requests).run()
}
