//! What a simulation leaves.

use super::time::seconds;
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
}

impl RequestRecords {
    pub(super) fn new(arrivals: &[u64]) -> Self {
        let requests = arrivals.len();
        let never = || vec![f64::NAN; requests];
        Self {
            arrival: arrivals.iter().map(|&arrival| seconds(arrival)).collect(),
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
