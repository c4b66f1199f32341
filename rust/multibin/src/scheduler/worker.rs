//! A worker takes batches.

use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::errors::NextError;
use super::handle::{Scheduler, Shared};
use super::locks::WakeList;
use super::next_batch::{self, NextBatch};
use super::worker_handle::WorkerHandle;

/// Takes batches.
///
/// Rows that it resubmits come back to it alone. Those that still wait restart in the shared queues
/// when it is closed, or when it, its batches and its futures are dropped.
///
/// ```
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
/// let worker = scheduler.worker();
/// let serving = std::thread::spawn(move || {
///     worker.batches().map(|batch| {
///         batch.done();
///         batch.rows().len()
///     }).sum::<usize>()
/// });
/// scheduler.submit_many(&[1, 2, 3], &[5, 6, 7])?;
/// assert!(scheduler.drain(None));
/// assert_eq!(serving.join().unwrap(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Worker(Arc<WorkerHandle>);

impl Worker {
    /// Adds a worker to a scheduler.
    pub(super) fn new(scheduler: &Shared) -> Self {
        let wakes = WakeList::new();
        let mut state = scheduler.lock(&wakes);
        let id = state.workers;
        state.workers += 1;
        state.former.add_worker(id);
        Self(Arc::new(WorkerHandle::new(id, scheduler.clone())))
    }

    /// Returns the next batch; waits for it for `timeout` at most (`None`: without limit).
    ///
    /// Blocking: takes the forming lock, and parks the thread while no batch may leave. Beside a
    /// producer that stalled while it submitted, one of the waiters checks again every 50 µs.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::{Config, Edges, NextError, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// let worker = scheduler.worker();
    /// assert_eq!(worker.next_batch(Some(Duration::ZERO)).unwrap_err(), NextError::Timeout);
    /// scheduler.submit(7, 3)?;
    /// assert_eq!(worker.next_batch(None)?.rows()[0].key, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NextError`] when the timeout is over, when the scheduler is closed and no request waits
    /// for this worker, and when the worker is closed. [`NextError::Closed`] is not final: open
    /// batches of the worker may resubmit.
    pub fn next_batch(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        next_batch::next(&self.0, timeout, false)
    }

    /// Returns the next batch; once the scheduler is closed, also waits for rows that open batches
    /// of this worker may resubmit.
    ///
    /// So with climbing [`NextError::Closed`] is final, wherever the batches run. A thread that
    /// holds one of them would wait for itself.
    ///
    /// ```
    /// use multibin::{Config, Edges, NextError, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// scheduler.close();
    /// let next = scheduler.worker().next_batch_staying(None);
    /// assert_eq!(next.unwrap_err(), NextError::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`NextError`] when the timeout is over, and when the worker is closed. [`NextError::Closed`]
    /// when the scheduler is closed and no request can come for this worker.
    pub fn next_batch_staying(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        next_batch::next(&self.0, timeout, true)
    }

    /// Returns an iterator over all batches, until the worker is closed, or the scheduler is closed
    /// and no request can come. It calls [`Worker::next_batch_staying`]. The caller must end each
    /// batch, or hand it to a thread that does.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(2))?;
    /// scheduler.submit_many(&[1, 2, 3], &[5, 6, 7])?;
    /// scheduler.close();
    /// for batch in scheduler.worker().batches() {
    ///     batch.done();
    /// }
    /// assert_eq!(scheduler.stats().done, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        std::iter::from_fn(|| self.next_batch_staying(None).ok())
    }

    /// Returns the next batch as a future, for any executor; `timeout` counts from this call. The
    /// scheduler wakes it at its timeout, and with [`NextError::WorkerClosed`] when the worker is
    /// closed.
    ///
    /// ```
    /// use multibin::{Config, Edges, Scheduler};
    ///
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
    /// let worker = scheduler.worker();
    /// let task = async { worker.next_batch_async(None).await.map(|batch| batch.rows()[0].key) };
    /// scheduler.submit(7, 3)?;
    /// # use std::{pin::pin, task::{Context, Poll, Waker}};
    /// # let outcome = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(outcome, Poll::Ready(Ok(7)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_batch_async(&self, timeout: Option<Duration>) -> NextBatch {
        NextBatch::new(&self.0, timeout)
    }

    /// Returns the scheduler whose batches it takes.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[0, 10])?;
    /// let worker = multibin::Scheduler::new(edges, multibin::Config::new(4))?.worker();
    /// worker.scheduler().submit(7, 3)?;
    /// assert_eq!(worker.next_batch(None)?.rows()[0].key, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler(self.0.scheduler.clone())
    }

    /// Closes the worker. Its climbers restart in the shared queues. Calls that wait in
    /// [`Worker::next_batch`], and later ones, get [`NextError::WorkerClosed`].
    ///
    /// ```
    /// use multibin::{Config, Edges, NextError, Scheduler};
    ///
    /// let worker = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?.worker();
    /// worker.close();
    /// assert_eq!(worker.next_batch(None).unwrap_err(), NextError::WorkerClosed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.0.scheduler.remove_worker(self.0.id);
    }
}
