//! How a future ends, and what its caller gets.

use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::class::Future;
use super::delivery::Delivery;
use super::state::{Failure, Observed, Phase};
use crate::interpreter::{calls, errors, hooks};

/// How a future ended.
pub enum End {
    Value(Py<PyAny>),
    Error(Failure),
    Cancelled(Option<Py<PyAny>>),
}

impl Failure {
    /// Returns an exception with the traceback that it has.
    pub fn new(error: Bound<'_, PyAny>) -> Self {
        let py = error.py();
        let error = if error.is_instance_of::<PyStopIteration>() {
            hooks::no_stop(py, (&error,)).unwrap_or(error)
        } else {
            error
        };
        // SAFETY: the thread is attached and the object is an exception. The result is a new
        // reference, or null for none.
        let traceback = unsafe {
            Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetTraceback(error.as_ptr()))
        };
        Self { error: error.unbind(), traceback: traceback.map(Bound::unbind) }
    }

    pub fn from_error(py: Python<'_>, error: PyErr) -> Self {
        Self::new(error.into_value(py).into_bound(py).into_any())
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        let traceback = self.traceback.as_ref().map(|traceback| traceback.clone_ref(py));
        Self { error: self.error.clone_ref(py), traceback }
    }

    /// Returns the exception with the traceback that it had when it was set.
    pub fn restored(self, py: Python<'_>) -> Bound<'_, PyAny> {
        let error = self.error.into_bound(py);
        let traceback = self.traceback.unwrap_or_else(|| py.None());
        // SAFETY: the thread is attached. The objects are an exception and a traceback or `None`,
        // which the function checks; it keeps a reference of its own.
        unsafe { ffi::PyException_SetTraceback(error.as_ptr(), traceback.as_ptr()) };
        error
    }
}

impl End {
    /// Returns the result, or the error to raise.
    pub fn result(self, py: Python<'_>, in_loop: impl FnOnce() -> bool) -> PyResult<Py<PyAny>> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Error(failure) => Err(PyErr::from_value(failure.restored(py))),
            Self::Cancelled(message) => Err(errors::cancelled(message, in_loop())),
        }
    }
}

/// Raises `StopIteration` with a value, so that a coroutine continues with it.
pub fn stop(py: Python<'_>, value: Py<PyAny>) -> PyResult<Option<Py<PyAny>>> {
    let bound = value.bind(py);
    if bound.is_none() {
        return Ok(None);
    }
    if bound.is_instance_of::<PyTuple>() || bound.is_instance_of::<PyBaseException>() {
        // The interpreter would take these for arguments of the exception, and for the exception.
        return Err(PyStopIteration::new_err((value,)));
    }
    // SAFETY: the thread is attached; both objects live through the call, which keeps references
    // of its own. A null result with an exception set ends the iteration.
    unsafe { ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value.as_ptr()) };
    Ok(None)
}

impl Future {
    /// Returns how it ended, or `None`.
    pub fn end(&self, py: Python<'_>) -> Option<End> {
        match &self.lock(py).phase {
            Phase::Done(value) => Some(End::Value(value.clone_ref(py))),
            Phase::Failed(failure) => Some(End::Error(failure.clone_ref(py))),
            Phase::Cancelled(message) => {
                Some(End::Cancelled(message.as_ref().map(|message| message.clone_ref(py))))
            }
            _ => None,
        }
    }

    /// Ends the future, unless it is over. Returns the phase before; its callbacks go to the
    /// delivery.
    pub fn finish(
        this: &Py<Self>,
        py: Python<'_>,
        end: Phase,
        delivery: &mut Delivery,
    ) -> Option<Phase> {
        let mut state = this.get().lock(py);
        if state.phase.is_over() {
            drop(state);
            return None;
        }
        if state.rare.is_some() {
            drop(state);
            return Self::finish_rare(this, py, end, delivery);
        }
        let before = std::mem::replace(&mut state.phase, end);
        let callback = state.callback.take();
        drop(state);
        if let Some(callback) = callback {
            delivery.add(py, callback, this);
        }
        Some(before)
    }

    /// Ends a future that threads wait for, or that has many callbacks.
    #[cold]
    fn finish_rare(
        this: &Py<Self>,
        py: Python<'_>,
        end: Phase,
        delivery: &mut Delivery,
    ) -> Option<Phase> {
        let observed = this.get().observed(py);
        let acquired = observed.filter(|observed| {
            let acquired = hooks::acquire(py, (&observed.condition,));
            acquired.map_err(|error| calls::report(py, error)).is_ok()
        });
        let mut state = this.get().lock(py);
        if acquired.is_none() && state.rare.as_ref().is_some_and(|rare| rare.observed.is_some()) {
            // Another thread observes it since. A failed call to acquire is tried again too.
            drop(state);
            return Self::finish_rare(this, py, end, delivery);
        }
        let over = state.phase.is_over();
        let (before, callbacks) = if over {
            (None, Vec::new())
        } else {
            let before = std::mem::replace(&mut state.phase, end);
            state.unpark();
            (Some(before), state.take_callbacks())
        };
        drop(state);
        for callback in callbacks {
            delivery.add(py, callback, this);
        }
        if let Some(observed) = acquired {
            this.get().tell(py, this, &observed, over);
        }
        before
    }

    fn tell(&self, py: Python<'_>, this: &Py<Self>, observed: &Observed, over: bool) {
        let method = match &self.lock(py).phase {
            Phase::Done(_) => "add_result",
            Phase::Failed(_) => "add_exception",
            _ => "add_cancelled",
        };
        let none = pyo3::types::PyList::empty(py).into_any();
        let waiters = if over { &none } else { observed.waiters.bind(py) };
        let told = hooks::tell_waiters(py, (&observed.condition, waiters, this, method));
        if let Err(error) = told {
            calls::report(py, error);
        }
    }

    fn observed(&self, py: Python<'_>) -> Option<Observed> {
        let state = self.lock(py);
        let observed = state.rare.as_ref()?.observed.as_ref()?;
        let (condition, waiters) =
            (observed.condition.clone_ref(py), observed.waiters.clone_ref(py));
        Some(Observed { condition, waiters })
    }
}
