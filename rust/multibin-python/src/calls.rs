//! The one door from Rust to Python code.
//!
//! While the interpreter ends, `CPython` before 3.14 ends a daemon thread that wants the GIL back by
//! unwinding its stack. Rust's frames cannot be unwound that way: the process would abort. So each
//! call that may run bytecode goes through here, where such a thread stops for good, without the GIL
//! and without a lock, as it does in the functions of `PyO3` that take the GIL.

use std::ffi::{c_int, c_ulong, c_void};
use std::thread;

use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::hooks;

/// The functions of `CPython` that run bytecode, as functions that may be left by unwinding.
///
/// `PyO3` declares them without it, so that the compiler leaves out what unwinding needs, and one
/// declaration of a symbol stands for all. Hence they are called by their addresses, which are hidden
/// from the optimizer.
mod python {
    use std::ffi::c_int;
    use std::hint::black_box;
    use std::mem::transmute;

    use pyo3::ffi::{self, PyObject};

    macro_rules! functions {
        ($($name:ident: $function:ident($($argument:ty),*) $(-> $outcome:ty)?;)+) => {$(
            pub fn $name() -> unsafe extern "C-unwind" fn($($argument),*) $(-> $outcome)? {
                type Declared = unsafe extern "C" fn($($argument),*) $(-> $outcome)?;
                type Left = unsafe extern "C-unwind" fn($($argument),*) $(-> $outcome)?;
                // SAFETY: the two conventions differ in unwinding alone, and this one allows more.
                black_box(unsafe { transmute::<Declared, Left>(ffi::$function) })
            }
        )+};
    }

    functions! {
        call: PyObject_Call(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
        write_unraisable: PyErr_WriteUnraisable(*mut PyObject);
        as_double: PyFloat_AsDouble(*mut PyObject) -> f64;
        index: PyNumber_Index(*mut PyObject) -> *mut PyObject;
        dec_ref: Py_DecRef(*mut PyObject);
        make_pending_calls: Py_MakePendingCalls() -> c_int;
    }
}

/// Stops the thread for good when a stack is unwound through it.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
    }
}

/// Runs `call`; an unwinding that leaves it ends here.
fn guarded<T>(call: impl FnOnce() -> T) -> T {
    let hang = Hang;
    let outcome = call();
    std::mem::forget(hang);
    outcome
}

/// What a call takes: a tuple.
pub trait Arguments<'py> {
    fn into_tuple(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>>;
}

impl<'py, T> Arguments<'py> for T
where
    T: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
    T::Error: Into<PyErr>,
{
    fn into_tuple(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.into_pyobject(py).map_err(Into::into)
    }
}

/// Calls a Python object.
pub fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: impl Arguments<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let arguments = arguments.into_tuple(py)?;
    // SAFETY: the thread is attached, both objects live through the call, and the arguments are a
    // tuple. What comes back is a new reference, or null with an exception set.
    unsafe {
        let (callable, arguments) = (callable.as_ptr(), arguments.as_ptr());
        let outcome = guarded(|| python::call()(callable, arguments, std::ptr::null_mut()));
        Bound::from_owned_ptr_or_err(py, outcome)
    }
}

/// A float from what has `__float__` or `__index__`.
pub fn float(number: &Bound<'_, PyAny>) -> PyResult<f64> {
    // SAFETY: the thread is attached and the object lives through the call.
    let float = guarded(|| unsafe { python::as_double()(number.as_ptr()) });
    match float {
        -1.0 => PyErr::take(number.py()).map_or(Ok(float), Err),
        _ => Ok(float),
    }
}

/// An int from what has `__index__`.
pub fn index<'py>(number: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the thread is attached and the object lives through the call, which returns a new
    // reference, or null with an exception set.
    unsafe {
        let index = guarded(|| python::index()(number.as_ptr()));
        Bound::from_owned_ptr_or_err(number.py(), index)
    }
}

/// Lets go of an object that may take others with it.
pub fn release(py: Python<'_>, object: Py<PyAny>) {
    let object = object.into_bound(py).into_ptr();
    // SAFETY: the thread is attached, and the reference is given up here.
    guarded(|| unsafe { python::dec_ref()(object) });
}

/// This thread, as `threading` counts them.
pub fn thread() -> c_ulong {
    // SAFETY: it looks at the thread that calls it and at nothing else.
    unsafe { ffi::PyThread_get_thread_ident() }
}

/// In the main thread, calls the handlers of signals and raises what `report` left to be raised.
pub fn check_signals(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the thread is attached. Other than 0 stands for an exception that is set.
    match guarded(|| unsafe { python::make_pending_calls()() }) {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// Reports an error that no caller can be told of. What the main thread met that is no `Exception`
/// (Ctrl-C, or what the handler of a signal raised to end a program) is raised there again, as soon
/// as it runs bytecode; everything else goes to `sys.unraisablehook`.
pub fn report(py: Python<'_>, error: PyErr) {
    let raised = if !error.is_instance_of::<PyException>(py) && hooks::is_main_thread() {
        raise_soon(error)
    } else {
        Err(error)
    };
    if let Err(error) = raised {
        unraisable(py, error);
    }
}

/// Lets the main thread raise an exception; gives it back where too many wait for that.
fn raise_soon(error: PyErr) -> Result<(), PyErr> {
    let error = Box::into_raw(Box::new(error));
    // SAFETY: any thread may call it. The box is given up to the call, which happens once.
    if unsafe { ffi::Py_AddPendingCall(Some(raise), error.cast()) } == 0 {
        return Ok(());
    }
    // SAFETY: it was made above, and no call was added that it was given up to.
    Err(*unsafe { Box::from_raw(error) })
}

/// Raises a boxed exception.
extern "C" fn raise(error: *mut c_void) -> c_int {
    // SAFETY: `raise_soon` made it for this one call.
    let error = unsafe { Box::from_raw(error.cast::<PyErr>()) };
    // `None`: the interpreter ends.
    Python::try_attach(|py| error.restore(py)).map_or(0, |()| -1)
}

/// Hands an error to `sys.unraisablehook`.
fn unraisable(py: Python<'_>, error: PyErr) {
    error.restore(py);
    // SAFETY: the thread is attached and an exception is set; null stands for no object.
    guarded(|| unsafe { python::write_unraisable()(std::ptr::null_mut()) });
}

/// Runs `work` beside an exception that may be on its way, and reports what it raises.
pub fn aside(py: Python<'_>, work: impl FnOnce(Python<'_>) -> PyResult<()>) {
    let raised = PyErr::take(py);
    if let Err(error) = work(py) {
        report(py, error);
    }
    if let Some(raised) = raised {
        raised.restore(py);
    }
}
