//! The turn of an event loop: one call of the loop that makes all calls of a batch.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use pyo3::PyTraverseError;
use pyo3::PyVisit;
use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use super::class::Future;
use super::running::{self, Noted};
use crate::interpreter::cell::AttachedCell;
use crate::interpreter::{calls, hooks};

/// A callback that is due.
pub struct Due {
    pub function: Py<PyAny>,
    pub context: Option<Py<PyAny>>,
    pub future: Py<Future>,
    /// A task waits.
    pub is_wakeup: bool,
}

impl Due {
    fn run(&self, py: Python<'_>) -> PyResult<()> {
        let (function, mut future) = (self.function.bind(py), self.future.bind(py).as_any());
        if self.is_wakeup && self.future.get().has_result(py) {
            future = hooks::finished(py)?;
        }
        let called = match &self.context {
            Some(context) => hooks::run_in(context.bind(py), function, future),
            None => calls::call_1(function, future),
        };
        called.map(drop)
    }

    /// Calls the callback and reports its error, to its loop or to the log.
    pub fn call(self, py: Python<'_>, event_loop: Option<&Py<PyAny>>) {
        let Err(error) = self.run(py) else { return };
        let value = error.clone_ref(py).into_value(py);
        let told = hooks::failed_callback(py, (event_loop, &self.function, value, &self.future));
        if let Err(error) = told {
            calls::report(py, error);
        }
    }
}

/// Counts the turns that loops of other threads have not finished.
#[derive(Default)]
pub struct Turns {
    left: Mutex<usize>,
    none_left: Condvar,
}

impl Turns {
    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = change(*left);
        if *left == 0 {
            self.none_left.notify_all();
        }
    }

    /// Waits until none is left, or `longest`; returns true if none is.
    pub fn wait(&self, longest: Duration) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.none_left.wait_timeout_while(left, longest, |left| *left > 0);
        let (left, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *left == 0
    }
}

/// Is counted until it is dropped.
struct Counted(Arc<Turns>);

impl Counted {
    fn new(turns: &Arc<Turns>) -> Self {
        turns.change(|left| left + 1);
        Self(Arc::clone(turns))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.change(|left| left - 1);
    }
}

/// Makes the calls that an event loop owes to the futures of a batch.
///
/// >>> import asyncio
/// >>> from multibin._core import Turn
/// >>> asyncio.iscoroutinefunction(Turn)
/// False
#[pyclass(frozen, weakref, module = "multibin._core")]
pub struct Turn {
    pub event_loop: Py<PyAny>,
    work: AttachedCell<Work>,
}

#[derive(Default)]
struct Work {
    due: Vec<Due>,
    counted: Option<Counted>,
}

impl Turn {
    pub fn new(event_loop: Py<PyAny>, due: Vec<Due>, turns: Option<&Arc<Turns>>) -> Self {
        let work = Work { due, counted: turns.map(Counted::new) };
        Self { event_loop, work: AttachedCell::new(work) }
    }

    /// Leaves the rest of the calls for another turn.
    fn postpone(this: &Bound<'_, Self>, work: Work) {
        let py = this.py();
        this.get().work.replace(py, work);
        if let Err(error) = hooks::post(py, (&this.get().event_loop, this, true)) {
            calls::report(py, error);
        }
    }
}

#[pymethods]
impl Turn {
    /// Makes the calls. An error goes to the loop's exception handler; one that ends the program is
    /// raised, and the loop makes the other calls later.
    fn run(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let Work { due, counted } = this.get().work.replace(py, Work::default());
        let _noted = Noted::new(&this.get().event_loop);
        let mut due = due.into_iter();
        while let Some(call) = due.next() {
            let Err(error) = call.run(py) else { continue };
            if ends_program(py, &error) {
                Self::postpone(this, Work { due: due.collect(), counted });
                return Err(error);
            }
            let value = error.into_value(py);
            let event_loop = &this.get().event_loop;
            hooks::failed_callback(py, (event_loop, &call.function, value, &call.future))
                .map_or_else(|error| calls::report(py, error), drop);
        }
        drop(counted);
        Ok(())
    }

    /// Forgets the loop whose turn runs in this thread: a forked child runs none.
    #[staticmethod]
    fn forget() {
        running::forget();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        self.work.traverse(|work| {
            for due in &work.due {
                visit.call(&due.function)?;
                visit.call(&due.context)?;
                visit.call(&due.future)?;
            }
            Ok(())
        })
    }

    fn __clear__(&self) {
        drop(self.work.clear());
    }
}

/// Returns true for an error that a loop does not handle.
fn ends_program(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py)
}
