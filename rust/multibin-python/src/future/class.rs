use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyGenericAlias, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::callbacks::Callback;
use super::delivery::Delivery;
use super::end::{End, stop};
use super::running::running_loop;
use super::state::{Phase, State};
use super::wakeup::is_wakeup;
use crate::asyncio::awaitable::GENERATOR;
use crate::convert::arguments::Number;
use crate::convert::scalars::seconds;
use crate::interpreter::cell::{AttachedCell, Guard};
use crate::interpreter::{errors, hooks};

/// The future of a request, for threads and for event loops: ``await`` it in any loop, or ask for
/// its ``result`` in any thread.
///
/// It belongs to no event loop. A callback is called by the loop in whose thread it was added, or
/// by the thread that ends the future. ``asyncio`` and ``concurrent.futures`` take it for theirs.
///
/// >>> from multibin._core import Future, Inbox, Limit
/// >>> scheduler = Scheduler(Edges([0, 16]), 8)
/// >>> inbox = Inbox(scheduler, Limit(8), length=len)
/// >>> future = inbox.submit("text")
/// >>> with scheduler.worker().next_batch(0) as batch:
/// ...     inbox.take(batch).answer([1.5])
/// []
/// >>> future.result()
/// 1.5
#[pyclass(frozen, subclass, weakref, module = "multibin")]
pub struct Future {
    state: AttachedCell<State>,
    blocking: AtomicBool,
}

impl Future {
    pub fn new(phase: Phase) -> Self {
        Self { state: AttachedCell::new(State::new(phase)), blocking: AtomicBool::new(false) }
    }

    pub fn lock<'a>(&'a self, py: Python<'a>) -> Guard<'a, State> {
        self.state.lock(py)
    }

    /// Waits for the end in this thread, which must run no event loop.
    fn wait(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<End> {
        if running_loop(py).is_some() {
            return Err(errors::not_over());
        }
        self.check(py)?;
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        self.park(py, timeout, Phase::is_over)?;
        self.end(py).ok_or_else(errors::not_in_time)
    }

    fn end_within(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<End> {
        self.end(py).map_or_else(|| self.wait(py, timeout), Ok)
    }

    /// Returns the coroutine's next step: the future to wait for, or `StopIteration`.
    pub fn send<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        match this.get().end(py) {
            None => this.get().block(this),
            Some(end) => Err(PyStopIteration::new_err((end.result(py, || true)?,))),
        }
    }

    /// Tells the task that asks next to wait for this future.
    fn block<'py>(&self, this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        self.check(this.py())?;
        // Relaxed: the task that it is for runs in this thread.
        self.blocking.store(true, Ordering::Relaxed);
        Ok(this.clone().into_any())
    }

    fn state_name(&self, py: Python<'_>) -> &'static str {
        match self.lock(py).phase {
            Phase::InLine(_) | Phase::Waiting(_) => "PENDING",
            Phase::Running(_) => "RUNNING",
            Phase::Done(_) | Phase::Failed(_) => "FINISHED",
            Phase::Cancelled(_) => "CANCELLED_AND_NOTIFIED",
        }
    }
}

#[pymethods]
impl Future {
    /// Returns the result, or raises the error. A thread without an event loop waits for it up to
    /// ``timeout`` seconds (``None``: without end), without the GIL.
    ///
    /// Raises:
    ///     TimeoutError: the time is over.
    ///     asyncio.InvalidStateError: it is not done, and this thread runs an event loop.
    ///     CancelledError: it was cancelled; asyncio's in an event loop, that of
    ///         ``concurrent.futures`` elsewhere.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.result(timeout=0)
    /// Traceback (most recent call last):
    /// TimeoutError: the future is not done within the timeout
    #[pyo3(signature = (timeout = None))]
    fn result(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Py<PyAny>> {
        self.end_within(py, timeout)?.result(py, || running_loop(py).is_some())
    }

    /// Returns the exception, or ``None`` for a result; waits and raises as ``result``.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.exception(timeout=0)
    /// Traceback (most recent call last):
    /// TimeoutError: the future is not done within the timeout
    #[pyo3(signature = (timeout = None))]
    fn exception(
        &self,
        py: Python<'_>,
        timeout: Option<Number<'_>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        match self.end_within(py, timeout)? {
            End::Error(failure) => Ok(Some(failure.restored(py).unbind())),
            end => end.result(py, || running_loop(py).is_some()).map(|_| None),
        }
    }

    /// Returns true if the future has a result or an error, or was cancelled.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.done()
    /// False
    fn done(&self, py: Python<'_>) -> bool {
        self.lock(py).phase.is_over()
    }

