use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use multibin::NextError;
use pyo3::prelude::*;

use crate::asyncio::awaitable::Coroutine;
use crate::asyncio::futures::NextBatch;
use crate::batch::Batch;
use crate::convert::arguments::Number;
use crate::convert::scalars::seconds;
use crate::convert::show;
use crate::interpreter::errors;
use crate::interpreter::wait::detached;
use crate::shared::Shared;

/// Takes batches: by iteration (``for`` or ``async for``), or one by one.
///
/// Taking a batch ends no other batch: each ends by its own ``done()`` or ``with`` block. Climbers
/// that its batches resubmit come back to this worker alone. They restart in the shared queues when
/// the worker is closed, or when it and its batches are gone. A ``with`` block closes it.
///
/// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
/// >>> ticket = scheduler.submit(7, 5)
/// >>> scheduler.close()
/// >>> with scheduler.worker() as worker:
/// ...     for batch in worker:
/// ...         with batch:
/// ...             print(batch.keys.tolist())
/// [7]
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Worker {
    inner: multibin::Worker,
    shared: Arc<Shared>,
    /// The position among the scheduler's workers.
    number: usize,
    closed: AtomicBool,
}

type Next = Result<multibin::Batch, NextError>;

impl Worker {
    pub fn new(inner: multibin::Worker, shared: Arc<Shared>) -> Self {
        let number = shared.count_worker();
        Self { inner, shared, number, closed: AtomicBool::new(false) }
    }

    /// Returns the core's worker, unless this is a forked child.
    fn core(&self) -> PyResult<&multibin::Worker> {
        self.shared.check_fork().map(|()| &self.inner)
    }

    /// Closes the worker; climbers that wait for it restart, which is logged once.
    fn end(&self) {
        // Relaxed: only `repr` reads it.
        self.closed.store(true, Ordering::Relaxed);
        self.inner.close();
        self.shared.warn_of_restarts();
    }

    /// Takes a batch: stays attached to work, detaches to wait.
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

    /// Returns the Python object of a batch, which keeps the worker alive.
    fn batch(this: Py<Self>, inner: multibin::Batch) -> Batch {
        let shared = Arc::clone(&this.get().shared);
        Batch::new(inner, shared, this.into_any())
    }

    /// Returns a future of the next batch, which keeps the worker alive.
    fn future(this: Py<Self>, timeout: Option<Duration>, iterates: bool) -> PyResult<NextBatch> {
        let next = this.get().core()?.next_batch_async(timeout);
        let shared = Arc::clone(&this.get().shared);
        Ok(NextBatch::new(next, shared, this.into_any(), iterates))
    }
}

#[pymethods]
impl Worker {
    /// Takes the next batch; waits for it up to ``timeout`` seconds (``None``: without end),
    /// without the GIL. Nothing polls, except that the main thread looks for signals.
    ///
    /// Raises:
    ///     TimeoutError: the time is over.
    ///     ClosedError: the worker is closed, or the scheduler is and nothing waits that this
    ///         worker may take.
    ///     ValueError: the timeout is negative or NaN.
    ///     TypeError: it is no number.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(timeout=1) as batch:
    /// ...     len(batch)
    /// 1
    #[pyo3(signature = (timeout = None))]
    fn next_batch(this: Py<Self>, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Batch> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let batch = this.get().wait(py, timeout, multibin::Worker::next_batch)?;
        Ok(Self::batch(this, batch))
    }

    /// Takes the next batch in a task of any event loop: ``await worker.next_batch_async()``.
    ///
    /// Waits up to ``timeout`` seconds from the call on (``None``: without end). A batch wakes the
    /// loop once, and nothing polls. A batch that is ready is taken without yielding to the loop.
    /// Cancelling the task loses nothing.
    ///
    /// Raises:
    ///     ValueError: the timeout is negative or NaN.
    ///     TypeError: it is no number.
    ///     TimeoutError: awaited, when the time is over.
    ///     ClosedError: awaited, when the worker is closed, or the scheduler is and nothing waits
    ///         that this worker may take.
    ///
    /// >>> import asyncio
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> async def take():
    /// ...     scheduler.submit(7, 5)
    /// ...     with await scheduler.worker().next_batch_async() as batch:
    /// ...         return batch.keys.tolist()
    /// >>> asyncio.run(take())
    /// [7]
    #[pyo3(signature = (timeout = None))]
    fn next_batch_async(this: Py<Self>, timeout: Option<Number<'_>>) -> PyResult<Coroutine<Batch>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        Ok(Coroutine::new(Self::future(this, timeout, false)?))
    }

    /// Closes the worker: climbers that wait for it restart in the shared queues. A thread or task
    /// that waits for its next batch, and each later call, get ``ClosedError``.
    ///
    /// >>> worker = Scheduler(Edges([0, 16, 64]), 8).worker()
    /// >>> worker.close()
    /// >>> worker.next_batch()
    /// Traceback (most recent call last):
    /// multibin.errors.ClosedError: the worker is closed
    fn close(&self) -> PyResult<()> {
        self.core()?;
        self.end();
        Ok(())
    }

    fn __enter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// Closes the worker. In a forked child it does nothing, so that the exception of the block
    /// propagates.
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

    /// Returns the worker itself: each loop over it continues with its next batch.
    fn __iter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// Waits for the next batch; ends when the worker is closed, or the scheduler is and nothing
    /// more can come. Where requests climb, batches of this worker that have not ended may resubmit
    /// climbers, so a loop waits for them.
    fn __next__(this: Py<Self>, py: Python<'_>) -> PyResult<Option<Batch>> {
        match this.get().wait(py, None, multibin::Worker::next_batch_staying) {
            Ok(batch) => Ok(Some(Self::batch(this, batch))),
            Err(error) if error.is_instance_of::<errors::ClosedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the worker itself, for ``async for``.
    fn __aiter__(this: Py<Self>) -> PyResult<Py<Self>> {
        this.get().core()?;
        Ok(this)
    }

    /// Returns an awaitable of the next batch, which raises ``StopAsyncIteration`` at the end.
    fn __anext__(this: Py<Self>) -> PyResult<Coroutine<Batch>> {
        Ok(Coroutine::new(Self::future(this, None, true)?))
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
    /// Closes the worker. No batch of it is left, as each holds it.
    fn drop(&mut self) {
        if !self.shared.is_forked() {
            self.end();
        }
    }
}
