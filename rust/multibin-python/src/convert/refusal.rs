//! Errors of refused arguments: `<argument> must be <rule>, got <value>`, or `must have` for shapes
//! and dtypes, as in `multibin._args`.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyFloat;

use crate::interpreter::hooks;

/// Returns a `TypeError` for a value of a wrong type.
pub fn wrong_type(argument: &str, rule: &str, value: &Bound<'_, PyAny>) -> PyErr {
    // 2.0 is shown as such: "got 2" would read as an int.
    let got = match value.cast::<PyFloat>() {
        Ok(float) => PyFloat::new(value.py(), float.value()).to_string(),
        Err(_) => show(value),
    };
    PyTypeError::new_err(format!("{argument} must be {rule}, got {got}"))
}

/// Returns a `ValueError` for a value that breaks a rule.
pub fn wrong_value(argument: &str, rule: &str, value: &Bound<'_, PyAny>) -> PyErr {
    PyValueError::new_err(sentence(argument, rule, value))
}

/// Returns a `ValueError` for an array that has not one value for each of `needed` things.
pub fn wrong_size(argument: &str, needed: usize, things: &str, found: usize) -> PyErr {
    let rule = format!("one value for each of {needed} {things}");
    PyValueError::new_err(format!("{argument} must have {rule}, got {found}"))
}

/// Returns the message for a `value` that breaks `rule`, which follows "must be".
fn sentence(argument: &str, rule: &str, value: &Bound<'_, PyAny>) -> String {
    format!("{argument} must be {rule}, got {}", show(value))
}

/// Returns how a message shows a value.
pub fn show(value: &Bound<'_, PyAny>) -> String {
    text(hooks::show(value.py(), (value,)))
}

/// Returns the text that a hook returned, or a replacement for one that failed.
pub fn text(shown: PyResult<Bound<'_, PyAny>>) -> String {
    shown.and_then(|shown| shown.extract()).unwrap_or_else(|_| "something else".to_owned())
}
