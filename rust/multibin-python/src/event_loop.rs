//! asyncio's side of a wait: futures of a loop, and how any thread completes them.

use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

use multibin::Scheduler;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static COMPLETE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The loop that runs in this thread, or `None`; unlike `get_running_loop` it does not raise.
fn running(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    RUNNING.import(py, "asyncio.events", "_get_running_loop")?.call0()
}

/// The callback that ends the sleep of whoever awaits `future`, unless it was cancelled.
#[pyfunction]
fn complete(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
        future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    }
    Ok(())
}

fn callback(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let make = || Ok::<_, PyErr>(wrap_pyfunction!(complete, py)?.into_any().unbind());
    Ok(COMPLETE.get_or_try_init(py, make)?.bind(py))
}

/// The loop that an `await` runs in.
pub struct EventLoop<'py>(Bound<'py, PyAny>);

impl<'py> EventLoop<'py> {
    /// Raises `RuntimeError` where none runs.
    pub fn running(py: Python<'py>) -> PyResult<Self> {
        let running = running(py)?;
        if running.is_none() {
            // It raises, in asyncio's words.
            return Ok(Self(py.import("asyncio")?.call_method0("get_running_loop")?));
        }
        Ok(Self(running))
    }

    pub fn create_future(&self) -> PyResult<Bound<'py, PyAny>> {
        self.0.call_method0(intern!(self.0.py(), "create_future"))
    }

    /// Completes `future` after `delay`; returns the handle that calls it off.
    pub fn wake_later(&self, delay: Duration, future: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        let py = self.0.py();
        let arguments = (delay.as_secs_f64(), callback(py)?, future);
        Ok(self.0.call_method1(intern!(py, "call_later"), arguments)?.unbind())
    }
}

/// Wakes a task from any thread, attached or not, one `call_soon_threadsafe` a wake-up; none in the
/// thread of the loop.
pub struct LoopWaker {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    scheduler: Scheduler,
}

impl LoopWaker {
    pub fn new(
        event_loop: &EventLoop<'_>,
        future: &Bound<'_, PyAny>,
        scheduler: Scheduler,
    ) -> Self {
        let (event_loop, future) = (event_loop.0.clone().unbind(), future.clone().unbind());
        Self { event_loop, future, scheduler }
    }

    /// Whether the task will run.
    fn signal(&self, py: Python<'_>) -> PyResult<bool> {
        let event_loop = self.event_loop.bind(py);
        if running(py)?.is(event_loop) {
            complete(self.future.bind(py))?;
            return Ok(true);
        }
        if event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy()? {
            return Ok(false);
        }
        let arguments = (callback(py)?, &self.future);
        event_loop.call_method1(intern!(py, "call_soon_threadsafe"), arguments)?;
        // A loop that stands still may run again, or never.
        event_loop.call_method0(intern!(py, "is_running"))?.is_truthy()
    }

    /// As `signal`; nobody can be told of an error. Ctrl-C that met the wake-up comes again after it.
    fn signal_or_report(&self, py: Python<'_>) -> bool {
        let unless_closed = |error: PyErr| {
            // A loop may be closed between the question and the call.
            if !error.is_instance_of::<PyRuntimeError>(py) {
                error.write_unraisable(py, None);
            }
            false
        };
        match self.signal(py) {
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
                let signalled = self.signal(py).unwrap_or_else(unless_closed);
                interrupt_main(py).unwrap_or_else(|error| error.write_unraisable(py, None));
                signalled
            }
            outcome => outcome.unwrap_or_else(unless_closed),
        }
    }

    /// Leaves an exception of the code around as it is: a worker that is dropped wakes too.
    fn signal_aside(&self, py: Python<'_>) -> bool {
        let raised = PyErr::take(py);
        let signalled = self.signal_or_report(py);
        if let Some(raised) = raised {
            raised.restore(py);
        }
        signalled
    }
}

fn interrupt_main(py: Python<'_>) -> PyResult<()> {
    py.import("_thread")?.call_method0("interrupt_main").map(|_| ())
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        // `None`: the interpreter ends.
        if !Python::try_attach(|py| self.signal_aside(py)).unwrap_or(false) {
            self.scheduler.wake_another();
        }
    }
}
