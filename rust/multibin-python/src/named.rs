//! Conversions for `from_py_with` that know the name of their argument, for the error's message.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::convert::{show, wrong_type};
use crate::hooks;

macro_rules! named {
    ($wanted:literal, $type:ty: $($argument:ident),+) => {$(
        #[allow(clippy::needless_lifetimes, reason = "for those that borrow")]
        pub fn $argument<'a>(given: &'a Bound<'_, PyAny>) -> PyResult<$type> {
            crate::named::extract(given, stringify!($argument), $wanted)
        }
    )+};
}

/// Whether something is so.
pub mod flag {
    use pyo3::prelude::*;

    named!("a bool", bool: anywhere, drain, edges, light_load, gate, monotone);
}

/// One of several words.
pub mod word {
    use pyo3::prelude::*;

    named!("a str", &'a str: completes, budget_of, fill, order, overrun, weight);
}

/// An object of a class of this package.
pub mod instance {
    use pyo3::prelude::*;

    use crate::config::SchedulerConfig;
    use crate::edges::Edges;

    named!("Edges", Py<Edges>: edges);
    named!("a SchedulerConfig", Py<SchedulerConfig>: config);
}

/// A number that counts.
pub mod whole {
    use pyo3::prelude::*;

    use crate::convert::{Count, count};

    macro_rules! whole {
        ($($argument:ident: $type:ty),+) => {$(
            pub fn $argument(given: &Bound<'_, PyAny>) -> PyResult<$type> {
                count(&Count(given.clone()), stringify!($argument))
            }
        )+};
    }

    whole!(capacity: usize, chunk: u32, every: usize, patience: u64, priority: u32, window: usize);
}

/// A number that measures.
pub mod number {
    use pyo3::prelude::*;

    use crate::convert::{Number, float};

    macro_rules! number {
        ($($argument:ident),+) => {$(
            pub fn $argument(given: &Bound<'_, PyAny>) -> PyResult<f64> {
                float(&Number(given.clone()), stringify!($argument))
            }
        )+};
    }

    number!(hysteresis, overhead);
}

/// What may be left out.
pub mod maybe {
    use pyo3::prelude::*;

    use crate::adapt::Adapt;
    use crate::edges::Edges;

    named!("an Adapt or None", Option<Py<Adapt>>: adapt);
    named!("Edges or None", Option<Py<Edges>>: edges);
    named!("a str or None", Option<&'a str>: order);
}

/// Converts what is given; an error says what is wanted and what came.
pub fn extract<'a, 'py, T: FromPyObject<'a, 'py>>(
    given: &'a Bound<'py, PyAny>,
    argument: &str,
    wanted: &str,
) -> PyResult<T> {
    given.extract().map_err(|error: T::Error| refused(given, error.into(), argument, wanted))
}

/// Pairs of two ints, from any iterable.
pub fn pairs(given: &Bound<'_, PyAny>, argument: &str) -> PyResult<Vec<(u32, u32)>> {
    let pairs = hooks::pairs(given.py(), (given,)).and_then(|pairs| pairs.extract());
    pairs.map_err(|error| refused(given, error, argument, "pairs of two ints"))
}

/// Whatever else a conversion raised stays (Ctrl-C).
fn refused(given: &Bound<'_, PyAny>, error: PyErr, argument: &str, wanted: &str) -> PyErr {
    let py = given.py();
    if error.is_instance_of::<PyTypeError>(py) {
        return wrong_type(argument, wanted, given);
    }
    if error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyOverflowError>(py) {
        let shown = show(given);
        return PyValueError::new_err(format!("{argument}: needs {wanted}, got {shown}"));
    }
    error
}
