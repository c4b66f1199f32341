//! The functions of `multibin._hooks`, looked up once, with the first scheduler:
//! importing runs Python code, which must not happen later in a daemon thread.

use std::ffi::c_ulong;
use std::sync::{Mutex, PoisonError};

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::{calls, errors};

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
                arguments: impl calls::Arguments<'py>,
            ) -> PyResult<Bound<'py, PyAny>> {
                calls::call(found(py)?.$name.bind(py), arguments)
            }
        )+
    };
}

hooks! {
    /// A future of the running loop, with weak references to it and to its task.
    sleep,
    /// Ends a sleep.
    forget,
    /// Ends a sleep, if its own task asks.
    rise,
    /// Wakes a task: whether it will run.
    wake,
    /// Whether an event loop runs in this thread.
    loop_runs,
    /// The thread that sees signals.
    main_thread,
    /// Logs lines: a level and a list of strings.
    log,
    /// Warns of a batch that was dropped: its rows, and whether it is logged too.
    lost,
    /// Warns of an awaitable that was dropped before it was awaited.
    never_awaited,
    /// A value as Python shows it.
    show,
    /// The type of a value as Python shows it.
    show_type,
    /// The dtype of an array as Python shows it.
    show_dtype,
    /// Whether a number is less than 0.
    negative,
    /// Pairs of ints from an iterable of pairs.
    pairs,
    /// The elements of an iterable.
    listed,
    /// An argument as an array; its name is for the error.
    as_array,
    /// An array as one of float64.
    as_floats,
}

static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// The thread that sees signals, which is another one in a forked child.
static MAIN: Mutex<Option<c_ulong>> = Mutex::new(None);

/// Looks up the functions, the exceptions, numpy's, and the main thread.
pub fn load(py: Python<'_>) -> PyResult<()> {
    let main = main_thread(py, ())?.extract()?;
    *MAIN.lock().unwrap_or_else(PoisonError::into_inner) = Some(main);
    errors::load(py);
    let array: Bound<'_, PyArray1<u64>> = PyArray1::zeros(py, 1, false);
    array.try_readonly()?;
    Ok(())
}

/// Whether this is the thread that sees signals; runs no bytecode.
pub fn is_main_thread() -> bool {
    *MAIN.lock().unwrap_or_else(PoisonError::into_inner) == Some(calls::thread())
}

fn found(py: Python<'_>) -> PyResult<&Hooks> {
    HOOKS.get_or_try_init(py, || Hooks::find(py))
}
