use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::class::Inbox;
use super::submit::Given;
use crate::convert::arguments::Number;
use crate::convert::named::whole;
use crate::future::coroutine::Call;
use crate::future::running::running_loop;
use crate::interpreter::calls;
use crate::interpreter::cell::AttachedCell;

/// Is the base of a batcher: calling it submits to an inbox.
///
/// Until an inbox is attached, and outside the event loop that it is at home in, a call goes to the
/// method ``_start(item, options)``.
///
/// >>> from multibin._core import Caller
/// >>> class Shout(Caller):
/// ...     def _start(self, item, options):
/// ...         return item.upper(), options
/// >>> Shout()("text", priority=1)
/// ('TEXT', {'priority': 1})
#[pyclass(frozen, subclass, weakref, module = "multibin._core")]
pub struct Caller(AttachedCell<Option<Attached>>);

struct Attached {
    inbox: Py<Inbox>,
    home: Option<Py<PyAny>>,
}

impl Caller {
    /// Returns the inbox, unless a call must go to `_start`.
    fn inbox(&self, py: Python<'_>) -> Option<Py<Inbox>> {
        let place = self.0.lock(py);
        let attached = place.as_ref()?;
        let inbox = attached.inbox.clone_ref(py);
        let Some(home) = attached.home.as_ref().map(|home| home.clone_ref(py)) else {
            return Some(inbox);
        };
        drop(place);
        running_loop(py).is_some_and(|running| running.is(&home)).then_some(inbox)
    }
}

#[pymethods]
impl Caller {
    #[new]
    #[pyo3(signature = (*arguments: "object", **options: "object"))]
    fn new(arguments: &Bound<'_, PyTuple>, options: Option<&Bound<'_, PyDict>>) -> Self {
        let _ = (arguments, options);
        Self(AttachedCell::new(None))
    }

    /// Submits an item and returns its future, which is a coroutine too. ``Inbox.submit`` describes
    /// the arguments and the errors.
    #[pyo3(signature = (item, /, *, length = None, cost = None, priority: "int" = 0, ttl = None))]
    fn __call__<'py>(
        this: &Bound<'py, Self>,
        item: Bound<'py, PyAny>,
        length: Option<Number<'py>>,
        cost: Option<Number<'py>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let given = Given { length, cost, priority, ttl };
        let Some(inbox) = this.get().inbox(py) else { return start(this, item, given) };
        let future = Inbox::accept(inbox.bind(py), item.unbind(), given, None, Call::make)?;
        Ok(future.into_bound(py).into_any())
    }

    /// Lets calls submit to an inbox; with ``home``, only those in the thread of that event loop.
    #[pyo3(signature = (inbox, home = None))]
    fn _attach(&self, py: Python<'_>, inbox: Py<Inbox>, home: Option<Py<PyAny>>) {
        drop(self.0.replace(py, Some(Attached { inbox, home })));
    }

    /// Lets calls go to ``_start``.
    fn _detach(&self, py: Python<'_>) {
        drop(self.0.replace(py, None));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.traverse(|attached| {
            let Some(attached) = attached else { return Ok(()) };
            visit.call(&attached.inbox)?;
            visit.call(&attached.home)
        })
    }

    fn __clear__(&self) {
        drop(self.0.clear());
    }
}

/// Calls `_start` with the options that were given.
#[cold]
fn start<'py>(
    this: &Bound<'py, Caller>,
    item: Bound<'py, PyAny>,
    given: Given<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = PyDict::new(this.py());
    let named = [("length", given.length), ("cost", given.cost), ("ttl", given.ttl)];
    for (name, value) in named {
        if let Some(Number(value)) = value {
            options.set_item(name, value)?;
        }
    }
    if given.priority > 0 {
        options.set_item("priority", given.priority)?;
    }
    let start = this.getattr(intern!(this.py(), "_start"))?;
    calls::call(&start, (item, options))
}
