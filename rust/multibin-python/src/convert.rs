//! From Python's scalars to the core's: what is accepted, and how it is typed in the stubs.

use std::time::Duration;

use multibin::{Setting, edges};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::inspect::{PyStaticExpr, PyStaticOperator};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::{calls, hooks};

const fn name(id: &'static str) -> PyStaticExpr {
    PyStaticExpr::Name { id }
}

const NUMPY_TYPING: PyStaticExpr = name("numpy.typing");
const TYPING: PyStaticExpr = name("typing");
const SUPPORTS_INDEX: PyStaticExpr =
    PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsIndex" };

/// Declares an argument that is converted later, with its name at hand, and its type in the stubs.
macro_rules! argument {
    ($(#[$doc:meta])* $name:ident, $hint:expr) => {
        $(#[$doc])*
        pub struct $name<'py>(pub Bound<'py, PyAny>);

        impl<'py> FromPyObject<'_, 'py> for $name<'py> {
            type Error = PyErr;
            const INPUT_TYPE: PyStaticExpr = $hint;

            fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
                Ok(Self(object.to_owned()))
            }
        }
    };
}

argument!(
    /// Anything that `numpy.asarray` understands.
    ArrayLike,
    PyStaticExpr::Attribute { value: &NUMPY_TYPING, attr: "ArrayLike" }
);
argument!(
    /// An int or a float, Python's or numpy's.
    Number,
    PyStaticExpr::BinOp {
        left: &SUPPORTS_INDEX,
        op: PyStaticOperator::BitOr,
        right: &PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsFloat" },
    }
);
argument!(
    /// An int, or one for each bin.
    Sizes,
    PyStaticExpr::BinOp {
        left: &SUPPORTS_INDEX,
        op: PyStaticOperator::BitOr,
        right: &PyStaticExpr::Attribute { value: &NUMPY_TYPING, attr: "ArrayLike" },
    }
);
argument!(
    /// Pairs of two ints.
    Pairs,
    PyStaticExpr::Subscript {
        value: &PyStaticExpr::Attribute { value: &name("collections.abc"), attr: "Sequence" },
        slice: &PyStaticExpr::Subscript {
            value: &name("tuple"),
            slice: &PyStaticExpr::Tuple { elts: &[SUPPORTS_INDEX, SUPPORTS_INDEX] },
        },
    }
);
argument!(
    /// Something that counts or names: an int.
    Count,
    SUPPORTS_INDEX
);

/// An argument that must be given although those before it may be left out.
pub enum Missing<'py> {
    /// It is not given.
    Not,
    /// Given.
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Missing<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = Sizes::INPUT_TYPE;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(object.to_owned()))
    }
}

/// An option that may be left as it is.
pub enum Maybe<'py> {
    /// Not given.
    Keep,
    /// Given as `None`.
    Nothing,
    /// Given.
    Value(Bound<'py, PyAny>),
}