    /// Returns true if the future was cancelled.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.cancel(), future.cancelled()
    /// (True, True)
    pub fn cancelled(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).phase, Phase::Cancelled(_))
    }

    /// Returns true while a batch that has the request runs.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.running()
    /// False
    fn running(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).phase, Phase::Running(_))
    }

    /// Cancels the request: its room is free at once if no batch has taken it; else its result is
    /// discarded. Returns false if the future is done.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.cancel(), future.cancel()
    /// (True, False)
    #[pyo3(signature = (msg = None))]
    fn cancel(this: Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = this.py();
        let this = this.unbind();
        let mut delivery = Delivery::default();
        this.get().check(py)?;
        let cancelled = Self::end_early(&this, py, Phase::Cancelled(msg), &mut delivery);
        delivery.send(py);
        Ok(cancelled)
    }

    /// Calls ``fn(future)`` when the future is done: in the running loop of this thread, in
    /// ``context`` (``None``: a copy of the current one). Without a running loop, the thread that
    /// ends the future calls it.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.add_done_callback(print)
    /// >>> future.cancel()
    /// <Future cancelled>
    /// True
    #[pyo3(signature = (r#fn, *, context = None))]
    fn add_done_callback(
        this: &Bound<'_, Self>,
        r#fn: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let py = this.py();
        this.get().check(py)?;
        let event_loop = running_loop(py).map(Bound::unbind);
        let context = match context {
            None if event_loop.is_some() => Some(hooks::copy_context(py, ())?.unbind()),
            given => given,
        };
        let is_wakeup = event_loop.is_some() && is_wakeup(r#fn.bind(py))?;
        let callback = Callback { function: r#fn, context, event_loop, is_wakeup };
        let mut state = this.get().lock(py);
        if !state.phase.is_over() {
            state.add(callback);
            return Ok(());
        }
        drop(state);
        let mut delivery = Delivery::default();
        delivery.add(py, callback, this.as_unbound());
        delivery.send(py);
        Ok(())
    }

    /// Removes the callbacks that equal ``fn``; returns how many.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.add_done_callback(print)
    /// >>> future.remove_done_callback(print)
    /// 1
    fn remove_done_callback(&self, py: Python<'_>, r#fn: Bound<'_, PyAny>) -> PyResult<usize> {
        let functions = self.lock(py).functions(py);
        let equal: Vec<bool> = hooks::equal_to(py, (&functions, r#fn))?.extract()?;
        let mut equal = equal.into_iter();
        let chosen: Vec<_> =
            functions.into_iter().filter(|_| equal.next().unwrap_or(false)).collect();
        let removed = self.lock(py).remove(&chosen);
        Ok(removed.len())
    }

    /// Returns the running event loop of this thread.
    ///
    /// >>> from multibin._core import Inbox, Limit
    /// >>> future = Inbox(Scheduler(Edges([0, 16]), 8), Limit(8)).submit("text")
    /// >>> future.get_loop()
    /// Traceback (most recent call last):
    /// RuntimeError: no running event loop
    #[allow(clippy::unused_self, reason = "asyncio asks the future")]
    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        running_loop(py).ok_or_else(|| PyRuntimeError::new_err("no running event loop"))
    }

    fn __await__(this: Py<Self>) -> Steps {
        Steps(this)
    }

    /// Returns the class with the type of its results.
    #[classmethod]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        results: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        PyGenericAlias::new(cls.py(), cls, results).map(Bound::into_any)
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Continues a task that awaits the future.
    fn __next__(this: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = this.py();
        match this.get().end(py) {
            None => Ok(Some(this.get().block(this)?.unbind())),
            Some(end) => stop(py, end.result(py, || true)?),
        }
    }

    /// What tells a task to wait for the future.
    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        // Relaxed: the task that reads it set it, in this thread.
        self.blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        // Relaxed: the task that reads it set it, in this thread.
        self.blocking.store(blocking, Ordering::Relaxed);
    }

    /// The state's name in ``concurrent.futures``.
    #[getter]
    fn _state(&self, py: Python<'_>) -> &'static str {
        self.state_name(py)
    }

    /// The condition that ``concurrent.futures`` acquires.
    #[getter]
    fn _condition(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.observe(py, |observed| observed.condition.clone_ref(py))
    }

    /// The waiters of ``concurrent.futures``.
    #[getter]
    fn _waiters(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.observe(py, |observed| observed.waiters.clone_ref(py))
    }

    /// The message of the cancellation.
    #[getter]
    fn _cancel_message(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.message(py)
    }

    /// Returns the exception of the cancellation, for asyncio.
    fn _make_cancelled_error(&self, py: Python<'_>) -> Py<PyAny> {
        errors::cancelled(self.message(py), true).into_value(py).into_any()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<Future {}>", self.state_name(py).split('_').next().unwrap_or("").to_lowercase())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.state.traverse(|state| state.traverse(&visit))
    }

    fn __clear__(&self) {
        let phase = Phase::Cancelled(None);
        drop(self.state.put(State::new(phase)));
    }
}

/// The iterator of `__await__`.
struct Steps(Py<Future>);

impl<'py> IntoPyObject<'py> for Steps {
    type Target = Future;
    type Output = Bound<'py, Future>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = GENERATOR;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(self.0.into_bound(py))
    }
}
