//! A future that is a coroutine too.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::class::Future;
use super::state::Phase;
use crate::interpreter::calls;

/// Is the future that a batched function returns: ``asyncio.create_task`` and ``asyncio.run`` take
/// it for a coroutine.
///
/// Like a coroutine, and unlike another ``Future``, it is refused by ``asyncio.wait``.
///
/// >>> import collections.abc
/// >>> from multibin._core import Call
/// >>> issubclass(Call, collections.abc.Coroutine)
/// True
#[pyclass(frozen, extends = Future, module = "multibin._core")]
pub struct Call;

impl Call {
    /// Makes the Python object.
    pub fn make(py: Python<'_>, phase: Phase) -> PyResult<Py<Future>> {
        let made = PyClassInitializer::from(Future::new(phase)).add_subclass(Self);
        Ok(Bound::new(py, made)?.into_super().unbind())
    }
}

#[pymethods]
impl Call {
    /// Continues the coroutine; ``value`` is not used.
    fn send<'py>(this: &Bound<'py, Self>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        Future::send(this.as_super())
    }

    /// Raises the thrown exception.
    #[allow(clippy::unused_self, reason = "the method of a coroutine")]
    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        let thrown = match value {
            None if kind.is_instance_of::<PyType>() => calls::call(&kind, ())?,
            given => given.unwrap_or(kind),
        };
        Err(PyErr::from_value(thrown))
    }

    /// Does nothing: the request stays.
    #[allow(clippy::unused_self, reason = "the method of a coroutine")]
    fn close(&self) {}
}
