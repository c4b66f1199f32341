//! Where a simulation writes its records.

use super::batches::BatchRecords;
use super::outcome::{Outcome, Records};
use super::requests::{RequestColumns, RequestRecords};
use crate::config::ConfigError;
use crate::simulate::error::SimulateError;
use crate::simulate::workload::Workload;

/// The columns that a simulation writes.
pub(in crate::simulate) struct Recorder<'a> {
    pub(in crate::simulate) requests: RequestColumns<'a>,
    pub(in crate::simulate) batches: BatchRecords,
}

impl<'a> Recorder<'a> {
    pub(in crate::simulate) fn new(mut requests: RequestColumns<'a>) -> Self {
        requests.clear();
        Self { requests, batches: BatchRecords::default() }
    }
}

/// Calls `simulate` with new columns and returns all records.
pub(in crate::simulate) fn recorded(
    workload: &Workload,
    simulate: impl FnOnce(RequestColumns<'_>) -> Result<Outcome, SimulateError>,
) -> Result<Records, SimulateError> {
    let count = workload.arrivals.len();
    let mut requests = RequestRecords::new(count).map_err(|_| ConfigError::Memory(count))?;
    let Outcome { batches, events, adaptation } = simulate(requests.columns())?;
    Ok(Records { requests, batches, events, adaptation })
}
