//! What a simulation leaves.

use std::collections::TryReserveError;

use super::error::SimulateError;
use super::workload::Workload;
use crate::adapt::{Adaptation, Event};
use crate::config::ConfigError;
use crate::request::Reason;

/// Everything that happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// By request, in the order of the workload.
    pub requests: RequestRecords,
    /// By batch, in the order in which they left.
    pub batches: BatchRecords,
    /// What adaptation did, in order of time.
    pub events: Vec<TimedEvent>,
    /// What adaptation did in all, and where the gate stands at the end; `None` without adaptation.
    pub adaptation: Option<Adaptation>,
}

/// Everything that happened but the columns of the requests, as in [`Records`].
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields of Records")]
pub struct Outcome {
    pub batches: BatchRecords,
    pub events: Vec<TimedEvent>,
    pub adaptation: Option<Adaptation>,
}

impl Outcome {
    /// All times in it.
    pub(super) fn times(&mut self) -> impl Iterator<Item = &mut f64> {
        let batches = self.batches.start.iter_mut().chain(&mut self.batches.finish);
        batches.chain(self.events.iter_mut().map(|event| &mut event.time))
    }
}

/// Something that adaptation did, when a batch ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedEvent {
    /// When, in seconds on the virtual clock.
    pub time: f64,
    /// What it did.
    pub event: Event,
}

/// Columns of the requests. Times are seconds on the virtual clock, NaN if it never came to that: a
/// request that did not finish has no finite `finish`.
///
/// For all policies whose rows run to the end of their batch, Σ rows × steps of the batches is
/// Σ `steps` + Σ `waste`. [`Baseline::Continuous`](super::Baseline::Continuous) has no such batches: there
/// Σ `steps` + Σ `waste` of the requests of a batch is what its slots computed, at most slots × steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestRecords {
    /// It arrives.
    pub arrival: Vec<f64>,
    /// Its first batch starts.
    pub start: Vec<f64>,
    /// Its first step ends.
    pub first_token: Vec<f64>,
    /// Its answer is given.
    pub finish: Vec<f64>,
    /// The bin of its first batch's leader.
    pub bin: Vec<u32>,
    /// The position of its last batch.
    pub batch: Vec<u32>,
    /// Batches that it was in.
    pub entries: Vec<u32>,
    /// Steps that its slot computed for it, in all its batches: more than it takes where
    /// [`Overrun::Recompute`](crate::Overrun::Recompute) computes some again, fewer where it did not
    /// finish.
    pub steps: Vec<u64>,
    /// Steps in which its slot waited for the longest row of its batches.
    pub waste: Vec<u64>,
}

/// Columns of the batches. Times are seconds on the virtual clock.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchRecords {
    /// When it left.
    pub start: Vec<f64>,
    /// When its last row ended.
    pub finish: Vec<f64>,
    /// Its rows.
    pub rows: Vec<u32>,
    /// Steps of its longest run. Of refill: of all spans of its busy time together.
    pub steps: Vec<u32>,
    /// The leader's bin.
    pub bin: Vec<u32>,
    /// Why it left.
    pub reason: Vec<Reason>,
    /// The server that ran it.
    pub server: Vec<u32>,
    /// Rows with state that waited at its server meanwhile.
    pub parked: Vec<u32>,
}

/// One row of [`BatchRecords`].
pub(super) struct BatchRecord {
    pub(super) start: f64,
    pub(super) finish: f64,
    pub(super) rows: u32,
    pub(super) steps: u32,
    pub(super) bin: u32,
    pub(super) reason: Reason,
    pub(super) server: u32,
    pub(super) parked: u32,
}

impl BatchRecords {
    pub(super) fn push(&mut self, batch: &BatchRecord) {
        self.start.push(batch.start);
        self.finish.push(batch.finish);
        self.rows.push(batch.rows);
        self.steps.push(batch.steps);
        self.bin.push(batch.bin);
        self.reason.push(batch.reason);
        self.server.push(batch.server);
        self.parked.push(batch.parked);
    }
}

