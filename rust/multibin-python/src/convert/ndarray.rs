//! numpy's arrays: which are read as they are, and which are returned.

use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArray};
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::inspect::PyStaticExpr;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::arguments::ArrayLike;
use super::refusal::{show, text};
use crate::interpreter::hooks;

const NUMPY: PyStaticExpr = PyStaticExpr::Name { id: "numpy" };
const NUMPY_TYPING: PyStaticExpr = PyStaticExpr::Name { id: "numpy.typing" };

/// A one-dimensional array that is returned.
pub struct Array<'py, T: Element>(Bound<'py, PyArray1<T>>);

impl<'py, T: Scalar> Array<'py, T> {
    /// Returns an array with one element for each item.
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

/// Returns the argument as a one-dimensional array that the core can read in place.
pub fn vector<'py>(given: &ArrayLike<'py>, argument: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = of_any_shape(&given.0, argument)?;
    match array.ndim() {
        1 => Ok(array),
        _ => Err(wrong_shape(argument, &array)),
    }
}

/// Returns the argument as an array; the core can read one with dimensions in place.
pub fn of_any_shape<'py>(
    object: &Bound<'py, PyAny>,
    argument: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    if let Ok(array) = object.cast::<PyUntypedArray>()
        && is_readable(array)?
    {
        return Ok(array.clone());
    }
    Ok(hooks::as_array(object.py(), (object, argument))?.cast_into()?)
}

/// Returns true for an array of numpy's own class, which runs no Python code, that the core can
/// read in place.
fn is_readable(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    let py = array.py();
    if !array.get_type().is(PyUntypedArray::type_object(py)) {
        return Ok(false);
    }
    let aligned = array.getattr(intern!(py, "flags"))?.getattr(intern!(py, "aligned"))?;
    let native = array.dtype().getattr(intern!(py, "isnative"))?;
    Ok(array.is_c_contiguous() && aligned.is_truthy()? && native.is_truthy()?)
}

/// Converts an array to one of float64.
pub fn as_floats<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyArray1<f64>>> {
    if let Ok(floats) = array.cast::<PyArray1<f64>>() {
        return Ok(floats.clone());
    }
    Ok(hooks::as_floats(array.py(), (array,))?.cast_into()?)
}

/// Copies the elements of an array.
pub fn copied<T: Element + Copy>(array: &Bound<'_, PyArray1<T>>) -> PyResult<Vec<T>> {
    Ok(array.try_readonly()?.as_array().to_vec())
}

/// Returns true unless an array has elements of a dtype of other kinds.
pub fn is_of(array: &Bound<'_, PyUntypedArray>, kinds: &[u8]) -> bool {
    array.is_empty() || kinds.contains(&array.dtype().kind())
}

/// Refuses an array that has elements of a dtype of other kinds.
pub fn require(
    array: &Bound<'_, PyUntypedArray>,
    kinds: &[u8],
    argument: &str,
    rule: &str,
) -> PyResult<()> {
    if is_of(array, kinds) { Ok(()) } else { Err(wrong_dtype(argument, rule, array)) }
}

/// Returns a `TypeError` for an array of another dtype; `rule` follows "must have".
pub fn wrong_dtype(argument: &str, rule: &str, array: &Bound<'_, PyUntypedArray>) -> PyErr {
    let dtype = text(hooks::show_dtype(array.py(), (array,)));
    PyTypeError::new_err(format!("{argument} must have {rule}, got {dtype}"))
}

fn wrong_shape(argument: &str, array: &Bound<'_, PyUntypedArray>) -> PyErr {
    let shape = PyTuple::new(array.py(), array.shape());
    let shape = shape.map_or_else(|_| "another".to_owned(), |shape| show(&shape));
    PyValueError::new_err(format!("{argument} must have shape [n], got {shape}"))
}
