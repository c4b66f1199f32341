//! Conversions for `from_py_with` that know the name of their argument, for the error's message.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::refusal::{wrong_type, wrong_value};
use crate::interpreter::hooks;

/// Declares conversions to a type by the names of their arguments.
macro_rules! named {
    ($rule:literal, $type:ty: $($argument:ident),+) => {$(
        #[allow(clippy::needless_lifetimes, reason = "for those that borrow")]
        pub fn $argument<'a>(given: &'a Bound<'_, PyAny>) -> PyResult<$type> {
                $crate::convert::named::extract(given, stringify!($argument), $rule)
        }
    )+};
}

/// Bools.
pub mod flag {
    use pyo3::prelude::*;

    named!("a bool", bool: anywhere, drain, edges, light_load, gate, monotone);
}

/// Words of a choice.
pub mod word {
    use pyo3::prelude::*;

    named!("a str", &'a str: completes, budget_of, end, fill, model, on_full, order, overrun, weight);
}

/// Words of a choice, or `None`.
pub mod maybe_word {
    use pyo3::prelude::*;

    named!("a str or None", Option<&'a str>: order);
}

/// Numbers that count.
pub mod whole {
    use pyo3::prelude::*;

    use crate::convert::arguments::Count;
    use crate::convert::scalars::{count, positive};

    macro_rules! whole {
        ($convert:ident: $($argument:ident: $type:ty),+) => {$(
            pub fn $argument(given: &Bound<'_, PyAny>) -> PyResult<$type> {
                $convert(&Count(given.clone()), stringify!($argument))
            }
        )+};
    }

    whole!(count: patience: u64, priority: u32);
    whole!(positive: capacity: usize, chunk: u32, every: usize, files: u64, max_bytes: u64, window: usize);
}

/// Numbers that measure.
pub mod number {
    use pyo3::prelude::*;

    use crate::convert::arguments::Number;
    use crate::convert::scalars::float;

    macro_rules! number {
        ($($argument:ident),+) => {$(
            pub fn $argument(given: &Bound<'_, PyAny>) -> PyResult<f64> {
                float(&Number(given.clone()), stringify!($argument))
            }
        )+};
    }

    number!(hysteresis, overhead, padding);
}

/// Converts an argument; the error says the rule and the value.
pub fn extract<'a, 'py, T: FromPyObject<'a, 'py>>(
    given: &'a Bound<'py, PyAny>,
    argument: &str,
    rule: &str,
) -> PyResult<T> {
    given.extract().map_err(|error: T::Error| refused(given, error.into(), argument, rule))
}

/// Returns pairs of two ints from any iterable of pairs.
pub fn pairs(given: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<(u32, u32)>> {
    let pairs = hooks::pairs(given.py(), (given,)).and_then(|pairs| pairs.extract());
    let rule = "pairs of two ints between 0 and 4294967295";
    pairs.map_err(|error| refused(given, error, argument, rule))
}

/// Replaces the errors of a refused value; any other error of a conversion stays (Ctrl-C).
fn refused(given: &Bound<'_, PyAny>, error: PyErr, argument: &str, rule: &str) -> PyErr {
    let py = given.py();
    if error.is_instance_of::<PyTypeError>(py) {
        return wrong_type(argument, rule, given);
    }
    if error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyOverflowError>(py) {
        return wrong_value(argument, rule, given);
    }
    error
}
