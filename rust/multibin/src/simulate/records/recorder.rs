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
    /// The first requests, whose columns were reset.
    cleared: usize,
}

impl<'a> Recorder<'a> {
    /// Requests whose columns are reset together, shortly before the first of them arrives. So
    /// they are still in a cache when they are written.
    const BLOCK: usize = 2048;

    pub(in crate::simulate) fn new(requests: RequestColumns<'a>) -> Self {
        Self { requests, batches: BatchRecords::default(), cleared: 0 }
    }

    /// Records that a request arrives, in seconds. Requests arrive in their order.
    #[inline]
    pub(in crate::simulate) fn arrive(&mut self, request: usize, time: f64) {
        if request == self.cleared {
            self.clear(Self::BLOCK);
        }
        self.requests.arrival[request] = time;
    }

    /// Returns the columns of the batches. Those of requests that did not arrive are reset.
    pub(in crate::simulate) fn finish(mut self) -> BatchRecords {
        self.clear(usize::MAX);
        self.batches
    }

    #[inline(never)]
    fn clear(&mut self, count: usize) {
        let end = self.requests.arrival.len().min(self.cleared.saturating_add(count));
        self.requests.clear(self.cleared..end);
        self.cleared = end;
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
