//! Between numpy's arrays and the core's: what is accepted, and how it is typed in the stubs.

use std::time::Duration;

use multibin::edges;
use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArray};
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::inspect::PyStaticExpr;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList};

use crate::convert::{ArrayLike, Count, Number, Sizes, count, length, show, text, wrong_type};
use crate::hooks;

const NUMPY: PyStaticExpr = PyStaticExpr::Name { id: "numpy" };
const NUMPY_TYPING: PyStaticExpr = PyStaticExpr::Name { id: "numpy.typing" };

/// A one-dimensional array that is returned.
pub struct Array<'py, T: Element>(Bound<'py, PyArray1<T>>);

impl<'py, T: Scalar> Array<'py, T> {
    /// One element per item.
    pub fn collect(py: Python<'py>, items: impl ExactSizeIterator<Item = T>) -> Self {
        Self(PyArray1::from_iter(py, items))
    }
}

impl<'py, T: Scalar> IntoPyObject<'py> for Array<'py, T> {
    type Target = PyArray1<T>;
    type Output = Bound<'py, Self::Target>;
    type Error = std::convert::Infallible;
    const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Subscript {
        value: &PyStaticExpr::Attribute { value: &NUMPY_TYPING, attr: "NDArray" },
        slice: &T::TYPE,
    };

    fn into_pyobject(self, _: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

/// An element type with its name in the stubs.
pub trait Scalar: Element {
    /// `numpy.…`.
    const TYPE: PyStaticExpr;
}

impl Scalar for u32 {
    const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &NUMPY, attr: "uint32" };
}

impl Scalar for u64 {
    const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &NUMPY, attr: "uint64" };
}

impl Scalar for f64 {
    const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &NUMPY, attr: "float64" };
}