impl<'py> Maybe<'py> {
    /// What was given, converted.
    pub fn map<T>(
        self,
        convert: impl FnOnce(Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<Setting<T>> {
        Ok(match self {
            Self::Keep => Setting::Keep,
            Self::Nothing => Setting::Unset,
            Self::Value(given) => Setting::Set(convert(given)?),
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for Maybe<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = name("object");

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(if object.is_none() { Self::Nothing } else { Self::Value(object.to_owned()) })
    }
}

/// A length in steps: an int, or a finite float that is rounded up.
#[inline]
pub fn length(number: &Number<'_>, argument: &str) -> PyResult<u32> {
    if number.0.is_instance_of::<PyInt>() {
        return number.0.extract::<u32>().map_err(|_| no_length(argument, &number.0));
    }
    let value = float(number, argument)?;
    edges::length(value, String::new).map_err(|_| no_length(argument, &number.0))
}

fn no_length(argument: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let (shown, max) = (show(value), u32::MAX);
    PyValueError::new_err(format!("{argument}: {shown} is not a length (finite, 0 to {max})"))
}

/// A float; an int beyond the floats counts as infinite.
pub fn float(number: &Number<'_>, argument: &str) -> PyResult<f64> {
    let Number(value) = number;
    let py = value.py();
    calls::float(value).or_else(|error| {
        if error.is_instance_of::<PyOverflowError>(py) {
            let negative = hooks::negative(py, (value,))?.extract()?;
            return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
        }
        Err(if_type_error(py, error, || wrong_type(argument, "an int or a float", value)))
    })
}

/// Seconds; more than the clock can hold is for ever.
pub fn seconds(number: &Number<'_>, argument: &str) -> PyResult<Duration> {
    let value = float(number, argument)?;
    if value.is_nan() || value < 0.0 {
        let shown = show(&number.0);
        let message = format!("{argument}: {shown} is not a number of seconds >= 0");
        return Err(PyValueError::new_err(message));
    }
    Ok(Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX))
}

/// An int that `T` can hold.
pub fn count<T: TryFrom<u64>>(number: &Count<'_>, argument: &str) -> PyResult<T> {
    let Count(value) = number;
    let refused = || PyValueError::new_err(format!("{argument}: {} is out of range", show(value)));
    match calls::index(value).and_then(|index| index.extract::<u64>()) {
        Ok(count) => T::try_from(count).map_err(|_| refused()),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Err(refused()),
        Err(error) => {
            Err(if_type_error(value.py(), error, || wrong_type(argument, "an int", value)))
        }
    }
}

/// A length as [`length`] takes it, as an argument of a call that has to be cheap: an int is converted
/// at once.
pub enum Steps<'a, 'py> {
    /// Converted.
    Fits(u32),
    /// Of another type, or none.
    Other(Borrowed<'a, 'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Steps<'a, 'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = Number::INPUT_TYPE;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let fits = object.is_exact_instance_of::<PyInt>().then(|| object.extract::<u32>().ok());
        Ok(fits.flatten().map_or(Self::Other(object), Self::Fits))
    }
}

impl Steps<'_, '_> {
    #[inline]
    pub fn get(&self, argument: &str) -> PyResult<u32> {
        match *self {
            Self::Fits(steps) => Ok(steps),
            Self::Other(object) => length(&Number(object.to_owned()), argument),
        }
    }
}

/// The caller's key, an int that fits in 64 unsigned bits, in the same way.
pub enum Key<'a, 'py> {
    /// Converted.
    Fits(u64),
    /// Of another type, or none.
    Other(Borrowed<'a, 'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Key<'a, 'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = Count::INPUT_TYPE;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let fits = object.is_exact_instance_of::<PyInt>().then(|| object.extract::<u64>().ok());
        Ok(fits.flatten().map_or(Self::Other(object), Self::Fits))
    }
}

impl Key<'_, '_> {
    #[inline]
    pub fn get(&self, argument: &str) -> PyResult<u64> {
        match *self {
            Self::Fits(key) => Ok(key),
            Self::Other(object) => count(&Count(object.to_owned()), argument),
        }
    }
}

/// Replaces a `TypeError`; whatever else a conversion raised stays (Ctrl-C, a framework's error).
fn if_type_error(py: Python<'_>, error: PyErr, other: impl FnOnce() -> PyErr) -> PyErr {
    if error.is_instance_of::<PyTypeError>(py) { other() } else { error }
}

/// A `TypeError` that says what is wanted and what came.
pub fn wrong_type(argument: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let (shown, class) = (show(value), text(hooks::show_type(value.py(), (value,))));
    PyTypeError::new_err(format!("{argument}: needs {wanted}, got {shown} of {class}"))
}

/// The value as Python shows it; of one that cannot be shown (an int of 5,000 digits), its type.
pub fn show(value: &Bound<'_, PyAny>) -> String {
    text(hooks::show(value.py(), (value,)))
}

/// What a hook says of an argument.
pub fn text(said: PyResult<Bound<'_, PyAny>>) -> String {
    said.and_then(|said| said.extract()).unwrap_or_else(|_| "something else".to_owned())
}
