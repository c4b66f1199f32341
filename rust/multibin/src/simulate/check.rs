//! Refuses what cannot be simulated.

use super::arrivals::Arrivals;
use super::error::SimulateError;
use super::records::RequestColumns;
use super::workload::{Servers, Workload};
use crate::config::{Config, Fill, Overrun};
use crate::edges::Edges;
use crate::policy::Rules;

/// Checks everything that does not depend on the policy.
pub(super) fn check(
    workload: &Workload,
    servers: &Servers,
    columns: &RequestColumns<'_>,
) -> Result<(), SimulateError> {
    check_sizes(workload, columns)?;
    check_cached(workload)?;
    check_arrivals(&workload.arrivals)?;
    // Faster than the search.
    if workload.actual.contains(&0)
        && let Some(i) = workload.actual.iter().position(|&steps| steps == 0)
    {
        return Err(SimulateError::NoSteps(i));
    }
    if !(1..=Servers::MAX).contains(&servers.count) {
        return Err(SimulateError::Servers(servers.count));
    }
    Ok(servers.costs.validate()?)
}

/// Checks that every array has one value for each arrival.
fn check_sizes(workload: &Workload, columns: &RequestColumns<'_>) -> Result<(), SimulateError> {
    let requests = workload.arrivals.len();
    let arrays = [
        ("predicted", workload.predicted.len()),
        ("actual", workload.actual.len()),
        ("prompts", workload.prompts.len()),
        // Empty: no prompt is cached.
        ("cached", if workload.cached.is_empty() { requests } else { workload.cached.len() }),
    ];
    let mut sizes = columns.sizes().map(|size| ("requests", size)).into_iter().chain(arrays);
    match sizes.find(|&(_, given)| given != requests) {
        Some((argument, given)) => Err(SimulateError::Sizes { argument, given, requests }),
        None => Ok(()),
    }
}

/// Checks that no more tokens of a prompt are cached than it has.
fn check_cached(workload: &Workload) -> Result<(), SimulateError> {
    let Workload { prompts, cached, .. } = workload;
    match prompts.iter().zip(cached).position(|(prompt, cached)| cached > prompt) {
        Some(i) => Err(SimulateError::Cached { request: i, cached: cached[i], prompt: prompts[i] }),
        None => Ok(()),
    }
}

fn check_arrivals(arrivals: &Arrivals) -> Result<(), SimulateError> {
    match arrivals {
        // Faster than a search for the first that is not.
        Arrivals::At(times) if times.is_sorted() => Ok(()),
        Arrivals::At(times) => {
            let before = times.windows(2).position(|pair| pair[0] > pair[1]);
            Err(SimulateError::Unsorted(before.unwrap_or(0) + 1))
        }
        Arrivals::Users { count: 0, .. } => Err(SimulateError::NoUsers),
        Arrivals::Users { .. } => Ok(()),
    }
}

/// Checks a scheduler's configuration, and that these servers can run its batches.
pub(super) fn check_scheduler(
    edges: &Edges,
    config: &Config,
    servers: &Servers,
) -> Result<(), SimulateError> {
    config.validate(edges)?;
    let rules = Rules::new(config);
    check_resident(servers, rules.max_batch_size as usize)?;
    match servers.max_resident {
        Some(max_resident) if (rules.fill, rules.overrun) == (Fill::Strict, Overrun::Climb) => {
            Err(SimulateError::StrictResident(max_resident))
        }
        _ => Ok(()),
    }
}

/// Checks that a server may hold the largest batch, of `rows` rows.
pub(super) fn check_resident(servers: &Servers, rows: usize) -> Result<(), SimulateError> {
    match servers.max_resident {
        Some(max_resident) if max_resident < rows => {
            Err(SimulateError::Resident { max_resident, rows })
        }
        _ => Ok(()),
    }
}
