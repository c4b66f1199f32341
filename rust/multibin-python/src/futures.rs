//! The futures of the core, each with what it comes to in Python.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use multibin::NextError;
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;

use crate::awaiting::{Awaited, Outcome, Pending};
use crate::batch::Batch;
use crate::errors;
use crate::worker::Worker;

/// The next batch of a worker.
pub struct NextBatch {
    next: multibin::NextBatch,
    /// Kept, as a worker that is dropped is closed.
    worker: Py<Worker>,
    /// Whether a loop asks, which ends without an error.
    iterates: bool,
}

impl NextBatch {
    pub fn new(worker: Py<Worker>, timeout: Option<Duration>, iterates: bool) -> Self {
        let next = worker.get().inner.next_batch_async(timeout);
        Self { next, worker, iterates }
    }

    fn outcome(&self, py: Python<'_>, next: Result<multibin::Batch, NextError>) -> Outcome {
        match next {
            Ok(batch) => Ok(Py::new(py, Batch::new(batch, self.worker.clone_ref(py)))?.into_any()),
            Err(NextError::Closed | NextError::WorkerClosed) if self.iterates => {
                Err(PyStopAsyncIteration::new_err(()))
            }
            Err(error) => Err(errors::next(error)),
        }
    }
}

impl Pending for NextBatch {
    fn name(&self) -> &'static str {
        if self.iterates { "Worker.__anext__" } else { "Worker.next_batch_async" }
    }

    fn scheduler(&self) -> multibin::Scheduler {
        self.worker.get().inner.scheduler()
    }

    fn try_now(&mut self, py: Python<'_>) -> Option<Outcome> {
        let next = self.next.try_next()?;
        Some(self.outcome(py, next))
    }

    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.next).poll(context).map(|next| self.outcome(py, next))
    }

    fn alarm(&self) -> Option<Duration> {
        self.next.alarm()
    }
}

impl Awaited for Batch {
    const TYPE: PyStaticExpr = Batch::TYPE_HINT;
}
