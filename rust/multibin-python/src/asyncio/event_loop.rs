//! The wait of a task of an event loop, and its waker, which any thread may use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::interpreter::{calls, hooks};
use crate::shared::Shared;

/// The wait of a task of an event loop.
pub struct Wait {
    /// Refers to the future that the task waits for; the loop holds the future.
    future: Py<PyAny>,
    /// Refers to the task, or is `None`.
    task: Py<PyAny>,
}

impl Wait {
    /// Starts a wait of the running task; returns the future that the task must wait for.
    ///
    /// # Errors
    /// `RuntimeError` where no loop runs.
    pub fn start(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Self)> {
        let (future, reference, task) = hooks::start_wait(py, ())?.extract()?;
        Ok((future, Self { future: reference, task }))
    }

    /// Ends the wait if its own task asks for it, and returns true then.
    pub fn resume(&self, py: Python<'_>) -> PyResult<bool> {
        hooks::resume(py, (&self.future, &self.task))?.extract()
    }

    /// Ends the wait.
    pub fn end(&self, py: Python<'_>) -> PyResult<()> {
        hooks::end_wait(py, (&self.future,)).map(|_| ())
    }
}

/// Wakes a task from any thread, attached or not: one `call_soon_threadsafe` for each wake-up, and
/// none in the thread of the loop.
pub struct LoopWaker {
    /// `None` once it is dropped.
    future: Option<Py<PyAny>>,
    /// `future` is more than a weak reference.
    strong: bool,
    shared: Arc<Shared>,
    /// How often another thread was asked to retry the signal.
    retries: AtomicU8,
}

const RETRIES: u8 = 3;

impl LoopWaker {
    pub fn new(py: Python<'_>, wait: &Wait, shared: Arc<Shared>) -> Self {
        let strong = !wait.future.bind(py).is_instance_of::<PyWeakrefReference>();
        let retries = AtomicU8::new(0);
        Self { future: Some(wait.future.clone_ref(py)), strong, shared, retries }
    }

    /// Signals the task; returns true if it will run.
    fn signal(&self, py: Python<'_>) -> PyResult<bool> {
        hooks::wake(py, (&self.future,))?.extract()
    }

    /// Signals the task, and again if that fails: the handler of a signal may have raised, and has
    /// run by then. Adds the first error to `errors`.
    fn signal_twice(&self, py: Python<'_>, errors: &mut Vec<PyErr>) -> PyResult<bool> {
        let failed = |error| errors.push(error);
        self.signal(py).map_err(failed).or_else(|()| self.signal(py))
    }

    /// Retries a failed signal from another thread, where no handler runs and the stack is empty.
    /// After [`RETRIES`], hands the wake-up to another waiter.
    fn try_later(self: Arc<Self>) {
        let shared = Arc::clone(&self.shared);
        // Relaxed: the waker is called again after this.
        if self.retries.fetch_add(1, Ordering::Relaxed) < RETRIES {
            shared.scheduler().wake_later(Waker::from(self));
        } else {
            shared.scheduler().renotify();
        }
    }
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        let mut errors = Vec::new();
        let mut signalled = Ok(false);
        // While the interpreter ends, nothing happens.
        Python::try_attach(|py| {
            calls::aside(py, |py| {
                signalled = self.signal_twice(py, &mut errors);
                Ok(())
            });
        });
        match signalled {
            Ok(true) => {}
            Ok(false) => self.shared.scheduler().renotify(),
            Err(error) => {
                errors.push(error);
                self.try_later();
            }
        }
        // After the wake-up, which reports may delay or repeat.
        if !errors.is_empty() {
            let report = |py: Python<'_>| {
                report(py, errors);
                Ok(())
            };
            Python::try_attach(|py| calls::aside(py, report));
        }
    }
}

/// Reports errors; those that are raised again come last, as a running hook would meet them.
fn report(py: Python<'_>, errors: Vec<PyErr>) {
    let is_common = |error: &PyErr| error.is_instance_of::<PyException>(py);
    let (common, others): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_common);
    for error in common.into_iter().chain(others) {
        calls::report(py, error);
    }
}

impl Drop for LoopWaker {
    /// Drops the future. If the loop cannot hold it, this may be the last reference to its task.
    fn drop(&mut self) {
        let Some(future) = self.future.take().filter(|_| self.strong) else { return };
        let release = |py: Python<'_>| {
            calls::release(py, future);
            Ok(())
        };
        Python::try_attach(|py| calls::aside(py, release));
    }
}
