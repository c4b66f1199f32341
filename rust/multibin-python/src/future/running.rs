//! The event loop that runs in this thread.
//!
//! `CPython` 3.11 asks the system for the process's number whenever it is asked for the running
//! loop. So a turn notes its loop: while it makes its calls, no other loop runs in the thread.

use std::cell::Cell;
use std::ptr::null_mut;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use crate::interpreter::{calls, hooks};

thread_local! {
    /// The loop whose turn runs in this thread, or null. The turn holds it.
    static NOTED: Cell<*mut PyObject> = const { Cell::new(null_mut()) };
}

/// Returns the event loop that runs in this thread.
pub fn running_loop(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    // SAFETY: the thread is attached. The turn that noted the loop runs below this call.
    let noted = unsafe { Bound::from_borrowed_ptr_or_opt(py, NOTED.get()) };
    noted.or_else(|| ask(py))
}

fn ask(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    match hooks::running_loop(py) {
        Ok(running) => Some(running).filter(|running| !running.is_none()),
        Err(error) => {
            calls::report(py, error);
            None
        }
    }
}

/// Forgets the loop: a forked child runs none.
pub fn forget() {
    NOTED.set(null_mut());
}

/// Notes the loop of a turn, until it is dropped.
pub struct Noted(*mut PyObject);

impl Noted {
    /// Notes a loop. It must outlive what is returned, in the frame of a call of that loop.
    pub fn new(event_loop: &Py<PyAny>) -> Self {
        Self(NOTED.replace(event_loop.as_ptr()))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        NOTED.set(self.0);
    }
}
