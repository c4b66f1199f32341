use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use multibin::NextError;
use pyo3::prelude::*;

use crate::awaiting::{Awaitable, NextBatch};
use crate::batch::Batch;
use crate::convert::{Number, seconds};
use crate::errors;
use crate::wait::detached;

/// Takes batches. Iterate over it (``for`` or ``async for``), or ask for the next one. Climbers that its batches resubmit come
/// back to it alone; when it is closed or dropped they start anew in the shared queues.
#[pyclass(frozen, module = "multibin")]
pub struct Worker(pub multibin::Worker);

impl Worker {
    /// Stays attached to work, detaches to wait.
    fn wait(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<Batch> {
        match self.0.next_batch(Some(Duration::ZERO)) {
            Err(NextError::Timeout) => {}
            outcome => return outcome.map(Batch).map_err(errors::next),
        }
        let outcome = detached(py, timeout, |slice| match self.0.next_batch(Some(slice)) {
            Err(NextError::Timeout) => None,
            outcome => Some(outcome),
        })?;
        outcome.unwrap_or(Err(NextError::Timeout)).map(Batch).map_err(errors::next)
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
    pub fn next_batch(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Batch> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        self.wait(py, timeout)
    }

    /// The next batch for a task of asyncio, to be awaited in any event loop: ``await
    /// worker.next_batch_async()``. Waits for it up to ``timeout`` seconds from the call on
    /// (``None``: for ever); the loop is woken once a batch, and nothing polls. Cancelling the task
    /// loses nothing. A batch that is there is taken without yielding to the loop.
    ///
    /// Awaiting raises what ``next_batch`` raises; the call ``ValueError`` for a negative timeout.
    #[pyo3(signature = (timeout = None))]
    pub fn next_batch_async(this: Py<Self>, timeout: Option<Number<'_>>) -> PyResult<Awaitable> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        Ok(Awaitable(NextBatch::new(this, timeout, None)))
    }

    /// Hands the waiting climbers back to the shared queues, where they start anew. Whoever waits
    /// for its next batch, and later calls, get ``ClosedError``.
    fn close(&self) {
        self.0.close();
    }

    /// A new iterator over this worker's batches.
    fn __iter__(this: Py<Self>) -> BatchIterator {
        BatchIterator::new(this)
    }

    /// A new iterator over this worker's batches, for ``async for``.
    fn __aiter__(this: Py<Self>) -> BatchIterator {
        BatchIterator::new(this)
    }
}

/// Iterates over a worker's batches, for one thread or one task of asyncio: asking for the next batch finishes the one
/// before. Leaving the loop early leaves the last one to its holder.
#[pyclass(frozen, module = "multibin")]
pub struct BatchIterator {
    worker: Py<Worker>,
    last: Mutex<Option<Py<Batch>>>,
}

impl BatchIterator {
    pub fn new(worker: Py<Worker>) -> Self {
        Self { worker, last: Mutex::default() }
    }

    fn finish_last(&self) {
        if let Some(last) = self.replace(None) {
            last.get().0.done();
        }
    }

    /// Remembers the batch handed out; returns the one before.
    pub fn replace(&self, next: Option<Py<Batch>>) -> Option<Py<Batch>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, next)
    }
}

#[pymethods]
impl BatchIterator {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Finishes the batch handed out before and waits for the next one; ends when the worker is
    /// closed, or the scheduler is and nothing waits that this worker may take.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Batch>>> {
        self.finish_last();
        match self.worker.get().wait(py, None) {
            Ok(batch) => {
                let batch = Py::new(py, batch)?;
                self.replace(Some(batch.clone_ref(py)));
                Ok(Some(batch))
            }
            Err(error) if error.is_instance_of::<errors::ClosedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }
    fn __aiter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// As the next batch of a thread, but to be awaited.
    fn __anext__(this: Py<Self>, py: Python<'_>) -> Awaitable {
        this.get().finish_last();
        let worker = this.get().worker.clone_ref(py);
        Awaitable(NextBatch::new(worker, None, Some(this)))
    }
}
