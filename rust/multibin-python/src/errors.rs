//! The one place where errors of the core become Python's.

use multibin::{ConfigError, EdgesError, NextError, ResubmitError, SubmitError};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;

mod python {
    pyo3::import_exception!(multibin.errors, FullError);
    pyo3::import_exception!(multibin.errors, ClosedError);
}

pub use python::ClosedError;

pub fn edges(error: EdgesError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub fn config(error: ConfigError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

pub fn submit(error: SubmitError) -> PyErr {
    match error {
        SubmitError::Full { accepted, .. } => {
            python::FullError::new_err((error.to_string(), accepted))
        }
        SubmitError::Closed => ClosedError::new_err(error.to_string()),
    }
}

pub fn next(error: NextError) -> PyErr {
    match error {
        NextError::Timeout => PyTimeoutError::new_err(error.to_string()),
        NextError::Closed => ClosedError::new_err(error.to_string()),
    }
}

pub fn resubmit(error: ResubmitError) -> PyErr {
    match error {
        ResubmitError::Done => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}
