//! The only calls from Rust that may run Python code.
//!
//! While the interpreter ends, `CPython` before 3.14 unwinds a daemon thread that asks for the GIL.
//! Rust's frames cannot be unwound that way: the process would abort. So each call that may run
//! bytecode goes through here, where such a thread parks forever, without the GIL and without a
//! lock. The functions of `PyO3` that take the GIL park it in the same way.

use std::ffi::{c_int, c_void};
use std::thread;

use pyo3::exceptions::PyException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::main_thread;

/// The functions of `CPython` that run bytecode, as functions that may unwind.
///
/// `PyO3` declares them as functions that never unwind. All declarations of a symbol count as one,
/// so the compiler would leave out what unwinding needs. Hence they are called by their addresses,
/// which are hidden from the optimizer.
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
                // SAFETY: the two conventions differ only in unwinding, and this one allows more.
                black_box(unsafe { transmute::<Declared, Left>(ffi::$function) })
            }
        )+};
    }

    /// Returns the function that calls with as many arguments as come before a null.
    pub fn call_with() -> unsafe extern "C-unwind" fn(*mut PyObject, ...) -> *mut PyObject {
        type Declared = unsafe extern "C" fn(*mut PyObject, ...) -> *mut PyObject;
        type Left = unsafe extern "C-unwind" fn(*mut PyObject, ...) -> *mut PyObject;
        // SAFETY: the two conventions differ only in unwinding, and this one allows more.
        black_box(unsafe { transmute::<Declared, Left>(ffi::PyObject_CallFunctionObjArgs) })
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

/// Parks the thread forever when the stack is unwound through it.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
    }
}

/// Runs `call`; parks the thread if it unwinds.
fn guarded<T>(call: impl FnOnce() -> T) -> T {
    let hang = Hang;
    let outcome = call();
    std::mem::forget(hang);
    outcome
}

/// The arguments of a call: a tuple.
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
    // tuple. The result is a new reference, or null with an exception set.
    unsafe {
        let (callable, arguments) = (callable.as_ptr(), arguments.as_ptr());
        let outcome = guarded(|| python::call()(callable, arguments, std::ptr::null_mut()));
        Bound::from_owned_ptr_or_err(py, outcome)
    }
}

/// Calls a Python object without arguments.
pub fn call_0<'py>(callable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let end = std::ptr::null_mut::<ffi::PyObject>();
    // SAFETY: the thread is attached and the object lives through the call. The result is a new
    // reference, or null with an exception set.
    unsafe {
        let outcome = guarded(|| python::call_with()(callable.as_ptr(), end));
        Bound::from_owned_ptr_or_err(callable.py(), outcome)
    }
}

/// Calls a Python object with one argument.
pub fn call_1<'py>(
    callable: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let end = std::ptr::null_mut::<ffi::PyObject>();
    // SAFETY: the thread is attached and the objects live through the call. The result is a new
    // reference, or null with an exception set.
    unsafe {
        let (function, argument) = (callable.as_ptr(), argument.as_ptr());
        let outcome = guarded(|| python::call_with()(function, argument, end));
        Bound::from_owned_ptr_or_err(callable.py(), outcome)
    }
}

/// Calls a Python object with three arguments.
pub fn call_3<'py>(
    callable: &Bound<'py, PyAny>,
    [first, second, third]: [&Bound<'py, PyAny>; 3],
) -> PyResult<Bound<'py, PyAny>> {
    let end = std::ptr::null_mut::<ffi::PyObject>();
    // SAFETY: the thread is attached and the objects live through the call. The result is a new
    // reference, or null with an exception set.
    unsafe {
        let (first, second, third) = (first.as_ptr(), second.as_ptr(), third.as_ptr());
        let function = callable.as_ptr();
        let outcome = guarded(|| python::call_with()(function, first, second, third, end));
        Bound::from_owned_ptr_or_err(callable.py(), outcome)
    }
}

/// Returns the float of an object with `__float__` or `__index__`.
pub fn float(number: &Bound<'_, PyAny>) -> PyResult<f64> {
    // SAFETY: the thread is attached and the object lives through the call.
    let float = guarded(|| unsafe { python::as_double()(number.as_ptr()) });
    match float {
        -1.0 => PyErr::take(number.py()).map_or(Ok(float), Err),
        _ => Ok(float),
    }
}

/// Returns the int of an object with `__index__`.
pub fn index<'py>(number: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the thread is attached and the object lives through the call, which returns a new
    // reference, or null with an exception set.
    unsafe {
        let index = guarded(|| python::index()(number.as_ptr()));
        Bound::from_owned_ptr_or_err(number.py(), index)
    }
}

/// Drops an object, which may drop others.
pub fn release(py: Python<'_>, object: Py<PyAny>) {
    let object = object.into_bound(py).into_ptr();
    // SAFETY: the thread is attached, and the reference is given up here.
    guarded(|| unsafe { python::dec_ref()(object) });
}

/// Calls the handlers of signals and raises the errors that [`report`] left, in the main thread.
pub fn check_signals(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the thread is attached. Anything except 0 means that an exception is set.
    match guarded(|| unsafe { python::make_pending_calls()() }) {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// Reports an error that no caller can receive.
///
/// An error of the main thread that is no `Exception` is raised there again, as soon as it runs
/// bytecode. It is Ctrl-C, or the handler of a signal raised it to end a program. Every other error
/// goes to `sys.unraisablehook`.
pub fn report(py: Python<'_>, error: PyErr) {
    let raised = if !error.is_instance_of::<PyException>(py) && main_thread::is_current() {
        raise_soon(error)
    } else {
        Err(error)
    };
    if let Err(error) = raised {
        unraisable(py, error);
    }
}

/// Has the main thread raise an exception; gives it back if too many wait for that.
fn raise_soon(error: PyErr) -> Result<(), PyErr> {
    let error = Box::into_raw(Box::new(error));
    // SAFETY: any thread may call it. The call owns the box and happens once.
    if unsafe { ffi::Py_AddPendingCall(Some(raise), error.cast()) } == 0 {
        return Ok(());
    }
    // SAFETY: it was made above, and no call was added that owns it.
    Err(*unsafe { Box::from_raw(error) })
}

/// Raises a boxed exception.
extern "C" fn raise(error: *mut c_void) -> c_int {
    // SAFETY: `raise_soon` made it for this one call.
    let error = unsafe { Box::from_raw(error.cast::<PyErr>()) };
    // `None` means that the interpreter ends.
    Python::try_attach(|py| error.restore(py)).map_or(0, |()| -1)
}

/// Hands an error to `sys.unraisablehook`.
fn unraisable(py: Python<'_>, error: PyErr) {
    error.restore(py);
    // SAFETY: the thread is attached and an exception is set; null stands for no object.
    guarded(|| unsafe { python::write_unraisable()(std::ptr::null_mut()) });
}

/// Runs `work` while another exception may be set, and reports the error of `work`.
pub fn aside(py: Python<'_>, work: impl FnOnce(Python<'_>) -> PyResult<()>) {
    let raised = PyErr::take(py);
    if let Err(error) = work(py) {
        report(py, error);
    }
    if let Some(raised) = raised {
        raised.restore(py);
    }
}
