//! Between numpy and the core: what is accepted, and how it is typed in the stubs.

use multibin::edges;
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArray};
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::inspect::{PyStaticExpr, PyStaticOperator};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::errors;

const fn name(id: &'static str) -> PyStaticExpr {
    PyStaticExpr::Name { id }
}

const NUMPY: PyStaticExpr = name("numpy");
const NUMPY_TYPING: PyStaticExpr = name("numpy.typing");
const TYPING: PyStaticExpr = name("typing");

/// An argument that `numpy.asarray` understands.
pub struct ArrayLike<'py>(Bound<'py, PyAny>);

impl<'py> FromPyObject<'_, 'py> for ArrayLike<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr =
        PyStaticExpr::Attribute { value: &NUMPY_TYPING, attr: "ArrayLike" };

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.to_owned()))
    }
}

/// An argument that is an int or a float, Python's or numpy's.
pub struct Number<'py>(pub Bound<'py, PyAny>);

impl<'py> FromPyObject<'_, 'py> for Number<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = PyStaticExpr::BinOp {
        left: &PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsIndex" },
        op: PyStaticOperator::BitOr,
        right: &PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsFloat" },
    };

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.to_owned()))
    }
}

/// An argument that counts something.
pub struct Count<'py>(Bound<'py, PyAny>);

impl<'py> FromPyObject<'_, 'py> for Count<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr =
        PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsIndex" };

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.to_owned()))
    }
}

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

impl Scalar for i64 {
    const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &NUMPY, attr: "int64" };
}

impl Scalar for f64 {
    const TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &NUMPY, attr: "float64" };
}

/// A length in steps: an int, or a finite float that is rounded up.
#[inline]
pub fn length(number: &Number<'_>, argument: &str) -> PyResult<u32> {
    let Number(value) = number;
    if value.is_instance_of::<PyInt>()
        && let Ok(length) = value.extract::<u32>()
    {
        return Ok(length);
    }
    let float = match value.extract::<f64>() {
        Ok(float) => float,
        // An int beyond the floats.
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => f64::INFINITY,
        Err(_) => return Err(wrong_type(argument, "an int or a float", value)),
    };
    edges::length(float, || argument.to_owned()).map_err(errors::edges)
}

/// An int that `T` can hold.
pub fn count<T: TryFrom<u64>>(number: &Count<'_>, argument: &str) -> PyResult<T> {
    let Count(value) = number;
    let refused = || PyValueError::new_err(format!("{argument}: {value} is out of range"));
    match value.extract::<u64>() {
        Ok(count) => T::try_from(count).map_err(|_| refused()),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Err(refused()),
        Err(_) => Err(wrong_type(argument, "an int", value)),
    }
}

/// The caller's key: an int that fits in 64 unsigned bits.
#[inline]
pub fn key(number: &Count<'_>) -> PyResult<u64> {
    number.0.extract::<u64>().or_else(|_| count(number, "key"))
}

/// Lengths in steps, of any integer or float dtype.
pub fn lengths(array: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u32>> {
    let array = as_array(array, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u32>>() {
        return Ok(exact.readonly().as_array().to_vec());
    }
    if let Ok(ints) = array.cast::<PyArray1<i64>>() {
        return each(&ints.readonly(), argument, |value| {
            u32::try_from(value).map_err(|_| not_a_length(argument, value as f64))
        });
    }
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u' | b'f') {
        return Err(wrong_dtype(argument, "an integer or float", &array));
    }
    let floats = array.call_method1("astype", ("float64",))?;
    let floats = floats.cast::<PyArray1<f64>>()?.readonly();
    each(&floats, argument, |value| {
        edges::length(value, || argument.to_owned()).map_err(errors::edges)
    })
}

/// Keys: uint64, or int64 without negative ones.
pub fn keys(array: &ArrayLike<'_>, argument: &str) -> PyResult<Vec<u64>> {
    let array = as_array(array, argument)?;
    if let Ok(exact) = array.cast::<PyArray1<u64>>() {
        return Ok(exact.readonly().as_array().to_vec());
    }
    if array.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(ints) = array.cast::<PyArray1<i64>>() else {
        return Err(wrong_dtype(argument, "uint64 or int64", &array));
    };
    each(&ints.readonly(), argument, |value| {
        u64::try_from(value)
            .map_err(|_| PyValueError::new_err(format!("{argument}: {value} is negative")))
    })
}

/// Positions in a batch of `len`: integers, or a mask with one bool per row.
pub fn positions(array: &ArrayLike<'_>, len: usize) -> PyResult<Vec<usize>> {
    let array = as_array(array, "rows")?;
    if let Ok(mask) = array.cast::<PyArray1<bool>>() {
        if array.len() != len {
            let given = array.len();
            let message = format!("rows: a mask of {given} for a batch of {len}");
            return Err(PyValueError::new_err(message));
        }
        let mask = mask.readonly();
        let mask = mask.as_array();
        return Ok((0..len).filter(|&row| mask[row]).collect());
    }
    if !array.is_empty() && !matches!(array.dtype().kind(), b'i' | b'u') {
        return Err(wrong_dtype("rows", "an integer or bool", &array));
    }
    let ints = array.call_method1("astype", ("int64",))?;
    each(&ints.cast::<PyArray1<i64>>()?.readonly(), "rows", |row| {
        usize::try_from(row).map_err(|_| {
            let message = format!("rows: {row} is not a position in this batch of {len}");
            PyValueError::new_err(message)
        })
    })
}

fn each<T: Element + Copy, U>(
    array: &PyReadonlyArray1<'_, T>,
    argument: &str,
    convert: impl Fn(T) -> PyResult<U>,
) -> PyResult<Vec<U>> {
    let view = array.as_array();
    let mut converted = Vec::with_capacity(view.len());
    for (i, &value) in view.iter().enumerate() {
        converted.push(convert(value).map_err(|error| {
            let message = error.value(array.py()).to_string();
            PyValueError::new_err(message.replacen(argument, &format!("{argument}[{i}]"), 1))
        })?);
    }
    Ok(converted)
}

fn as_array<'py>(array: &ArrayLike<'py>, argument: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let ArrayLike(object) = array;
    let array = if let Ok(array) = object.cast::<PyUntypedArray>() {
        array.clone()
    } else {
        let numpy = object.py().import("numpy")?;
        numpy.call_method1("asarray", (object,))?.cast_into::<PyUntypedArray>()?
    };
    if array.ndim() == 1 {
        return Ok(array);
    }
    let message = format!("{argument}: needs one dimension, got {}", array.ndim());
    Err(PyValueError::new_err(message))
}

fn not_a_length(argument: &str, value: f64) -> PyErr {
    errors::edges(multibin::EdgesError::Length { argument: argument.to_owned(), value })
}

fn wrong_type(argument: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let got = value.get_type();
    PyTypeError::new_err(format!("{argument}: needs {wanted}, got {value} of {got}"))
}

fn wrong_dtype(argument: &str, wanted: &str, array: &Bound<'_, PyUntypedArray>) -> PyErr {
    let dtype = array.dtype();
    PyTypeError::new_err(format!("{argument}: needs {wanted} dtype, got {dtype}"))
}
