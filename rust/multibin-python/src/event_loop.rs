//! asyncio's side of a wait: how any thread wakes a task of a loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Wake, Waker};

use pyo3::exceptions::PyException;
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
    /// How often another thread was asked to signal again.
    retries: AtomicU8,
}

const RETRIES: u8 = 3;

impl LoopWaker {
    pub fn new(py: Python<'_>, sleep: &Sleep, shared: Arc<Shared>) -> Self {
        let strong = !sleep.future.bind(py).is_instance_of::<PyWeakrefReference>();
        let retries = AtomicU8::new(0);
        Self { future: Some(sleep.future.clone_ref(py)), strong, shared, retries }
    }

    /// Whether the task will run.
    fn signal(&self, py: Python<'_>) -> PyResult<bool> {
        hooks::wake(py, (&self.future,))?.extract()
    }

    /// As `signal`, once more if that fails: the handler of a signal, which may have raised, has
    /// run by then. Adds what was raised to `errors`.
    fn signal_twice(&self, py: Python<'_>, errors: &mut Vec<PyErr>) -> PyResult<bool> {
        let failed = |error| errors.push(error);
        self.signal(py).map_err(failed).or_else(|()| self.signal(py))
    }

    /// For a signal that failed: has it sent again from another thread, where no handler runs and
    /// the stack is empty, or gives the wake-up away after some times.
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
        // Where the interpreter ends, nothing happens.
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
        // After the wake-up, which they may hold up or meet again.
        if !errors.is_empty() {
            let report = |py: Python<'_>| {
                report(py, errors);
                Ok(())
            };
            Python::try_attach(|py| calls::aside(py, report));
        }
    }
}

/// Reports errors; those that are raised again last, as a hook that runs meets them.
fn report(py: Python<'_>, errors: Vec<PyErr>) {
    let is_common = |error: &PyErr| error.is_instance_of::<PyException>(py);
    let (common, others): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_common);
    for error in common.into_iter().chain(others) {
        calls::report(py, error);
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
