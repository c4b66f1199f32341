//! The thread that sees signals.

use std::ffi::c_ulong;
use std::sync::{Mutex, PoisonError};

use pyo3::ffi;

/// Its identity, which differs in a forked child.
static MAIN: Mutex<Option<c_ulong>> = Mutex::new(None);

/// Notes the thread that sees signals, by its number in `threading`.
pub fn set(thread: c_ulong) {
    *MAIN.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
}

/// Returns true if the calling thread sees signals; runs no bytecode.
pub fn is_current() -> bool {
    *MAIN.lock().unwrap_or_else(PoisonError::into_inner) == Some(this_thread())
}

/// Returns the calling thread's number in `threading`.
fn this_thread() -> c_ulong {
    // SAFETY: it looks at the calling thread and at nothing else.
    unsafe { ffi::PyThread_get_thread_ident() }
}
