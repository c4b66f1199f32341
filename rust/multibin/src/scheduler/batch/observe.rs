//! A worker observes the rows of its batch.

use thiserror::Error;

use super::{Batch, FORKED};
use crate::record::End;
use crate::scheduler::locks::WakeList;
use crate::scheduler::recording::Observed;

/// Why no row was observed.
///
/// ```
/// use multibin::{Config, Edges, ObserveError, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
/// scheduler.submit(7, 3)?;
/// let batch = scheduler.worker().next_batch(None)?;
/// assert_eq!(batch.observe(&[(1, 5)], &[]), Err(ObserveError::Position { row: 1, len: 1 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The lease is over.
    #[error("the batch is done: its rows can no longer be observed")]
    Done,
    /// The batch has no such row.
    #[error("rows must be positions in this batch of {len}, got {row}")]
    Position {
        /// The position that was given.
        row: usize,
        /// The number of rows in the batch.
        len: usize,
    },
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}

impl Batch {
    /// Observes finished rows: positions in the batch, each with the steps that its row took since
    /// its arrival. `prompts` are the tokens of their prompts, or empty.
    ///
    /// Has the effect of [`Scheduler::observe`](crate::Scheduler::observe), and gives the record of
    /// a row its true length; see [`Scheduler::recorded`](crate::Scheduler::recorded). Rows that
    /// climb are observed once they are finished, before [`Batch::done`].
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
    /// scheduler.submit(7, 3)?;
    /// let batch = scheduler.worker().next_batch(None)?;
    /// batch.observe(&[(0, 4)], &[])?;
    /// batch.done();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ObserveError`], and then nothing is observed.
    ///
    /// # Panics
    /// If `prompts` has neither no element nor one for each row.
    pub fn observe(&self, rows: &[(usize, u32)], prompts: &[u32]) -> Result<(), ObserveError> {
        assert!([0, rows.len()].contains(&prompts.len()), "rows and prompts differ in length");
        if self.scheduler().is_forked() {
            return Err(ObserveError::Forked);
        }
        self.note(rows, prompts)?;
        let predicted: Vec<_> = rows.iter().map(|&(row, _)| self.rows()[row].length).collect();
        let actual: Vec<_> = rows.iter().map(|&(_, steps)| steps).collect();
        self.handle.scheduler.observe(&predicted, &actual);
        Ok(())
    }

    /// Notes for the recorder what was observed.
    fn note(&self, rows: &[(usize, u32)], prompts: &[u32]) -> Result<(), ObserveError> {
        let len = self.rows().len();
        if let Some(&(row, _)) = rows.iter().find(|&&(row, _)| row >= len) {
            return Err(ObserveError::Position { row, len });
        }
        let wakes = WakeList::new();
        let mut lease = self.lock(&wakes);
        if lease.done {
            return Err(ObserveError::Done);
        }
        if self.scheduler().log.is_some() {
            lease.observed.resize(len, Observed::default());
            for (i, &(row, steps)) in rows.iter().enumerate() {
                let prompt = prompts.get(i).copied().unwrap_or_default();
                lease.observed[row] = Observed { steps, prompt };
            }
        }
        Ok(())
    }

    /// Records the rows that were not resubmitted, after the end of the lease.
    pub(super) fn record(&self, end: End) {
        if self.scheduler().log.is_none() {
            return;
        }
        let (resubmitted, observed) = self.taken();
        let is_left = |row: usize| !resubmitted.get(row).is_some_and(|&resubmitted| resubmitted);
        let rows = self.rows().iter().enumerate().filter(|&(row, _)| is_left(row));
        let rows = rows.map(|(at, row)| (*row, observed.get(at).copied()));
        self.scheduler().record_rows(end, self.now, rows);
    }

    /// Returns which rows were resubmitted, and takes what was observed.
    fn taken(&self) -> (Vec<bool>, Vec<Observed>) {
        let wakes = WakeList::new();
        let mut lease = self.lock(&wakes);
        (lease.resubmitted.clone(), std::mem::take(&mut lease.observed))
    }
}
