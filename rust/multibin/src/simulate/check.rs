//! Refuses what cannot be played.

use super::arrivals::Arrivals;
use super::error::SimulateError;
use super::records::RequestColumns;
use super::workload::{Servers, Workload};
use crate::config::{Config, Fill, Overrun};
use crate::edges::Edges;
use crate::policy::Rules;

pub(super) fn check(
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
    Ok(servers.costs.check()?)
}

/// Whether these servers can serve such a scheduler.
pub(super) fn check_scheduler(
    edges: &Edges,
    config: &Config,
    servers: &Servers,
) -> Result<(), SimulateError> {
    config.validate(edges)?;
    let rules = Rules::new(config);
    check_resident(servers, rules.max_batch_size as usize)?;
    let strict_climbers = (rules.fill, rules.overrun) == (Fill::Strict, Overrun::Climb);
    if servers.max_resident.is_some() && strict_climbers {
        return Err(SimulateError::StrictResident);
    }
    Ok(())
}

/// Whether a server holds the largest batch, of `rows`.
pub(super) fn check_resident(servers: &Servers, rows: usize) -> Result<(), SimulateError> {
    match servers.max_resident {
        Some(most) if most < rows => Err(SimulateError::Resident { most, rows }),
        _ => Ok(()),
    }
}
