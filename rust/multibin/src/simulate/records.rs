//! What a simulation leaves.

use crate::request::Reason;

/// Everything that happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// By request, in the order of the workload.
    pub requests: RequestRecords,
    /// By batch, in the order in which they left.
    pub batches: BatchRecords,
}

/// Columns of the requests. Times are seconds on the virtual clock, NaN if it never came to that.
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
    /// Steps of its longest run.
    pub steps: Vec<u32>,
    /// The leader's bin.
    pub bin: Vec<u32>,
    /// Why it left.
    pub reason: Vec<Reason>,
    /// Who ran it.
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

impl RequestRecords {
    pub(super) fn new(requests: usize) -> Self {
        let never = || vec![f64::NAN; requests];
        Self {
            arrival: never(),
            start: never(),
            first_token: never(),
            finish: never(),
            bin: vec![0; requests],
            batch: vec![0; requests],
            entries: vec![0; requests],
            waste: vec![0; requests],
        }
    }
}
