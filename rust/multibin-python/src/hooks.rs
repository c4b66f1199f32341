//! The functions of `multibin._hooks`, looked up once, with the first scheduler:
//! importing runs Python code, which must not happen later in a daemon thread.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::calls;

macro_rules! hooks {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        struct Hooks {
            $($name: Py<PyAny>,)+
        }

        impl Hooks {
            fn find(py: Python<'_>) -> PyResult<Self> {
                let module = py.import("multibin._hooks")?;
                Ok(Self { $($name: module.getattr(stringify!($name))?.unbind(),)+ })
            }
        }

        $(
            $(#[$doc])*
            pub fn $name<'py>(
                py: Python<'py>,
                arguments: impl IntoPyObject<
                    'py,
                    Target = PyTuple,
                    Output = Bound<'py, PyTuple>,
                    Error = PyErr,
                >,
            ) -> PyResult<Bound<'py, PyAny>> {
                calls::call(found(py)?.$name.bind(py), arguments)
            }
        )+
    };
}

hooks! {
    /// Logs lines: a level and a list of strings.
    log,
    /// Warns of a batch that was dropped: its rows, and whether it is logged too.
    lost,
}

static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// Looks the functions up.
pub fn load(py: Python<'_>) -> PyResult<()> {
    found(py).map(|_| ())
}

fn found(py: Python<'_>) -> PyResult<&Hooks> {
    HOOKS.get_or_try_init(py, || Hooks::find(py))
}
