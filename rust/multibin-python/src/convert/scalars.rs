//! From Python's numbers to the core's.

use std::time::Duration;

use multibin::edges;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use super::arguments::{Count, Number};
use super::refusal::{wrong_type, wrong_value};
use crate::interpreter::{calls, hooks};

/// What a length must be.
pub const LENGTH: &str = "between 0 and 4294967295";
/// What a number of seconds must be.
pub const SECONDS: &str = "at least 0";

/// Returns a length in steps: an int, or a finite float that is rounded up.
#[inline]
pub fn length(number: &Number<'_>, argument: &str) -> PyResult<u32> {
    if number.0.is_instance_of::<PyInt>() {
        return number.0.extract::<u32>().map_err(|_| wrong_value(argument, LENGTH, &number.0));
    }
    let value = float(number, argument)?;
    edges::length(value, String::new).map_err(|_| wrong_number(argument, LENGTH, number, value))
}

/// Returns a float; an int beyond the floats becomes infinite.
pub fn float(number: &Number<'_>, argument: &str) -> PyResult<f64> {
    let Number(value) = number;
    let py = value.py();
    calls::float(value).or_else(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            return Ok(if is_negative(value)? { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        Err(unless_type_error(error, "a number", argument, value))
    })
}

/// Returns seconds; more than the clock can hold is the longest duration.
pub fn seconds(number: &Number<'_>, argument: &str) -> PyResult<Duration> {
    let value = float(number, argument)?;
    if value.is_nan() || value < 0.0 {
        return Err(wrong_number(argument, SECONDS, number, value));
    }
    Ok(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX))
}

/// Returns the error for a number, which is shown as the float that it is, or as the int.
fn wrong_number(argument: &str, rule: &str, number: &Number<'_>, value: f64) -> PyErr {
    let Number(given) = number;
    if given.is_instance_of::<PyInt>() {
        return wrong_value(argument, rule, given);
    }
    wrong_value(argument, rule, &PyFloat::new(given.py(), value))
}

/// An unsigned type that counts.
pub trait Unsigned: TryFrom<u64> {
    /// The largest value.
    const MAX: u64;
}

impl Unsigned for u32 {
    const MAX: u64 = u32::MAX as u64;
}

impl Unsigned for u64 {
    const MAX: u64 = u64::MAX;
}

impl Unsigned for usize {
    const MAX: u64 = usize::MAX as u64;
}

/// Returns an int from 0 on that `T` can hold.
pub fn count<T: Unsigned>(number: &Count<'_>, argument: &str) -> PyResult<T> {
    int(number, argument, 0)
}

/// Returns an int that `T` can hold. The core refuses 0; the messages for others say at least 1.
pub fn positive<T: Unsigned>(number: &Count<'_>, argument: &str) -> PyResult<T> {
    int(number, argument, 1)
}

/// Returns an int that `T` can hold; `min` is for the message.
fn int<T: Unsigned>(number: &Count<'_>, argument: &str, min: u8) -> PyResult<T> {
    let Count(value) = number;
    let index =
        calls::index(value).map_err(|error| unless_type_error(error, "an int", argument, value))?;
    let fitting = index.extract::<u64>().ok().and_then(|index| T::try_from(index).ok());
    match fitting {
        Some(index) => Ok(index),
        None if is_negative(&index)? => {
            Err(wrong_value(argument, &format!("at least {min}"), &index))
        }
        None => Err(wrong_value(argument, &format!("at most {}", T::MAX), &index)),
    }
}

fn is_negative(number: &Bound<'_, PyAny>) -> PyResult<bool> {
    hooks::negative(number.py(), (number,))?.extract()
}

/// Replaces a `TypeError`; any other error of a conversion stays (Ctrl-C, a framework's error).
fn unless_type_error(error: PyErr, rule: &str, argument: &str, value: &Bound<'_, PyAny>) -> PyErr {
    if error.is_instance_of::<PyTypeError>(value.py()) {
        wrong_type(argument, rule, value)
    } else {
        error
    }
}

/// An int of the core that a cheap call takes.
pub trait Cheap: Sized {
    /// The argument's type in the stubs.
    const TYPE: PyStaticExpr;

    /// Converts an object of any type.
    fn convert(object: Bound<'_, PyAny>, argument: &str) -> PyResult<Self>;
}

/// A length in steps.
impl Cheap for u32 {
    const TYPE: PyStaticExpr = Number::INPUT_TYPE;

    fn convert(object: Bound<'_, PyAny>, argument: &str) -> PyResult<Self> {
        length(&Number(object), argument)
    }
}

/// The caller's key.
impl Cheap for u64 {
    const TYPE: PyStaticExpr = Count::INPUT_TYPE;

    fn convert(object: Bound<'_, PyAny>, argument: &str) -> PyResult<Self> {
        count(&Count(object), argument)
    }
}

/// An argument of a cheap call: an int that fits is converted at once.
pub enum Quick<'a, 'py, T> {
    /// An int that fits.
    Fits(T),
    /// Anything else.
    Other(Borrowed<'a, 'py, PyAny>),
}

impl<'a, 'py, T: Cheap + for<'b> FromPyObject<'b, 'py>> FromPyObject<'a, 'py>
    for Quick<'a, 'py, T>
{
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = T::TYPE;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let fits = object.is_exact_instance_of::<PyInt>().then(|| object.extract::<T>().ok());
        Ok(fits.flatten().map_or(Self::Other(object), Self::Fits))
    }
}

impl<T: Cheap + Copy> Quick<'_, '_, T> {
    /// Returns the value, or the error that names the argument.
    #[inline]
    pub fn get(&self, argument: &str) -> PyResult<T> {
        match *self {
            Self::Fits(value) => Ok(value),
            Self::Other(object) => T::convert(object.to_owned(), argument),
        }
    }
}
