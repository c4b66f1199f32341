//! The coroutine that the `_async` methods return.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::event_loop::{LoopWaker, Wait};
use crate::interpreter::{calls, hooks};
use crate::shared::Shared;

/// The outcome of a future of the core, as a Python object.
pub type Outcome = PyResult<Py<PyAny>>;

/// A future of the core whose outcome is a Python object.
pub trait Pending: Send {
    /// Returns the name of the method that made it.
    fn name(&self) -> &'static str;

    fn shared(&self) -> &Arc<Shared>;

    /// Polls without leaving a waker behind.
    fn try_now(&mut self, py: Python<'_>) -> Option<Outcome>;

    fn poll(&mut self, py: Python<'_>, context: &mut Context<'_>) -> Poll<Outcome>;
}

/// Waits in an event loop, as a coroutine. Await it once.
///
/// It acts when the loop resumes it and not before. Cancelled, it has done nothing, and a wake-up
/// that it did not answer goes to another waiter.
///
/// >>> import asyncio
/// >>> drain = Scheduler(Edges([0, 16]), 8).drain_async()
/// >>> drain
/// <Scheduler.drain_async: not awaited yet>
/// >>> asyncio.run(drain)
#[pyclass(frozen, weakref, module = "multibin._core")]
pub struct Awaitable {
    shared: Arc<Shared>,
    /// The name of the method that made it.
    name: &'static str,
    state: Mutex<State>,
}

enum State {
    /// Not awaited yet.
    New(Box<dyn Pending>),
    /// Taken out while a step runs, so that no lock is held meanwhile.
    Running,
    Waiting(Waiting),
    Over,
}

struct Waiting {
    pending: Box<dyn Pending>,
    wait: Wait,
}

impl Awaitable {
    pub fn new(pending: impl Pending + 'static) -> Self {
        let (shared, name) = (Arc::clone(pending.shared()), pending.name());
        Self { shared, name, state: Mutex::new(State::New(Box::new(pending))) }
    }

    fn replace(&self, state: State) -> State {
        std::mem::replace(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// Runs one step: returns a future of the loop to wait for, or raises the end.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.shared.check_fork()?;
        let pending = match self.replace(State::Running) {
            State::New(pending) => pending,
            State::Waiting(waiting) => self.resume(py, waiting)?,
            before @ (State::Running | State::Over) => {
                self.replace(before);
                return Err(PyRuntimeError::new_err(
                    "awaited twice: await the result of each call once",
                ));
            }
        };
        let (next, outcome) = run(py, pending);
        self.replace(next);
        outcome
    }

    /// Ends the wait if the task that waits asks for it.
    fn resume(&self, py: Python<'_>, waiting: Waiting) -> PyResult<Box<dyn Pending>> {
        match waiting.wait.resume(py) {
            Ok(true) => Ok(waiting.pending),
            Ok(false) => {
                self.replace(State::Waiting(waiting));
                Err(PyRuntimeError::new_err("awaited twice: another task waits for it"))
            }
            Err(error) => {
                self.replace(State::Over);
                Err(error)
            }
        }
    }

    /// Gives up the wait if the task that waits asks for it.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        match self.replace(State::Running) {
            State::Waiting(waiting) => self.resume(py, waiting).map(drop)?,
            State::Running => return Ok(()),
            State::New(_) | State::Over => {}
        }
        self.replace(State::Over);
        Ok(())
    }
}

/// Runs until the future is over or has to wait.
fn run(py: Python<'_>, mut pending: Box<dyn Pending>) -> (State, PyResult<Bound<'_, PyAny>>) {
    // First without a future of the loop, which a ready outcome does not need.
    if let Some(outcome) = pending.try_now(py) {
        return (State::Over, Err(end(outcome)));
    }
    match start_wait(py, pending) {
        Ok((waiting, future)) => (State::Waiting(waiting), Ok(future)),
        Err(error) => (State::Over, Err(error)),
    }
}

