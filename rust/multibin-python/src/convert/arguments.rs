//! Arguments that are converted later, when their name is at hand, and their types in the stubs.

use multibin::Setting;
use pyo3::inspect::{PyStaticExpr, PyStaticOperator};
use pyo3::prelude::*;

const fn name(id: &'static str) -> PyStaticExpr {
    PyStaticExpr::Name { id }
}

const NUMPY_TYPING: PyStaticExpr = name("numpy.typing");
const TYPING: PyStaticExpr = name("typing");
const PATH: PyStaticExpr = PyStaticExpr::BinOp {
    left: &name("str"),
    op: PyStaticOperator::BitOr,
    right: &PyStaticExpr::Subscript {
        value: &PyStaticExpr::Attribute { value: &name("os"), attr: "PathLike" },
        slice: &name("str"),
    },
};
const SUPPORTS_INDEX: PyStaticExpr =
    PyStaticExpr::Attribute { value: &TYPING, attr: "SupportsIndex" };

/// Declares an argument with its type in the stubs.
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
    /// An int that counts or identifies something.
    Count,
    SUPPORTS_INDEX
);
argument!(
    /// A path.
    PathLike,
    PATH
);
argument!(
    /// A recording, or the path of one.
    Recordable,
    PATH
);

/// A required argument that follows optional ones.
pub enum Required<'py> {
    /// It was not given.
    Missing,
    /// It was given.
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Required<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = Sizes::INPUT_TYPE;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(object.to_owned()))
    }
}

/// An option that a change keeps, removes or sets.
pub enum Changed<'py> {
    /// It was not given.
    Keep,
    /// It was given as `None`.
    Unset,
    /// It was given.
    Set(Bound<'py, PyAny>),
}

impl<'py> Changed<'py> {
    /// Converts the value, if one was given.
    pub fn map<T>(
        self,
        convert: impl FnOnce(Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<Setting<T>> {
        Ok(match self {
            Self::Keep => Setting::Keep,
            Self::Unset => Setting::Unset,
            Self::Set(given) => Setting::Set(convert(given)?),
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for Changed<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = name("object");

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(if object.is_none() { Self::Unset } else { Self::Set(object.to_owned()) })
    }
}
