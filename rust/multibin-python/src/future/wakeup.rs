//! The callback by which a task of asyncio waits for a future.
//!
//! A task that is woken asks its future whether there is an error, looks its method up by a new
//! string, and drops the result. Its coroutine then gets the result from the future itself. So the
//! callback of a task gets a finished future of asyncio in place of one that has a result.

use std::ffi::c_void;
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::interpreter::hooks;

/// The function behind that callback, once it is known.
static WAKEUP: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Returns true for the callback of a task.
pub fn is_wakeup(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: the thread is attached and the object lives through the calls. The second one gets
    // a function of C, as it must.
    let inner = unsafe {
        if ffi::PyCFunction_CheckExact(function.as_ptr()) == 0 {
            return Ok(false);
        }
        ffi::PyCFunction_GetFunction(function.as_ptr())
    };
    let Some(inner) = inner else { return Ok(false) };
    let inner = with_exposed_provenance_mut::<c_void>(inner as usize);
    // Relaxed: it is compared and not followed.
    let known = WAKEUP.load(Ordering::Relaxed);
    if known.is_null() && hooks::is_wakeup(function.py(), (function,))?.extract()? {
        WAKEUP.store(inner, Ordering::Relaxed);
        return Ok(true);
    }
    Ok(known == inner)
}
