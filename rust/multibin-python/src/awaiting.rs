//! The next batch as something to `await`: the core's future, driven by asyncio.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use multibin::{Batch as CoreBatch, NextError};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration, PyStopIteration};
use pyo3::inspect::PyStaticExpr;
use pyo3::intern;
use pyo3::prelude::*;

use crate::batch::Batch;
use crate::errors;
use crate::event_loop::{EventLoop, LoopWaker};
use crate::worker::Worker;

/// What ``next_batch_async`` returns: await it once. It is a coroutine to asyncio.
///
/// It forms a batch when the loop resumes it and not before; cancelled, it takes none, and a
/// wake-up that it did not answer goes to another waiter.
#[pyclass(frozen, module = "multibin._core")]
pub struct NextBatch(Mutex<Option<Wait>>);

/// A wait that is not over.
struct Wait {
    next: multibin::NextBatch,
    /// Kept, as a worker that is dropped is closed.
    worker: Py<Worker>,
    /// Whether a loop asks, which ends without an error.
    iterates: bool,
    /// asyncio's handle of the alarm.
    alarm: Option<Py<PyAny>>,
}

impl NextBatch {
    pub fn new(worker: Py<Worker>, timeout: Option<Duration>, iterates: bool) -> Self {
        let next = worker.get().inner.next_batch_async(timeout);
        Self(Mutex::new(Some(Wait { next, worker, iterates, alarm: None })))
    }

    /// Taken out while it runs, so that no lock is held meanwhile.
    fn replace(&self, wait: Option<Wait>) -> Option<Wait> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), wait)
    }

    /// A future of the loop to wait for, or the end as an exception.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Some(mut wait) = self.replace(None) else {
            return Err(PyRuntimeError::new_err("next_batch_async: awaited twice"));
        };
        wait.stop_alarm(py)?;
        let future = wait.sleep(py)?;
        self.replace(Some(wait));
        Ok(future)
    }
}

impl Wait {
    fn sleep<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // First without a future of the loop, which a batch that is there does not need.
        if let Some(outcome) = self.next.try_next() {
            return Err(self.end(py, outcome));
        }
        let running = EventLoop::running(py)?;
        let future = running.create_future()?;
        let waker = LoopWaker::new(&running, &future, self.worker.get().inner.scheduler());
        let waker = Waker::from(Arc::new(waker));
        match pin!(&mut self.next).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return Err(self.end(py, outcome)),
            Poll::Pending => {}
        }
        if let Some(delay) = self.next.alarm() {
            self.alarm = Some(running.wake_later(delay, &future)?);
        }
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        Ok(future)
    }

    /// How a coroutine ends: with an exception that carries what it returns, or another one.
    fn end(&self, py: Python<'_>, outcome: Result<CoreBatch, NextError>) -> PyErr {
        match outcome {
            Ok(batch) => match Py::new(py, Batch::new(batch, self.worker.clone_ref(py))) {
                Ok(batch) => PyStopIteration::new_err((batch,)),
                Err(error) => error,
            },
            Err(NextError::Closed | NextError::WorkerClosed) if self.iterates => {
                PyStopAsyncIteration::new_err(())
            }
            Err(error) => errors::next(error),
        }
    }

    fn stop_alarm(&mut self, py: Python<'_>) -> PyResult<()> {
        match self.alarm.take() {
            Some(alarm) => alarm.call_method0(py, intern!(py, "cancel")).map(|_| ()),
            None => Ok(()),
        }
    }
}

#[pymethods]
impl NextBatch {
    fn __await__(this: Py<Self>) -> Steps {
        Steps(this)
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    /// Goes on, as a coroutine does; ``value`` is not used.
    fn send<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        self.step(py)
    }

    /// Ends the wait and raises what is thrown, ``CancelledError`` for one.
    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        self.close(py)?;
        Err(PyErr::from_value(value.unwrap_or(kind)))
    }

    /// Ends the wait.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.replace(None).map_or(Ok(()), |mut wait| wait.stop_alarm(py))
    }
}

/// What is handed out, with its type in the stubs.
macro_rules! typed {
    ($(#[$doc:meta])* $name:ident, $given:ty, $kind:literal) => {
        $(#[$doc])*
        pub struct $name(pub $given);

        impl<'py> IntoPyObject<'py> for $name {
            type Target = NextBatch;
            type Output = Bound<'py, NextBatch>;
            type Error = PyErr;
            const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Subscript {
                value: &PyStaticExpr::Attribute { value: &ABC, attr: $kind },
                slice: &PyStaticExpr::Tuple { elts: &[ANY, ANY, Batch::TYPE_HINT] },
            };

            fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, NextBatch>> {
                self.0.into_pyobject(py).map_err(Into::into)
            }
        }
    };
}

const ABC: PyStaticExpr = PyStaticExpr::Name { id: "collections.abc" };
const TYPING: PyStaticExpr = PyStaticExpr::Name { id: "typing" };
const ANY: PyStaticExpr = PyStaticExpr::Attribute { value: &TYPING, attr: "Any" };

typed!(
    /// What to await.
    Awaitable,
    NextBatch,
    "Coroutine"
);
typed!(
    /// What awaiting goes through.
    Steps,
    Py<NextBatch>,
    "Generator"
);
