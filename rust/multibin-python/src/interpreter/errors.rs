//! Turns errors of the core into exceptions; nothing else does.

use std::fmt::Display;

use multibin::simulate::SimulateError;
use multibin::{
    ConfigError, NextError, ObserveError, ResubmitError, Scheduler, Stats, SubmitError,
};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;

mod python {
    pyo3::import_exception!(multibin.errors, FullError);
    pyo3::import_exception!(multibin.errors, ClosedError);
    pyo3::import_exception!(multibin.errors, ExpiredError);
    pyo3::import_exception!(multibin.errors, WorkerError);
    pyo3::import_exception!(asyncio, InvalidStateError);
}

/// The exceptions of cancelled tasks.
mod task {
    pyo3::import_exception!(asyncio, CancelledError);
}

/// The exceptions of cancelled futures.
mod thread {
    pyo3::import_exception!(concurrent.futures, CancelledError);
}

pub use python::ClosedError;

/// Looks up the exceptions that are written in Python.
pub fn load(py: Python<'_>) {
    py.get_type::<python::FullError>();
    py.get_type::<python::ClosedError>();
    py.get_type::<python::ExpiredError>();
    py.get_type::<python::WorkerError>();
    py.get_type::<python::InvalidStateError>();
    py.get_type::<task::CancelledError>();
    py.get_type::<thread::CancelledError>();
}

/// Returns a `ValueError` with the message of the core, which names the argument and the value.
pub fn value(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub fn config(error: ConfigError) -> PyErr {
    match error {
        ConfigError::Memory(_) => PyMemoryError::new_err(error.to_string()),
        _ => value(error),
    }
}

pub fn simulate(error: SimulateError) -> PyErr {
    match error {
        SimulateError::Config(error) => config(error),
        _ => value(error),
    }
}

/// Returns the error of a call that submits; it names the argument of a single request.
pub fn submit(error: SubmitError) -> PyErr {
    match error {
        SubmitError::Full { accepted, first, .. } => {
            python::FullError::new_err((error.to_string(), accepted, first))
        }
        SubmitError::Closed { accepted, first } => {
            ClosedError::new_err((error.to_string(), accepted, first))
        }
        SubmitError::Forked => forked(),
        _ => value(error),
    }
}

/// Returns the error of a bulk call; it names the element at fault.
pub fn submit_element(error: SubmitError, element: &str) -> PyErr {
    match error {
        SubmitError::Budget { cost, budget, .. } => {
            value(format!("{element} must be at most budget = {budget}, got {cost}"))
        }
        SubmitError::Priority(priority) => {
            value(format!("{element} must be 0 without ageing, got {priority}"))
        }
        _ => submit(error),
    }
}

pub fn next(error: NextError) -> PyErr {
    match error {
        NextError::Timeout => PyTimeoutError::new_err(error.to_string()),
        NextError::Closed | NextError::WorkerClosed => ClosedError::new_err(error.to_string()),
        NextError::Forked => forked(),
        _ => PyRuntimeError::new_err(error.to_string()),
    }
}

pub fn resubmit(error: ResubmitError) -> PyErr {
    match error {
        ResubmitError::Done => PyRuntimeError::new_err(error.to_string()),
        ResubmitError::Forked => forked(),
        _ => value(error),
    }
}

pub fn observe(error: ObserveError) -> PyErr {
    match error {
        ObserveError::Done => PyRuntimeError::new_err(error.to_string()),
        ObserveError::Forked => forked(),
        _ => value(error),
    }
}

/// Returns the error of a drain whose time is over.
pub fn not_drained(scheduler: &Scheduler) -> PyErr {
    let Stats { waiting, leased, .. } = scheduler.stats();
    let message = format!("not drained within the timeout: {waiting} waiting, {leased} leased");
    PyTimeoutError::new_err(message)
}

/// Returns the error of any call in a forked child.
pub fn forked() -> PyErr {
    PyRuntimeError::new_err(SubmitError::Forked.to_string())
}

/// Returns the error of any call of a batcher in a forked child.
pub fn batcher_forked() -> PyErr {
    PyRuntimeError::new_err("the batcher was made before a fork: make one in the child process")
}

/// Returns the error of an item that came too late.
pub fn batcher_closed() -> PyErr {
    ClosedError::new_err("the batcher is closed")
}

/// Returns the error of an item that the scheduler of a batcher did not accept.
pub fn submit_item(error: SubmitError) -> PyErr {
    match error {
        SubmitError::Closed { .. } => batcher_closed(),
        SubmitError::Forked => batcher_forked(),
        _ => submit(error),
    }
}

/// Returns the error of a request for which a batcher has no room.
pub fn full(depth: usize, retry_after: Option<f64>) -> PyErr {
    let message = format!("at capacity: {depth} requests wait or run");
    python::FullError::new_err((message, 0, None::<u64>, depth, retry_after))
}

/// Returns the error of a request that expired.
pub fn expired() -> PyErr {
    python::ExpiredError::new_err("the ttl was over before a batch took the request")
}

/// Returns the error of rows that were dropped.
pub fn dropped() -> PyErr {
    python::WorkerError::new_err("the worker dropped the batch without an answer")
}

/// Returns the error of a future that is not over.
pub fn not_over() -> PyErr {
    python::InvalidStateError::new_err("the future is not done: await it")
}

/// Returns the error of a call that waited for a future.
pub fn not_in_time() -> PyErr {
    PyTimeoutError::new_err("the future is not done within the timeout")
}

/// Returns the error of a cancelled future: asyncio's or that of `concurrent.futures`.
pub fn cancelled(message: Option<Py<PyAny>>, in_loop: bool) -> PyErr {
    match (message, in_loop) {
        (Some(message), true) => task::CancelledError::new_err((message,)),
        (None, true) => task::CancelledError::new_err(()),
        (Some(message), false) => thread::CancelledError::new_err((message,)),
        (None, false) => thread::CancelledError::new_err(()),
    }
}
