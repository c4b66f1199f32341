//! The functions of `multibin._hooks`, looked up once, with the first scheduler:
//! importing runs Python code, which must not happen later in a daemon thread.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{calls, errors, main_thread};

macro_rules! hooks {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        struct Hooks {
            $($name: Py<PyAny>,)+
            running: Py<PyAny>,
            finished: Py<PyAny>,
            within: Py<PyAny>,
        }

        impl Hooks {
            fn find(py: Python<'_>) -> PyResult<Self> {
                let module = py.import("multibin._hooks")?;
                Ok(Self {
                    $($name: module.getattr(stringify!($name))?.unbind(),)+
                    finished: module.getattr("FINISHED")?.unbind(),
                    running: module.getattr("running_loop")?.unbind(),
                    within: module.getattr("run_in")?.unbind(),
                })
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
    /// Makes a future of the running loop; returns it with weak references to it and to its task.
    start_wait,
    /// Ends a wait.
    end_wait,
    /// Ends a wait if its own task asks for it; returns whether it did.
    resume,
    /// Wakes a task; returns whether it will run.
    wake,
    /// Returns whether an event loop runs in this thread.
    loop_runs,
    /// Returns a copy of the current context.
    copy_context,
    /// Returns whether a function of C is the callback by which a task waits.
    is_wakeup,
    /// Makes a condition of `threading`.
    make_condition,
    /// Has a loop call a turn; tells whether the loop runs in this thread.
    post,
    /// Reports the error of a callback.
    failed_callback,
    /// Acquires a condition.
    acquire,
    /// Tells the waiters of `concurrent.futures` that a future is over; releases the condition.
    tell_waiters,
    /// Returns which functions equal another one.
    equal_to,
    /// Returns an error that can be raised in place of a `StopIteration`.
    no_stop,
    /// Returns the thread that sees signals.
    find_main_thread,
    /// Logs lines: a level and a list of strings.
    log,
    /// Warns of a batch that was dropped: its rows, and whether to log it too.
    lost,
    /// Warns of an awaitable that was dropped before it was awaited.
    never_awaited,
    /// Returns how a message shows a value.
    show,
    /// Returns the name of an array's dtype.
    show_dtype,
    /// Returns whether a number is less than 0.
    negative,
    /// Returns pairs of ints from an iterable of pairs.
    pairs,
    /// Returns the elements of an iterable.
    listed,
    /// Returns an argument as an array; its name is for the error.
    as_array,
    /// Returns an array as one of float64.
    as_floats,
    /// Returns the axes and the flat grids of a cost table, and what it counts.
    cost_table_parts,
    /// Makes a cost table of axes and flat grids.
    cost_table,
}

/// Returns the event loop that runs in this thread, or `None`.
pub fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    calls::call_0(found(py)?.running.bind(py))
}

/// Returns a finished future of asyncio.
pub fn finished(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    Ok(found(py)?.finished.bind(py))
}

/// Calls a function with one argument in a context.
pub fn run_in<'py>(
    context: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    calls::call_3(found(py)?.within.bind(py), [context, function, argument])
}

/// The level of a warning.
pub const WARNING: u8 = 30;

static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// Looks up the functions, the exceptions, numpy's, and the main thread.
pub fn load(py: Python<'_>) -> PyResult<()> {
    main_thread::set(find_main_thread(py, ())?.extract()?);
    errors::load(py);
    let array: Bound<'_, PyArray1<u64>> = PyArray1::zeros(py, 1, false);
    array.try_readonly()?;
    Ok(())
}

fn found(py: Python<'_>) -> PyResult<&Hooks> {
    HOOKS.get_or_try_init(py, || Hooks::find(py))
}