/// Columns of the requests, as in [`RequestRecords`], in memory of the caller's. What is in them
/// before does not matter.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields of RequestRecords")]
pub struct RequestColumns<'a> {
    pub arrival: &'a mut [f64],
    pub start: &'a mut [f64],
    pub first_token: &'a mut [f64],
    pub finish: &'a mut [f64],
    pub bin: &'a mut [u32],
    pub batch: &'a mut [u32],
    pub entries: &'a mut [u32],
    pub steps: &'a mut [u64],
    pub waste: &'a mut [u64],
}

impl RequestRecords {
    /// Of `requests` that have not arrived, if there is so much memory.
    pub(super) fn new(requests: usize) -> Result<Self, TryReserveError> {
        Ok(Self {
            arrival: zeros(requests)?,
            start: zeros(requests)?,
            first_token: zeros(requests)?,
            finish: zeros(requests)?,
            bin: zeros(requests)?,
            batch: zeros(requests)?,
            entries: zeros(requests)?,
            steps: zeros(requests)?,
            waste: zeros(requests)?,
        })
    }

    pub(super) fn columns(&mut self) -> RequestColumns<'_> {
        RequestColumns {
            arrival: &mut self.arrival,
            start: &mut self.start,
            first_token: &mut self.first_token,
            finish: &mut self.finish,
            bin: &mut self.bin,
            batch: &mut self.batch,
            entries: &mut self.entries,
            steps: &mut self.steps,
            waste: &mut self.waste,
        }
    }
}

fn zeros<T: Default + Clone>(count: usize) -> Result<Vec<T>, TryReserveError> {
    let mut values = Vec::new();
    values.try_reserve_exact(count)?;
    values.resize(count, T::default());
    Ok(values)
}

impl RequestColumns<'_> {
    /// The same memory, for a while.
    pub(super) fn reborrow(&mut self) -> RequestColumns<'_> {
        RequestColumns {
            arrival: self.arrival,
            start: self.start,
            first_token: self.first_token,
            finish: self.finish,
            bin: self.bin,
            batch: self.batch,
            entries: self.entries,
            steps: self.steps,
            waste: self.waste,
        }
    }

    /// All times in it.
    pub(super) fn times(&mut self) -> impl Iterator<Item = &mut f64> {
        let columns = [&mut self.arrival, &mut self.start, &mut self.first_token, &mut self.finish];
        columns.into_iter().flat_map(|column| column.iter_mut())
    }

    /// The least of the columns' sizes and the greatest.
    pub(super) fn sizes(&self) -> [usize; 2] {
        let times = [&self.arrival, &self.start, &self.first_token, &self.finish].map(|c| c.len());
        let counts = [&self.bin, &self.batch, &self.entries].map(|column| column.len());
        let all = times.into_iter().chain(counts).chain([self.steps.len(), self.waste.len()]);
        all.fold([usize::MAX, 0], |[least, most], size| [least.min(size), most.max(size)])
    }

    /// Nothing has happened yet.
    pub(super) fn clear(&mut self) {
        for times in [&mut self.arrival, &mut self.start, &mut self.first_token, &mut self.finish] {
            times.fill(f64::NAN);
        }
        for counts in [&mut self.bin, &mut self.batch, &mut self.entries] {
            counts.fill(0);
        }
        self.steps.fill(0);
        self.waste.fill(0);
    }
}

/// What a run writes to.
pub(super) struct Recorder<'a> {
    pub(super) requests: RequestColumns<'a>,
    pub(super) batches: BatchRecords,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(mut requests: RequestColumns<'a>) -> Self {
        requests.clear();
        Self { requests, batches: BatchRecords::default() }
    }
}

/// Plays with columns of the run's own.
pub(super) fn recorded(
    workload: &Workload,
    play: impl FnOnce(RequestColumns<'_>) -> Result<Outcome, SimulateError>,
) -> Result<Records, SimulateError> {
    let count = workload.arrivals.len();
    let mut requests = RequestRecords::new(count).map_err(|_| ConfigError::Memory(count))?;
    let Outcome { batches, events, adaptation } = play(requests.columns())?;
    Ok(Records { requests, batches, events, adaptation })
}
