//! The columns of the requests.

use std::collections::TryReserveError;
use std::ops::Range;

/// Columns of the requests. Times are seconds on the virtual clock, NaN for what did not happen: a
/// request that did not finish has no finite `finish`.
///
/// If all rows run to the end of their batch, Σ rows × steps of the batches is Σ `steps` +
/// Σ `waste` of the requests.
///
/// [`Baseline::Continuous`](crate::simulate::Baseline::Continuous) has no such batches. There
/// Σ `steps` + Σ `waste` of a batch's requests is what its slots computed: at most slots × steps.
///
/// ```
/// use multibin::simulate::{Arrivals, Baseline, Servers, Workload, simulate_baseline};
///
/// let workload = Workload {
///     arrivals: Arrivals::At(vec![0; 3]),
///     predicted: vec![1, 3, 9],
///     actual: vec![1, 3, 9],
///     prompts: vec![0; 3],
///     ..Workload::default()
/// };
/// let nearest = Baseline::Nearest { batch_size: 2, light_load: false };
/// let servers = Servers::new(1, Default::default());
/// let requests = simulate_baseline(&workload, &nearest, &servers)?.requests;
/// // The first request leaves alone; the second row's slot waits for the third row.
/// assert_eq!((requests.steps, requests.waste), (vec![1, 3, 9], vec![0, 6, 0]));
/// # Ok::<(), multibin::simulate::SimulateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestRecords {
    /// When the request arrives.
    pub arrival: Vec<f64>,
    /// When its first batch starts.
    pub start: Vec<f64>,
    /// When its first step ends; with a table of costs, the prefill of its first batch.
    pub first_token: Vec<f64>,
    /// When it completes.
    pub finish: Vec<f64>,
    /// The bin of the leader of its first batch.
    pub bin: Vec<u32>,
    /// The position of its last batch.
    pub batch: Vec<u32>,
    /// The number of batches that it was in.
    pub entries: Vec<u32>,
    /// Steps that its slot computed for it, in all its batches.
    ///
    /// They are more than it takes if [`Overrun::Recompute`](crate::Overrun::Recompute) computes
    /// some again, and fewer if it did not finish.
    pub steps: Vec<u64>,
    /// Steps in which its slot waited for the longest row of its batches.
    pub waste: Vec<u64>,
}

/// Columns of the requests in memory of the caller's, one element for each request. A simulation
/// overwrites them. [`RequestRecords`] explains the units.
///
/// ```
/// let mut records = multibin::simulate::RequestRecords::default();
/// let columns: multibin::simulate::RequestColumns<'_> = records.columns();
/// assert_eq!(columns.arrival.len(), columns.finish.len());
/// ```
#[derive(Debug)]
pub struct RequestColumns<'a> {
    /// When the request arrives.
    pub arrival: &'a mut [f64],
    /// When its first batch starts.
    pub start: &'a mut [f64],
    /// When its first step ends; with a table of costs, the prefill of its first batch.
    pub first_token: &'a mut [f64],
    /// When it completes.
    pub finish: &'a mut [f64],
    /// The bin of the leader of its first batch.
    pub bin: &'a mut [u32],
    /// The position of its last batch.
    pub batch: &'a mut [u32],
    /// The number of batches that it was in.
    pub entries: &'a mut [u32],
    /// Steps that its slot computed for it, in all its batches.
    ///
    /// They are more than it takes if [`Overrun::Recompute`](crate::Overrun::Recompute) computes
    /// some again, and fewer if it did not finish.
    pub steps: &'a mut [u64],
    /// Steps in which its slot waited for the longest row of its batches.
    pub waste: &'a mut [u64],
}

/// What the rows of a batch have in common.
pub(in crate::simulate) struct Entered {
    pub(in crate::simulate) start: f64,
    pub(in crate::simulate) first_token: f64,
    pub(in crate::simulate) bin: u32,
    /// The batch's position.
    pub(in crate::simulate) batch: u32,
    /// Steps of the longest row.
    pub(in crate::simulate) steps: u32,
}

impl RequestRecords {
    /// Makes columns of zeros for `requests` requests.
    pub(in crate::simulate) fn new(requests: usize) -> Result<Self, TryReserveError> {
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

    /// Lends the columns to a simulation.
    ///
    /// ```
    /// let mut records = multibin::simulate::RequestRecords::default();
    /// assert!(records.columns().finish.is_empty());
    /// ```
    pub fn columns(&mut self) -> RequestColumns<'_> {
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
    /// Lends the columns for a while.
    pub(in crate::simulate) fn reborrow(&mut self) -> RequestColumns<'_> {
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

    /// Visits all times.
    pub(in crate::simulate) fn times(&mut self) -> impl Iterator<Item = &mut f64> {
        let columns = [&mut self.arrival, &mut self.start, &mut self.first_token, &mut self.finish];
        columns.into_iter().flat_map(|column| column.iter_mut())
    }

    /// Returns the smallest and the largest of the columns' sizes.
    pub(in crate::simulate) fn sizes(&self) -> [usize; 2] {
        let times = [&self.arrival, &self.start, &self.first_token, &self.finish].map(|c| c.len());
        let counts = [&self.bin, &self.batch, &self.entries].map(|column| column.len());
        let all = times.into_iter().chain(counts).chain([self.steps.len(), self.waste.len()]);
        all.fold([usize::MAX, 0], |[min, max], size| [min.min(size), max.max(size)])
    }

    /// Resets the columns of some requests to those of requests that have not arrived.
    pub(super) fn clear(&mut self, requests: Range<usize>) {
        for times in [&mut self.arrival, &mut self.start, &mut self.first_token, &mut self.finish] {
            times[requests.clone()].fill(f64::NAN);
        }
        for counts in [&mut self.bin, &mut self.batch, &mut self.entries] {
            counts[requests.clone()].fill(0);
        }
        self.steps[requests.clone()].fill(0);
        self.waste[requests].fill(0);
    }

    /// Records that a request is in a batch, in which its slot runs for `steps` steps.
    #[inline]
    pub(in crate::simulate) fn enter(&mut self, request: usize, batch: &Entered, steps: u32) {
        if self.entries[request] == 0 {
            self.start[request] = batch.start;
            self.first_token[request] = batch.first_token;
            self.bin[request] = batch.bin;
        }
        self.batch[request] = batch.batch;
        self.entries[request] += 1;
        self.steps[request] += u64::from(steps);
        self.waste[request] += u64::from(batch.steps - steps);
    }
}
