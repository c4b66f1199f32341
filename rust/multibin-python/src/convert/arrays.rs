//! From numpy's arrays to the core's vectors.

use std::time::Duration;

use multibin::edges;
use numpy::PyUntypedArrayMethods;
use numpy::{Element, PyArray1, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList};

use super::arguments::{ArrayLike, Count, Number, Sizes};
use super::ndarray::{as_floats, copied, is_of, of_any_shape, require, vector, wrong_dtype};
use super::refusal::{wrong_size, wrong_type, wrong_value};
use super::scalars::{LENGTH, SECONDS, count, length, positive};
use crate::interpreter::{calls, hooks};

const INTEGERS: &[u8] = b"iu";
const NUMBERS: &[u8] = b"iuf";
const OF_INTEGERS: &str = "an integer dtype";
const OF_NUMBERS: &str = "a dtype of numbers";

/// Returns lengths in steps from an array of any integer or float dtype.
pub fn lengths(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let array = vector(given, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u32>>() {
        return copied(exact);
    }
    if let Ok(ints) = array.cast::<PyArray1<i64>>() {
        let narrow = |value: i64| (value.cast_unsigned() as u32, value >> u32::BITS == 0);
        return match at_once(ints, narrow)? {
            Some(lengths) => Ok(lengths),
            None => each(ints, argument, LENGTH, |value| u32::try_from(value).ok()),
        };
    }
    match array.dtype().kind() {
        b'i' | b'u' | b'f' => {
            let round_up = |value| edges::length(value, String::new).ok();
            each(&as_floats(&array)?, argument, LENGTH, round_up)
        }
        b'O' => each_object(given, argument, |value, name| length(&Number(value), name)),
        _ if array.is_empty() => Ok(Vec::new()),
        _ => Err(wrong_dtype(argument, OF_NUMBERS, &array)),
    }
}

/// Returns one length in steps, or those of an array.
pub fn one_or_more_lengths(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let ArrayLike(object) = given;
    let one = || Ok(vec![length(&Number(object.clone()), argument)?]);
    if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>() {
        return one();
    }
    let array = of_any_shape(object, argument)?;
    if array.ndim() == 0 { one() } else { lengths(&ArrayLike(array.into_any()), argument) }
}

/// Returns the predicted and the actual lengths of requests: one of each, or as many.
pub fn pairs(predicted: &ArrayLike<'_>, actual: &ArrayLike<'_>) -> PyResult<(Vec<u32>, Vec<u32>)> {
    let predicted = one_or_more_lengths(predicted, "predicted")?;
    let actual = one_or_more_lengths(actual, "actual")?;
    if predicted.len() != actual.len() {
        return Err(wrong_size("actual", predicted.len(), "predictions", actual.len()));
    }
    Ok((predicted, actual))
}

/// Returns keys: uint64, or int64 without negative ones.
pub fn keys(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u64>> {
    let array = vector(given, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u64>>() {
        return copied(exact);
    }
    if let Ok(ints) = array.cast::<PyArray1<i64>>() {
        return each(ints, argument, "at least 0", |value| u64::try_from(value).ok());
    }
    if array.is_empty() {
        return Ok(Vec::new());
    }
    // A list of large ints becomes an array of objects, and with a negative one of floats.
    let list = !given.0.is_instance_of::<PyUntypedArray>();
    if is_of(&array, b"O") || list {
        return each_object(given, argument, |value, name| count(&Count(value), name));
    }
    Err(wrong_dtype(argument, "dtype uint64 or int64", &array))
}

/// Returns times in nanoseconds from seconds of any integer or float dtype.
pub fn times(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u64>> {
    let array = vector(given, argument)?;
    require(&array, NUMBERS, argument, OF_NUMBERS)?;
    let seconds = as_floats(&array)?;
    if let Some(times) = at_once(&seconds, nanoseconds)? {
        return Ok(times);
    }
    each(&seconds, argument, "between 0 and 18446744073", |value: f64| {
        let nanoseconds = (value * 1e9).round();
        // Written so that NaN fails; -1e-10 is negative although it rounds to 0.
        let fits = value >= 0.0 && nanoseconds < 2f64.powi(64);
        #[expect(clippy::cast_sign_loss, reason = "checked to be >= 0")]
        fits.then_some(nanoseconds as u64)
    })
}

/// Returns the nearest nanosecond, and true for a time from 0 to below 2⁶³ ns. One instruction
/// converts a signed number.
fn nanoseconds(seconds: f64) -> (u64, bool) {
    let nanoseconds = seconds * 1e9;
    let whole = nanoseconds as i64;
    // The rest is exact, so that this rounds as `round` does, which calls a function.
    let nearest = whole.saturating_add(i64::from(nanoseconds - whole as f64 >= 0.5));
    (nearest.cast_unsigned(), seconds >= 0.0 && nanoseconds < 2f64.powi(63))
}

/// Returns numbers from an array of any integer or float dtype.
pub fn floats(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<f64>> {
    let array = vector(given, argument)?;
    require(&array, NUMBERS, argument, OF_NUMBERS)?;
    copied(&as_floats(&array)?)
}

/// Returns durations from seconds of any integer or float dtype; `None` for infinite ones.
pub fn durations(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<Option<Duration>>> {
    let array = vector(given, argument)?;
    require(&array, NUMBERS, argument, OF_NUMBERS)?;
    each(&as_floats(&array)?, argument, SECONDS, |value: f64| {
        // Written so that NaN fails.
        (value >= 0.0).then(|| Duration::try_from_secs_f64(value).ok())
    })
}

/// Returns whole numbers from 0 to 2³² − 1 from an array of any integer dtype.
pub fn levels(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    require(&vector(given, argument)?, INTEGERS, argument, OF_INTEGERS)?;
    lengths(given, argument)
}

/// Returns one number, or the smallest of one for each bin and all of them.
pub fn sizes(given: &Sizes<'_>, argument: &str) -> PyResult<(u32, Option<Vec<u32>>)> {
    let error = match positive(&Count(given.0.clone()), argument) {
        Ok(size) => return Ok((size, None)),
        Err(error) => error,
    };
    if error.is_instance_of::<PyValueError>(given.0.py()) {
        return Err(error);
    }
    let array = of_any_shape(&given.0, argument)?;
    if array.ndim() == 0 {
        return Err(wrong_type(argument, "an int, or one for each bin", &given.0));
    }
    let sizes = levels(&ArrayLike(array.into_any()), argument)?;
    let min = sizes.iter().copied().min();
    let empty = || wrong_value(argument, "an int, or one for each bin", &given.0);
    Ok((min.ok_or_else(empty)?, Some(sizes)))
}

/// Returns positions in a batch of `len` rows: integers, or a mask with one bool for each row.
pub fn positions(given: &ArrayLike<'_>, len: usize) -> PyResult<Vec<usize>> {
    let array = vector(given, "rows")?;
    if let Ok(mask) = array.cast::<PyArray1<bool>>() {
        let mask = copied(mask)?;
        if mask.len() != len {
            return Err(wrong_size("rows", len, "rows of the batch", mask.len()));
        }
        return Ok((0..len).filter(|&row| mask[row]).collect());
    }
    require(&array, b"iuO", "rows", "an integer or bool dtype")?;
    let rule = format!("a position in this batch of {len}");
    each_object(given, "rows", |value, name| match count(&Count(value.clone()), name) {
        Ok(row) if row < len => Ok(row),
        Err(error) if !error.is_instance_of::<PyValueError>(value.py()) => Err(error),
        _ => Err(wrong_value(name, &rule, &calls::index(&value)?)),
    })
}

/// Converts each element of a contiguous array without a branch for each. `convert` also says
/// whether the element is allowed; `None` if one is not.
fn at_once<T: Element + Copy, U>(
    array: &Bound<'_, PyArray1<T>>,
    convert: impl Fn(T) -> (U, bool),
) -> PyResult<Option<Vec<U>>> {
    let array = array.try_readonly()?;
    let Ok(values) = array.as_slice() else { return Ok(None) };
    let mut allowed = true;
    let converted = values.iter().map(|&value| {
        let (converted, fits) = convert(value);
        allowed &= fits;
        converted
    });
    let converted = converted.collect();
    Ok(allowed.then_some(converted))
}

/// Converts each element; an error names its position.
fn each<'py, T, U>(
    array: &Bound<'py, PyArray1<T>>,
    argument: &str,
    rule: &str,
    convert: impl Fn(T) -> Option<U>,
) -> PyResult<Vec<U>>
where
    T: Element + Copy + IntoPyObject<'py>,
{
    let (py, array) = (array.py(), array.try_readonly()?);
    let view = array.as_array();
    let mut converted = Vec::with_capacity(view.len());
    for (i, &value) in view.iter().enumerate() {
        let Some(element) = convert(value) else {
            let value = value.into_bound_py_any(py)?;
            return Err(wrong_value(&format!("{argument}[{i}]"), rule, &value));
        };
        converted.push(element);
    }
    Ok(converted)
}

/// Converts each element as a scalar, with its own name.
fn each_object<'py, U>(
    given: &ArrayLike<'py>,
    argument: &str,
    convert: impl Fn(Bound<'py, PyAny>, &str) -> PyResult<U>,
) -> PyResult<Vec<U>> {
    let elements = hooks::listed(given.0.py(), (&given.0,))?.cast_into::<PyList>()?;
    let elements = elements.iter().enumerate();
    elements.map(|(i, value)| convert(value, &format!("{argument}[{i}]"))).collect()
}
