//! The futures of the core, each with what it comes to in Python.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use multibin::NextError;
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::prelude::*;

use crate::awaiting::{Awaited, Outcome, Pending};
use crate::batch::Batch;
use crate::errors;
use crate::shared::Shared;
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
    pub fn new(worker: Py<Worker>, timeout: Option<Duration>, iterates: bool) -> PyResult<Self> {
        let next = worker.get().core()?.next_batch_async(timeout);
        Ok(Self { next, worker, iterates })
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

    fn shared(&self) -> &Arc<Shared> {
        &self.worker.get().shared
    }

    fn try_now(&mut self, py: Python<'_>) -> Option<Outcome> {
        let next = self.next.try_next()?;
        Some(self.outcome(py, next))
    }

    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.next).poll(context).map(|next| self.outcome(py, next))
    }
}

impl Awaited for Batch {
    const TYPE: PyStaticExpr = Batch::TYPE_HINT;
}

/// The end of all work.
pub struct Drain {
    drain: multibin::Drain,
    shared: Arc<Shared>,
}

impl Drain {
    pub fn new(drain: multibin::Drain, shared: Arc<Shared>) -> Self {
        Self { drain, shared }
    }

    fn outcome(&self, py: Python<'_>, drained: bool) -> Outcome {
        match drained {
            true => Ok(py.None()),
            false => Err(errors::not_drained(self.shared.scheduler())),
        }
    }
}

impl Pending for Drain {
    fn name(&self) -> &'static str {
        "Scheduler.drain_async"
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn try_now(&mut self, py: Python<'_>) -> Option<Outcome> {
        let drained = self.drain.try_now()?;
        Some(self.outcome(py, drained))
    }

    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.drain).poll(context).map(|drained| self.outcome(py, drained))
    }
}

impl Awaited for () {
    const TYPE: PyStaticExpr = PyStaticExpr::Constant { value: PyStaticConstant::None };
}
