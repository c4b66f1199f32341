//! asyncio's side of a wait: how any thread wakes a task of a loop.

use std::sync::Arc;
use std::task::Wake;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyWeakrefReference;

use crate::shared::Shared;
use crate::{calls, hooks};

/// A task of a loop that sleeps.
pub struct Sleep {
    /// Refers to the future that the task waits for, which its loop holds.
    pub future: Py<PyAny>,
    /// Refers to the task, or is `None`.
    task: Py<PyAny>,
}

impl Sleep {
    /// Starts a sleep of the task that runs; returns what the task is to wait for.
    ///
    /// # Errors
    /// `RuntimeError` where no loop runs.
    pub fn start(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Self)> {
        let (future, sleeping, task) = hooks::sleep(py, ())?.extract()?;
        Ok((future, Self { future: sleeping, task }))
    }

    /// Ends the sleep if its own task asks for it.
    pub fn rise(&self, py: Python<'_>) -> PyResult<bool> {
        hooks::rise(py, (&self.future, &self.task))?.extract()
    }

    /// Ends the sleep.
    pub fn end(&self, py: Python<'_>) -> PyResult<()> {
        hooks::forget(py, (&self.future,)).map(|_| ())
    }
}

/// Wakes a task from any thread, attached or not: one `call_soon_threadsafe` a wake-up, and none in
/// the thread of the loop.
pub struct LoopWaker {
    /// `None` once it is dropped.
    future: Option<Py<PyAny>>,
    /// Whether it is more than a weak reference.
    strong: bool,
    shared: Arc<Shared>,
}

impl LoopWaker {
    pub fn new(py: Python<'_>, sleep: &Sleep, shared: Arc<Shared>) -> Self {
        let strong = !sleep.future.bind(py).is_instance_of::<PyWeakrefReference>();
        Self { future: Some(sleep.future.clone_ref(py)), strong, shared }
    }

    /// Whether the task will run.
    fn signal(&self, py: Python<'_>) -> PyResult<bool> {
        hooks::wake(py, (&self.future,))?.extract()
    }

    /// As `signal`; no caller can be told of an error. Ctrl-C that met the wake-up comes again after
    /// it.
    fn signal_or_report(&self, py: Python<'_>) -> bool {
        let reported = |error| {
            calls::unraisable(py, error);
            false
        };
        match self.signal(py) {
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
                let signalled = self.signal(py).unwrap_or_else(reported);
                calls::interrupt_main();
                signalled
            }
            outcome => outcome.unwrap_or_else(reported),
        }
    }
}

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        let signal = |py: Python<'_>| {
            let mut signalled = false;
            calls::aside(py, |py| {
                signalled = self.signal_or_report(py);
                Ok(())
            });
            signalled
        };
        // `None`: the interpreter ends.
        if !Python::try_attach(signal).unwrap_or(false) {
            self.shared.scheduler().wake_another();
        }
    }
}

impl Drop for LoopWaker {
    /// Where the loop cannot hold the future, this may be the last that holds its task.
    fn drop(&mut self) {
        let Some(future) = self.future.take().filter(|_| self.strong) else { return };
        let release = |py: Python<'_>| {
            calls::release(py, future);
            Ok(())
        };
        Python::try_attach(|py| calls::aside(py, release));
    }
}
