use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use multibin::NextError;
use pyo3::prelude::*;

use crate::awaiting::Coroutine;
use crate::batch::Batch;
use crate::convert::{Number, seconds};
use crate::errors;
use crate::futures::NextBatch;
use crate::shared::Shared;
use crate::show;
use crate::wait::detached;

/// Takes batches: iterate over it (``for`` or ``async for``), or ask for the next one. Asking for a batch
/// ends no other; each ends by its own ``done()`` or ``with`` block. Climbers that its batches
/// resubmit come back to it alone. When it is closed, or it and its batches are gone, they start
/// over in the shared queues. Use it as a context manager, which closes it.
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Worker {
    inner: multibin::Worker,
    pub shared: Arc<Shared>,
    /// Counts the scheduler's workers.
    number: usize,
    closed: AtomicBool,
}

type Next = Result<multibin::Batch, NextError>;

impl Worker {
    pub fn new(inner: multibin::Worker, shared: Arc<Shared>) -> Self {
        let number = shared.count_worker();
        Self { inner, shared, number, closed: AtomicBool::new(false) }
    }

    /// The core's, unless this is a forked child.
    pub fn core(&self) -> PyResult<&multibin::Worker> {
        self.shared.check_fork().map(|()| &self.inner)
    }

    /// Closes the worker; climbers that wait for it start over, which is logged once.
    fn end(&self) {
        // Relaxed: only `repr` reads it.
        self.closed.store(true, Ordering::Relaxed);
        self.inner.close();
        self.shared.warn_of_restarts();
    }

    /// Stays attached to work, detaches to wait.
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<Duration>,
        next: impl Fn(&multibin::Worker, Option<Duration>) -> Next + Send + Sync,
    ) -> PyResult<multibin::Batch> {
        let core = self.core()?;
        match next(core, Some(Duration::ZERO)) {
            Err(NextError::Timeout) => {}
            outcome => return outcome.map_err(errors::next),
        }
        let outcome = detached(py, timeout, |slice| match next(core, Some(slice)) {
            Err(NextError::Timeout) => None,
            outcome => Some(outcome),
        })?;
        outcome.unwrap_or(Err(NextError::Timeout)).map_err(errors::next)
    }
}

#[pymethods]
impl Worker {
    /// The next batch; waits for it up to ``timeout`` seconds (``None``: for ever), without the
    /// GIL. It sleeps without polling, but for the main thread, which looks for signals.
    ///
    /// Raises ``TimeoutError`` when the time is over, ``ClosedError`` when the worker is closed, or
    /// the scheduler is and nothing waits that this worker may take, and ``ValueError`` for a
    /// negative timeout.
    #[pyo3(signature = (timeout = None))]
    fn next_batch(this: Py<Self>, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Batch> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let batch = this.get().wait(py, timeout, multibin::Worker::next_batch)?;
        Ok(Batch::new(batch, this))
    }

    /// The next batch for a task of asyncio, to be awaited in any event loop: ``await
    /// worker.next_batch_async()``. Waits for it up to ``timeout`` seconds from the call on
    /// (``None``: for ever); the loop is woken once a batch, and nothing polls. Cancelling the task
    /// loses nothing. A batch that is there is taken without yielding to the loop.
    ///
    /// Awaiting raises what ``next_batch`` raises; the call ``ValueError`` for a negative timeout.
    #[pyo3(signature = (timeout = None))]
    fn next_batch_async(this: Py<Self>, timeout: Option<Number<'_>>) -> PyResult<Coroutine<Batch>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        Ok(Coroutine::new(NextBatch::new(this, timeout, false)?))
    }

    /// Hands the waiting climbers back to the shared queues, where they start over. A thread or
    /// task that waits for this worker's next batch, and later calls, get ``ClosedError``.
    fn close(&self) -> PyResult<()> {
        self.core()?;
        self.end();
        Ok(())
    }

    fn __enter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// Closes the worker. In a forked child it does nothing, so that what ended the block goes on.
    #[pyo3(signature = (kind = None, value = None, traceback = None))]
    fn __exit__(
        &self,
        kind: Option<Bound<'_, PyAny>>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) {
        let _ = (kind, value, traceback);
        if !self.shared.is_forked() {
            self.end();
        }
    }

    /// The worker itself: each loop over it goes on with its next batch.
    fn __iter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// Waits for the next batch; ends when the worker is closed, or the scheduler is and nothing more can
    /// come. Where requests climb, batches of this worker that have not ended, wherever they run, may give
    /// climbers back, so a loop waits for them.
    fn __next__(this: Py<Self>, py: Python<'_>) -> PyResult<Option<Batch>> {
        match this.get().wait(py, None, multibin::Worker::next_batch_staying) {
            Ok(batch) => Ok(Some(Batch::new(batch, this))),
            Err(error) if error.is_instance_of::<errors::ClosedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The worker itself, for ``async for``.
    fn __aiter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// As the next batch of a thread, but to be awaited.
    fn __anext__(this: Py<Self>) -> PyResult<Coroutine<Batch>> {
        Ok(Coroutine::new(NextBatch::new(this, None, true)?))
    }
    fn __repr__(&self) -> String {
        if self.shared.is_forked() {
            return "Worker(made before a fork)".to_owned();
        }
        // Relaxed: it is out of date at once.
        let closed = self.closed.load(Ordering::Relaxed);
        format!("Worker(number={}, closed={})", self.number, show::flag(closed))
    }
}

impl Drop for Worker {
    /// Its batches are gone, as they hold it.
    fn drop(&mut self) {
        if !self.shared.is_forked() {
            self.end();
        }
    }
}