fn start_wait(
    py: Python<'_>,
    mut pending: Box<dyn Pending>,
) -> PyResult<(Waiting, Bound<'_, PyAny>)> {
    let (future, wait) = Wait::start(py)?;
    let waker = Waker::from(Arc::new(LoopWaker::new(py, &wait, Arc::clone(pending.shared()))));
    if let Poll::Ready(outcome) = pending.poll(py, &mut Context::from_waker(&waker)) {
        wait.end(py)?;
        return Err(end(outcome));
    }
    Ok((Waiting { pending, wait }, future))
}

/// Returns the exception that ends a coroutine: one that carries its result, or its error.
fn end(outcome: Outcome) -> PyErr {
    outcome.map_or_else(|error| error, |value| PyStopIteration::new_err((value,)))
}

#[pymethods]
impl Awaitable {
    fn __await__(this: Py<Self>) -> PyResult<Steps> {
        this.get().shared.check_fork()?;
        Ok(Steps(this))
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    /// Continues the coroutine; ``value`` is not used.
    fn send<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        self.step(py)
    }

    /// Ends the wait and raises the thrown exception, for example ``CancelledError``. An exception
    /// that another task throws does not end the wait.
    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        self.shared.check_fork()?;
        let thrown = match value {
            None if kind.is_instance_of::<PyType>() => calls::call(&kind, ())?,
            given => given.unwrap_or(kind),
        };
        match self.give_up(py) {
            Err(error) if !error.is_instance_of::<PyRuntimeError>(py) => Err(error),
            _ => Err(PyErr::from_value(thrown)),
        }
    }

    /// Ends the wait.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.check_fork()?;
        match self.replace(State::Over) {
            State::Waiting(waiting) => waiting.wait.end(py),
            State::Running => {
                self.replace(State::Running);
                Ok(())
            }
            State::New(_) | State::Over => Ok(()),
        }
    }

    /// The name of the method that made it, as a coroutine function has it.
    #[getter]
    fn __name__(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The name of the method that made it, with its class.
    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    fn __repr__(&self) -> String {
        if self.shared.is_forked() {
            return "<awaitable: made before a fork>".to_owned();
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match &*state {
            State::New(_) => "not awaited yet",
            State::Running => "running",
            State::Waiting(_) => "waiting",
            State::Over => "over",
        };
        format!("<{}: {state}>", self.name)
    }
}

impl Drop for Awaitable {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let State::New(pending) = self.replace(State::Over) else { return };
        drop(pending);
        let name = self.name;
        Python::try_attach(|py| {
            calls::aside(py, |py| hooks::never_awaited(py, (name,)).map(|_| ()));
        });
    }
}

const ABC: PyStaticExpr = PyStaticExpr::Name { id: "collections.abc" };
const TYPING: PyStaticExpr = PyStaticExpr::Name { id: "typing" };
/// Any type.
pub const ANY: PyStaticExpr = PyStaticExpr::Attribute { value: &TYPING, attr: "Any" };

/// The type of the iterator of `__await__` in the stubs.
pub const GENERATOR: PyStaticExpr = PyStaticExpr::Subscript {
    value: &PyStaticExpr::Attribute { value: &ABC, attr: "Generator" },
    slice: &PyStaticExpr::Tuple { elts: &[ANY, ANY, ANY] },
};

/// The type of an awaited result in the stubs.
pub trait Awaited {
    const TYPE: PyStaticExpr;
}

/// An awaitable with the type of its outcome.
pub struct Coroutine<T>(Awaitable, PhantomData<T>);

impl<T> Coroutine<T> {
    pub fn new(pending: impl Pending + 'static) -> Self {
        Self(Awaitable::new(pending), PhantomData)
    }
}

impl<'py, T: Awaited> IntoPyObject<'py> for Coroutine<T> {
    type Target = Awaitable;
    type Output = Bound<'py, Awaitable>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Subscript {
        value: &PyStaticExpr::Attribute { value: &ABC, attr: "Coroutine" },
        slice: &PyStaticExpr::Tuple { elts: &[ANY, ANY, T::TYPE] },
    };

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, self.0)
    }
}

/// The iterator of `__await__`.
pub struct Steps(Py<Awaitable>);

impl<'py> IntoPyObject<'py> for Steps {
    type Target = Awaitable;
    type Output = Bound<'py, Awaitable>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = GENERATOR;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(self.0.into_bound(py))
    }
}
