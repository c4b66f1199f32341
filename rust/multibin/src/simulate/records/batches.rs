//! The columns of the batches.

use crate::request::Reason;

/// Columns of the batches, in the order in which they left. Times are seconds on the virtual clock.
///
/// A batch of [`Baseline::Continuous`](crate::simulate::Baseline::Continuous) is a busy time of a
/// server, from the first row that joins it until it is empty again.
///
/// ```
/// use multibin::simulate::BatchRecords;
///
/// let batches = BatchRecords { rows: vec![8, 3], ..Default::default() };
/// assert_eq!(batches.rows.iter().sum::<u32>(), 11);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchRecords {
    /// When the batch left.
    pub start: Vec<f64>,
    /// When its last row ended.
    pub finish: Vec<f64>,
    /// The number of its rows.
    pub rows: Vec<u32>,
    /// Steps of its longest row. For continuous batching: of all spans of the busy time together.
    pub steps: Vec<u32>,
    /// The leader's bin.
    pub bin: Vec<u32>,
    /// Why the batch left.
    pub reason: Vec<Reason>,
    /// The server that ran the batch.
    pub server: Vec<u32>,
    /// Climbers whose state that server kept meanwhile.
    pub parked: Vec<u32>,
    /// The most rows whose state that server held at one time: those that ran and those parked.
    pub resident: Vec<u32>,
    /// The most tokens in the KV caches of these rows at one time: those of prompts, and those
    /// generated so far.
    ///
    /// With [`Completion::Batch`](crate::costs::Completion::Batch) a row keeps its cache until its
    /// batch ends; continuous batching: until its chunk ends. With
    /// [`Completion::Row`](crate::costs::Completion::Row) a finished row gives it back after its
    /// own last step. A row without a cache, which waits or will recompute, counts nothing.
    pub resident_tokens: Vec<u64>,
}

/// One row of [`BatchRecords`].
pub(in crate::simulate) struct BatchRecord {
    pub(in crate::simulate) start: f64,
    pub(in crate::simulate) finish: f64,
    pub(in crate::simulate) rows: u32,
    pub(in crate::simulate) steps: u32,
    pub(in crate::simulate) bin: u32,
    pub(in crate::simulate) reason: Reason,
    pub(in crate::simulate) server: u32,
    pub(in crate::simulate) parked: u32,
    pub(in crate::simulate) resident: u32,
    pub(in crate::simulate) resident_tokens: u64,
}

impl BatchRecords {
    pub(in crate::simulate) fn push(&mut self, batch: &BatchRecord) {
        self.start.push(batch.start);
        self.finish.push(batch.finish);
        self.rows.push(batch.rows);
        self.steps.push(batch.steps);
        self.bin.push(batch.bin);
        self.reason.push(batch.reason);
        self.server.push(batch.server);
        self.parked.push(batch.parked);
        self.resident.push(batch.resident);
        self.resident_tokens.push(batch.resident_tokens);
    }
}
