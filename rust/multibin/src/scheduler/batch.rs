//! A batch is a lease on its rows.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::fork::FORKED;
use super::wakes::{Guard, Lock, WakeList};
use super::{Handle, Inner};
use crate::policy::Formed;
use crate::request::{Expired, Reason, Row};

/// Why nothing was resubmitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResubmitError {
    /// The lease is over.
    #[error("the batch is done: its rows can no longer be resubmitted")]
    Done,
    /// No such row.
    #[error("rows: {row} is not a position in this batch of {len}")]
    Position {
        /// The position asked for.
        row: usize,
        /// Rows of the batch.
        len: usize,
    },
    /// The row is named twice or was resubmitted before.
    #[error("rows: {0} is resubmitted twice")]
    Twice(usize),
    /// Progress went backwards.
    #[error("progress: {progress} of row {row} is less than its previous {previous}")]
    Progress {
        /// The row.
        row: usize,
        /// The progress given.
        progress: u32,
        /// Its progress before.
        previous: u32,
    },
    /// This is a child of the process that made the scheduler.
    #[error("{FORKED}")]
    Forked,
}

/// Requests to run together. Call [`Batch::done`] when they are finished; a batch that is dropped
/// without it counts its rows as lost, as delivery is at most once. It keeps its worker.
#[derive(Debug)]
pub struct Batch {
    formed: Formed,
    /// When it was formed, in nanoseconds on the scheduler's clock.
    now: u64,
    handle: Arc<Handle>,
    /// Taken before the forming lock.
    lease: Lock<Lease>,
}

#[derive(Debug, Default)]
struct Lease {
    done: bool,
    /// Which rows were resubmitted; empty while none were.
    back: Vec<bool>,
}

impl Lease {
    fn kept(&self, rows: usize) -> u64 {
        (rows - self.back.iter().filter(|&&back| back).count()) as u64
    }
}

impl Batch {
    pub(crate) fn new(formed: Formed, now: u64, handle: Arc<Handle>) -> Self {
        Self { formed, now, handle, lease: Lock::new(Lease::default()) }
    }

    /// The requests, those of the leader's bin first.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.formed.rows
    }

    /// How many steps any row may run in this batch; `None`: until it is finished.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.formed.limit
    }

    /// The bin of the request that led.
    #[must_use]
    pub fn bin(&self) -> usize {
        self.formed.bin
    }

    /// Why it left.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.formed.reason
    }

    /// The requests whose time to live was over before they started, each reported once: with a batch
    /// that leaves afterwards, or one without rows.
    #[must_use]
    pub fn expired(&self) -> &[Expired] {
        &self.formed.expired
    }

    /// How long each row waited since it last entered a queue.
    pub fn waits(&self) -> impl ExactSizeIterator<Item = Duration> {
        self.since(|row| row.entered)
    }

    /// How long ago each row arrived.
    pub fn ages(&self) -> impl ExactSizeIterator<Item = Duration> {
        self.since(|row| row.arrival)
    }

    fn since(&self, start: impl Fn(&Row) -> u64) -> impl ExactSizeIterator<Item = Duration> {
        let wait = move |row| Duration::from_nanos(self.now.saturating_sub(start(row)));
        self.rows().iter().map(wait)
    }

    /// The given rows, each with its total progress, are unfinished and enter a queue again: that
    /// of the bin of their length or of their progress, whichever is higher, behind those waiting
    /// there. They keep key and ticket and are delivered to this batch's worker only, or to any
    /// with `anywhere`. Never fails for capacity. Blocking: takes the forming lock.
    ///
    /// # Errors
    /// [`ResubmitError`], and then nothing was resubmitted.
    pub fn resubmit(&self, rows: &[(usize, u32)], anywhere: bool) -> Result<(), ResubmitError> {
        if self.scheduler().is_forked() {
            return Err(ResubmitError::Forked);
        }
        let wakes = WakeList::new();
        let mut lease = self.lock(&wakes);
        let back = self.check(&lease, rows)?;
        let climbers = rows.iter().map(|&(row, progress)| Row { progress, ..self.rows()[row] });
        let worker = (!anywhere).then_some(self.handle.id);
        self.scheduler().climb(climbers, worker, &wakes);
        lease.back = back;
        Ok(())
    }

    fn check(&self, lease: &Lease, rows: &[(usize, u32)]) -> Result<Vec<bool>, ResubmitError> {
        if lease.done {
            return Err(ResubmitError::Done);
        }
        let mut back = lease.back.clone();
        back.resize(self.rows().len(), false);
        for &(row, progress) in rows {
            let len = self.rows().len();
            let Some(previous) = self.rows().get(row).map(|row| row.progress) else {
                return Err(ResubmitError::Position { row, len });
            };
            if std::mem::replace(&mut back[row], true) {
                return Err(ResubmitError::Twice(row));
            }
            if progress < previous {
                return Err(ResubmitError::Progress { row, progress, previous });
            }
        }
        Ok(back)
    }

    /// The rows that were not resubmitted are finished; a second call does nothing. Wait-free but for
    /// other calls on the same batch, and while calls wait for room or for the end of all work: then it
    /// admits the former and wakes the latter.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn done(&self) {
        let wakes = WakeList::new();
        if let Some(rows) = self.end(&wakes) {
            self.scheduler().finish(rows, &wakes);
            self.handle.end_lease(&wakes);
        }
    }

    /// The rows that were not resubmitted are lost: what dropping the batch means.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn abandon(&self) {
        let wakes = WakeList::new();
        if let Some(rows) = self.end(&wakes) {
            self.scheduler().lose(rows, &wakes);
            self.handle.end_lease(&wakes);
        }
    }

    /// Whether the lease is over.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.lock(&WakeList::new()).done
    }

    /// How many rows would be lost if the batch was dropped now: those neither done nor resubmitted.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    #[must_use]
    pub fn held(&self) -> usize {
        let wakes = WakeList::new();
        let lease = self.lock(&wakes);
        if lease.done { 0 } else { lease.kept(self.rows().len()) as usize }
    }

    /// Ends the lease; how many rows it still held, unless it was over.
    fn end(&self, wakes: &WakeList) -> Option<u64> {
        let mut lease = self.lock(wakes);
        let first = !std::mem::replace(&mut lease.done, true);
        first.then(|| lease.kept(self.rows().len()))
    }

    fn scheduler(&self) -> &Inner {
        &self.handle.scheduler
    }

    fn lock<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, Lease> {
        self.scheduler().assert_not_forked();
        // Nothing panics between the two halves of a change, so a poisoned lease is still whole.
        self.lease.lock_whole(wakes)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.scheduler().is_beyond_use() {
            self.abandon();
        }
    }
}
