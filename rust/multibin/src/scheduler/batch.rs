//! A batch: rows that a worker holds by a lease.

mod observe;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub use self::observe::ObserveError;
use super::inner::Inner;
use super::locks::{Guard, Lock, WakeList};
use super::recording::Observed;
use super::worker_handle::WorkerHandle;
use crate::fork::FORKED;
use crate::policy::Formed;
use crate::record::End;
use crate::request::{Expired, Reason, Row};

/// Why no row was resubmitted.
///
/// ```
/// use multibin::{Config, Edges, ResubmitError, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
/// scheduler.submit(7, 3)?;
/// let batch = scheduler.worker().next_batch(None)?;
/// let error = batch.resubmit(&[(1, 5)], false).unwrap_err();
/// assert_eq!(error, ResubmitError::Position { row: 1, len: 1 });
/// assert_eq!(error.to_string(), "rows must be positions in this batch of 1, got 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResubmitError {
    /// The lease is over.
    #[error("the batch is done: its rows can no longer be resubmitted")]
    Done,
    /// The batch has no such row.
    #[error("rows must be positions in this batch of {len}, got {row}")]
    Position {
        /// The position that was given.
        row: usize,
        /// The number of rows in the batch.
        len: usize,
    },
    /// The row is named twice, or was resubmitted before.
    #[error("rows must be resubmitted at most once, got {0} twice")]
    Twice(usize),
    /// The progress is less than before.
    #[error("progress must be at least {previous} for row {row}, got {progress}")]
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

/// Requests to run together, leased to a worker.
///
/// Call [`Batch::done`] when they are finished. Delivery is at most once: a batch that is dropped
/// before counts its rows as lost. A batch keeps its worker alive.
///
/// ```
/// use multibin::{Config, Edges, Reason, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10, 20])?, Config::new(2))?;
/// scheduler.submit_many(&[7, 8], &[12, 15])?;
/// let batch = scheduler.worker().next_batch(None)?;
/// assert_eq!(batch.rows().iter().map(|row| row.key).collect::<Vec<_>>(), [7, 8]);
/// assert_eq!((batch.bin(), batch.reason(), batch.limit()), (1, Reason::LightLoad, None));
/// batch.done();
/// assert_eq!(scheduler.stats().done, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    formed: Formed,
    /// When it was formed, in nanoseconds on the scheduler's clock.
    now: u64,
    handle: Arc<WorkerHandle>,
    /// Taken before the forming lock.
    lease: Lock<Lease>,
}

#[derive(Debug, Default)]
struct Lease {
    done: bool,
    /// For each row, true if it was resubmitted; empty while none were.
    resubmitted: Vec<bool>,
    /// For each row, what was observed of it, for the recorder; empty while nothing was.
    observed: Vec<Observed>,
}

impl Lease {
    /// Returns how many of `rows` were not resubmitted.
    fn held(&self, rows: usize) -> u64 {
        (rows - self.resubmitted.iter().filter(|&&resubmitted| resubmitted).count()) as u64
    }
}

impl Batch {
    pub(super) fn new(formed: Formed, now: u64, handle: Arc<WorkerHandle>) -> Self {
        Self { formed, now, handle, lease: Lock::new(Lease::default()) }
    }