/// Lengths in steps, of any integer or float dtype.
pub fn lengths(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let array = as_array(given, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u32>>() {
        return copied(exact);
    }
    if let Ok(ints) = array.cast::<PyArray1<i64>>() {
        return each(ints, argument, |value| u32::try_from(value).map_err(|_| no_length(value)));
    }
    match array.dtype().kind() {
        b'i' | b'u' | b'f' => {
            let round_up = |value| edges::length(value, String::new).map_err(|_| no_length(value));
            each(&as_floats(&array)?, argument, round_up)
        }
        b'O' => each_object(given, argument, |value, name| length(&Number(value), name)),
        _ if array.is_empty() => Ok(Vec::new()),
        _ => Err(wrong_dtype(argument, "an integer or float", &array)),
    }
}

/// One length in steps, or several in an array.
pub fn one_or_more_lengths(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let ArrayLike(object) = given;
    let one = || Ok(vec![length(&Number(object.clone()), argument)?]);
    if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>() {
        return one();
    }
    let array = any_array(object, argument)?;
    if array.ndim() == 0 { one() } else { lengths(&ArrayLike(array.into_any()), argument) }
}

/// What was predicted of requests and what they took: one of each, or as many.
pub fn pairs(predicted: &ArrayLike<'_>, actual: &ArrayLike<'_>) -> PyResult<(Vec<u32>, Vec<u32>)> {
    let predicted = one_or_more_lengths(predicted, "predicted")?;
    let actual = one_or_more_lengths(actual, "actual")?;
    if predicted.len() != actual.len() {
        let (found, needed) = (actual.len(), predicted.len());
        let message = format!("actual: {found} values for {needed} of predicted");
        return Err(PyValueError::new_err(message));
    }
    Ok((predicted, actual))
}

/// Keys: uint64, or int64 without negative ones.
pub fn keys(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u64>> {
    let array = as_array(given, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u64>>() {
        return copied(exact);
    }
    if let Ok(ints) = array.cast::<PyArray1<i64>>() {
        let negative = |value| format!("{value} is negative");
        return each(ints, argument, |value| u64::try_from(value).map_err(|_| negative(value)));
    }
    if array.is_empty() {
        return Ok(Vec::new());
    }
    // A list of large ints becomes an array of objects, and with a negative one of floats.
    let list = !given.0.is_instance_of::<PyUntypedArray>();
    if array.dtype().kind() == b'O' || list {
        return each_object(given, argument, |value, name| count(&Count(value), name));
    }
    Err(wrong_dtype(argument, "uint64 or int64", &array))
}

/// Seconds, of any integer or float dtype, as nanoseconds.
pub fn times(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u64>> {
    let array = as_array(given, argument)?;
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u' | b'f') {
        return Err(wrong_dtype(argument, "an integer or float", &array));
    }
    each(&as_floats(&array)?, argument, |value| {
        let nanoseconds = (value * 1e9).round();
        // Written so that NaN fails; -1e-10 is negative although it rounds to 0.
        if value >= 0.0 && nanoseconds < 2f64.powi(64) {
            #[expect(clippy::cast_sign_loss, reason = "checked to be >= 0")]
            return Ok(nanoseconds as u64);
        }
        Err(format!("{value} is not a time in seconds >= 0"))
    })
}

/// Numbers, of any integer or float dtype.
pub fn floats(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<f64>> {
    let array = as_array(given, argument)?;
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u' | b'f') {
        return Err(wrong_dtype(argument, "an integer or float", &array));
    }
    copied(&as_floats(&array)?)
}

/// Seconds from now, of any integer or float dtype; infinite ones are none.
pub fn durations(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<Option<Duration>>> {
    let array = as_array(given, argument)?;
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u' | b'f') {
        return Err(wrong_dtype(argument, "an integer or float", &array));
    }
    each(&as_floats(&array)?, argument, |value| {
        if value.is_nan() || value < 0.0 {
            return Err(format!("{value} is not a number of seconds >= 0"));
        }
        Ok(Duration::try_from_secs_f64(value).ok())
    })
}

/// Whole numbers from 0 to 2³² − 1, of any integer dtype.
pub fn levels(given: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let array = as_array(given, argument)?;
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u') {
        return Err(wrong_dtype(argument, "an integer", &array));
    }
    lengths(given, argument)
}

/// One number, or one for each bin: the least, and all.
pub fn sizes(given: &Sizes<'_>, argument: &str) -> PyResult<(u32, Option<Vec<u32>>)> {
    let error = match count(&Count(given.0.clone()), argument) {
        Ok(size) => return Ok((size, None)),
        Err(error) => error,
    };
    if error.is_instance_of::<PyValueError>(given.0.py()) {
        return Err(error);
    }
    let array = any_array(&given.0, argument)?;
    if array.ndim() == 0 {
        return Err(wrong_type(argument, "an int, or one for each bin", &given.0));
    }
    let sizes = levels(&ArrayLike(array.into_any()), argument)?;
    let least = sizes.iter().copied().min();
    let empty = || PyValueError::new_err(format!("{argument}: {} is empty", show(&given.0)));
    Ok((least.ok_or_else(empty)?, Some(sizes)))
}

/// Positions in a batch of `len`: integers, or a mask with one bool per row.
pub fn positions(given: &ArrayLike<'_>, len: usize) -> PyResult<Vec<usize>> {
    let array = as_array(given, "rows")?;
    if let Ok(mask) = array.cast::<PyArray1<bool>>() {
        let mask = copied(mask)?;
        if mask.len() != len {
            let message = format!("rows: a mask of {} for a batch of {len}", mask.len());
            return Err(PyValueError::new_err(message));
        }
        return Ok((0..len).filter(|&row| mask[row]).collect());
    }
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u' | b'O') {
        return Err(wrong_dtype("rows", "an integer or bool", &array));
    }
    each_object(given, "rows", |value, _| {
        count(&Count(value.clone()), "rows").map_err(|error| {
            let shown = show(&value);
            let message = format!("rows: {shown} is not a position in this batch of {len}");
            if error.is_instance_of::<PyValueError>(value.py()) {
                PyValueError::new_err(message)
            } else {
                error
            }
        })
    })
}

fn copied<T: Element + Copy>(array: &Bound<'_, PyArray1<T>>) -> PyResult<Vec<T>> {
    Ok(array.try_readonly()?.as_array().to_vec())
}

/// Converts each element; an error names its position.
fn each<T: Element + Copy, U>(
    array: &Bound<'_, PyArray1<T>>,
    argument: &str,
    convert: impl Fn(T) -> Result<U, String>,
) -> PyResult<Vec<U>> {
    let array = array.try_readonly()?;
    let view = array.as_array();
    let mut converted = Vec::with_capacity(view.len());
    for (i, &value) in view.iter().enumerate() {
        let named = |error| PyValueError::new_err(format!("{argument}[{i}]: {error}"));
        converted.push(convert(value).map_err(named)?);
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

fn no_length(value: impl std::fmt::Display) -> String {
    format!("{value} is not a length (finite, 0 to {})", u32::MAX)
}

fn as_floats<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyArray1<f64>>> {
    if let Ok(floats) = array.cast::<PyArray1<f64>>() {
        return Ok(floats.clone());
    }
    Ok(hooks::as_floats(array.py(), (array,))?.cast_into()?)
}

/// The argument as a one-dimensional array that can be read as it lies in memory.
fn as_array<'py>(given: &ArrayLike<'py>, argument: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = any_array(&given.0, argument)?;
    match array.ndim() {
        1 => Ok(array),
        _ => Err(wrong_shape(argument, &given.0, array.shape())),
    }
}

/// The argument as an array; one with dimensions can be read as it lies in memory.
fn any_array<'py>(
    object: &Bound<'py, PyAny>,
    argument: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    if let Ok(array) = object.cast::<PyUntypedArray>()
        && lies_well(array)?
    {
        return Ok(array.clone());
    }
    Ok(hooks::as_array(object.py(), (object, argument))?.cast_into()?)
}

fn wrong_shape(argument: &str, given: &Bound<'_, PyAny>, shape: &[usize]) -> PyErr {
    let found = if shape.is_empty() { show(given) } else { format!("shape {shape:?}") };
    PyValueError::new_err(format!("{argument}: needs one dimension, got {found}"))
}

/// Whether this is an array of numpy's own class, which runs no Python code, as the core reads it.
fn lies_well(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    let py = array.py();
    if !array.get_type().is(PyUntypedArray::type_object(py)) {
        return Ok(false);
    }
    let aligned = array.getattr(intern!(py, "flags"))?.getattr(intern!(py, "aligned"))?;
    let native = array.dtype().getattr(intern!(py, "isnative"))?;
    Ok(array.is_c_contiguous() && aligned.is_truthy()? && native.is_truthy()?)
}

fn wrong_dtype(argument: &str, wanted: &str, array: &Bound<'_, PyUntypedArray>) -> PyErr {
    let dtype = text(hooks::show_dtype(array.py(), (array,)));
    PyTypeError::new_err(format!("{argument}: needs {wanted} dtype, got {dtype}"))
}
