//! The futures of the core, each with its outcome in Python.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use multibin::{NextError, Options, SubmitError, Ticket};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::prelude::*;

use super::awaitable::{Awaited, Outcome, Pending};
use crate::batch::Batch;
use crate::interpreter::errors;
use crate::requests;
use crate::shared::Shared;

/// The next batch of a worker.
pub struct NextBatch {
    next: multibin::NextBatch,
    shared: Arc<Shared>,
    /// Kept, as a worker that is dropped is closed.
    worker: Py<PyAny>,
    /// An `async for` waits, which ends without an error.
    iterates: bool,
}

impl NextBatch {
    pub fn new(
        next: multibin::NextBatch,
        shared: Arc<Shared>,
        worker: Py<PyAny>,
        iterates: bool,
    ) -> Self {
        let next = if iterates { next.staying() } else { next };
        Self { next, shared, worker, iterates }
    }

    fn outcome(&self, py: Python<'_>, next: Result<multibin::Batch, NextError>) -> Outcome {
        match next {
            Ok(batch) => {
                let (shared, worker) = (Arc::clone(&self.shared), self.worker.clone_ref(py));
                Ok(Py::new(py, Batch::new(batch, shared, worker))?.into_any())
            }
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
        &self.shared
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

/// The end of a drain.
pub struct Drain {
    drain: multibin::Drain,
    shared: Arc<Shared>,
}

impl Drain {
    pub fn new(drain: multibin::Drain, shared: Arc<Shared>) -> Self {
        Self { drain, shared }
    }

    fn outcome(&self, py: Python<'_>, drained: bool) -> Outcome {
        if !drained {
            return Err(errors::not_drained(self.shared.scheduler()));
        }
        // The loop does not wait for a file.
        self.shared.end_recording(Duration::ZERO);
        Ok(py.None())
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

/// Requests that wait for room.
pub struct Submit {
    accepted: multibin::Submit,
    shared: Arc<Shared>,
    /// The lengths and options of a bulk call, to find the element that an error is about.
    many: Option<(Vec<u32>, Vec<Options>)>,
}

impl Submit {
    pub fn one(submit: multibin::Submit, shared: Arc<Shared>) -> Self {
        Self { accepted: submit, shared, many: None }
    }

    pub fn many(
        submit: multibin::Submit,
        shared: Arc<Shared>,
        lengths: Vec<u32>,
        options: Vec<Options>,
    ) -> Self {
        Self { accepted: submit, shared, many: Some((lengths, options)) }
    }

    fn outcome(&self, py: Python<'_>, accepted: Result<Ticket, SubmitError>) -> Outcome {
        match accepted {
            Ok(ticket) => Ok(ticket.into_pyobject(py)?.into_any().unbind()),
            Err(error) => Err(match &self.many {
                Some((lengths, options)) => requests::refused(error, lengths, options),
                None => errors::submit(error),
            }),
        }
    }
}

impl Pending for Submit {
    fn name(&self) -> &'static str {
        match self.many {
            Some(_) => "Scheduler.submit_many_async",
            None => "Scheduler.submit_async",
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn try_now(&mut self, py: Python<'_>) -> Option<Outcome> {
        let accepted = self.accepted.try_now()?;
        Some(self.outcome(py, accepted))
    }

    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.accepted).poll(context).map(|accepted| self.outcome(py, accepted))
    }
}

impl Awaited for Ticket {
    const TYPE: PyStaticExpr = PyStaticExpr::Name { id: "int" };
}