    /// Returns the requests, those of the leader's bin first.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.formed.rows
    }

    /// Returns how many steps any row may run in this batch; `None`: until it is finished.
    ///
    /// ```
    /// use multibin::{Config, Edges, Overrun, Scheduler};
    ///
    /// let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10, 20])?, config)?;
    /// scheduler.submit(7, 3)?;
    /// assert_eq!(scheduler.worker().next_batch(None)?.limit(), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.formed.limit
    }

    /// Returns the bin of the request that led.
    #[must_use]
    pub fn bin(&self) -> usize {
        self.formed.bin
    }

    /// Returns why it left.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.formed.reason
    }

    /// Returns the requests that expired: their time to live was over before they started. Each is
    /// reported once, by a batch that leaves afterwards or one without rows.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, Options, Reason, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
    /// scheduler.submit_with(7, 3, &Options::new().ttl(Duration::ZERO))?;
    /// let batch = scheduler.worker().next_batch(None)?;
    /// assert_eq!((batch.reason(), batch.rows().len()), (Reason::Expired, 0));
    /// assert_eq!(batch.expired()[0].key, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn expired(&self) -> &[Expired] {
        &self.formed.expired
    }

    /// Returns how long each row waited since it last entered a queue.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
    /// scheduler.submit(7, 3)?;
    /// let batch = scheduler.worker().next_batch(None)?;
    /// assert!(batch.waits().eq(batch.ages()), "it was not resubmitted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn waits(&self) -> impl ExactSizeIterator<Item = Duration> {
        self.since(|row| row.entered)
    }

    /// Returns how long ago each row arrived, when the batch was formed.
    pub fn ages(&self) -> impl ExactSizeIterator<Item = Duration> {
        self.since(|row| row.arrival)
    }

    fn since(&self, start: impl Fn(&Row) -> u64) -> impl ExactSizeIterator<Item = Duration> {
        let wait = move |row| Duration::from_nanos(self.now.saturating_sub(start(row)));
        self.rows().iter().map(wait)
    }

    /// Puts unfinished rows into queues again; `rows` holds positions in the batch, each with the
    /// total progress of its row.
    ///
    /// A row enters the bin of its length or of its progress, whichever is higher, behind the
    /// requests that wait there. It keeps key and ticket. It is delivered to this batch's worker
    /// only, or to any worker with `anywhere`. There always is room for it. Blocking: takes the
    /// forming lock.
    ///
    /// The progress of a row never falls. It may stay the same, for a row that was not run or that
    /// began again. Nothing ends a row that never makes one more step.
    ///
    /// ```
    /// use multibin::{Config, Edges, Overrun, Scheduler};
    ///
    /// let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10, 20])?, config)?;
    /// let worker = scheduler.worker();
    /// scheduler.submit(7, 3)?;
    /// let batch = worker.next_batch(None)?;
    /// batch.resubmit(&[(0, 10)], false)?; // after 10 steps
    /// batch.done();
    /// let batch = worker.next_batch(None)?;
    /// assert_eq!((batch.rows()[0].key, batch.rows()[0].progress, batch.bin()), (7, 10, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ResubmitError`], and then no row was resubmitted.
    pub fn resubmit(&self, rows: &[(usize, u32)], anywhere: bool) -> Result<(), ResubmitError> {
        if self.scheduler().is_forked() {
            return Err(ResubmitError::Forked);
        }
        let wakes = WakeList::new();
        let mut lease = self.lock(&wakes);
        let resubmitted = self.check(&lease, rows)?;
        let climbers = rows.iter().map(|&(row, progress)| Row { progress, ..self.rows()[row] });
        let worker = (!anywhere).then_some(self.handle.id);
        self.scheduler().climb(climbers, worker, &wakes);
        lease.resubmitted = resubmitted;
        Ok(())
    }

    /// Returns which rows are resubmitted after `rows` are, if these may be.
    fn check(&self, lease: &Lease, rows: &[(usize, u32)]) -> Result<Vec<bool>, ResubmitError> {
        if lease.done {
            return Err(ResubmitError::Done);
        }
        let mut resubmitted = lease.resubmitted.clone();
        resubmitted.resize(self.rows().len(), false);
        for &(row, progress) in rows {
            let len = self.rows().len();
            let Some(previous) = self.rows().get(row).map(|row| row.progress) else {
                return Err(ResubmitError::Position { row, len });
            };
            if std::mem::replace(&mut resubmitted[row], true) {
                return Err(ResubmitError::Twice(row));
            }
            if progress < previous {
                return Err(ResubmitError::Progress { row, progress, previous });
            }
        }
        Ok(resubmitted)
    }

    /// Ends the lease: the rows that were not resubmitted are finished. A second call has no
    /// effect.
    ///
    /// Wait-free, with two exceptions: other calls on this batch, and calls that wait for room or
    /// for the end of all work. It admits the former and wakes the latter.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
    /// scheduler.submit(7, 3)?;
    /// let batch = scheduler.worker().next_batch(None)?;
    /// assert_eq!((batch.is_done(), batch.held()), (false, 1));
    /// batch.done();
    /// assert_eq!((batch.is_done(), batch.held()), (true, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn done(&self) {
        let wakes = WakeList::new();
        if let Some(rows) = self.end(&wakes) {
            self.record(End::Finished);
            self.scheduler().finish(rows, &wakes);
            self.handle.end_lease(&wakes);
        }
    }

    /// Ends the lease: the rows that were not resubmitted are lost. Dropping the batch does this.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
    /// scheduler.submit(7, 3)?;
    /// scheduler.worker().next_batch(None)?.abandon();
    /// assert_eq!(scheduler.stats().lost, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn abandon(&self) {
        let wakes = WakeList::new();
        if let Some(rows) = self.end(&wakes) {
            self.record(End::Lost);
            self.scheduler().lose(rows, &wakes);
            self.handle.end_lease(&wakes);
        }
    }

    /// Returns true if the lease is over.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.lock(&WakeList::new()).done
    }

    /// Returns how many rows would be lost if the batch were dropped: those neither done nor
    /// resubmitted.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    #[must_use]
    pub fn held(&self) -> usize {
        let wakes = WakeList::new();
        let lease = self.lock(&wakes);
        if lease.done { 0 } else { lease.held(self.rows().len()) as usize }
    }

    /// Ends the lease. Returns how many rows it still held, unless it was over.
    fn end(&self, wakes: &WakeList) -> Option<u64> {
        let mut lease = self.lock(wakes);
        let first = !std::mem::replace(&mut lease.done, true);
        first.then(|| lease.held(self.rows().len()))
    }

    fn scheduler(&self) -> &Inner {
        &self.handle.scheduler
    }

    fn lock<'a>(&'a self, wakes: &'a WakeList) -> Guard<'a, Lease> {
        self.scheduler().assert_not_forked();
        // Nothing panics in the middle of a change, so a poisoned lease is still consistent.
        self.lease.lock_poisoned(wakes)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.scheduler().is_unusable() {
            self.abandon();
        }
    }
}
