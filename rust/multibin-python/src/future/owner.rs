//! What keeps the request of a future, which knows it by two functions.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::class::Future;
use super::delivery::Delivery;
use super::state::Phase;

/// The object that keeps the request of a future.
pub struct Owner {
    object: Py<PyAny>,
    functions: &'static Functions,
}

/// What a future asks of its owner.
pub struct Functions {
    /// Refuses a call in a forked child.
    pub check: fn(&Bound<'_, PyAny>) -> PyResult<()>,
    /// Takes the request of a future that has ended back, by the phase before its end.
    pub withdraw: fn(Python<'_>, &Py<Future>, Phase, &mut Delivery),
}

impl Owner {
    pub fn new(object: Bound<'_, PyAny>, functions: &'static Functions) -> Self {
        Self { object: object.unbind(), functions }
    }

    pub fn object<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.object.bind(py)
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self { object: self.object.clone_ref(py), functions: self.functions }
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }
}

impl Phase {
    fn owner(&self) -> Option<&Owner> {
        match self {
            Self::InLine(entry) => Some(&entry.owner),
            Self::Waiting(waiting) => Some(&waiting.owner),
            Self::Running(owner) => Some(owner),
            _ => None,
        }
    }
}

impl Future {
    /// Refuses a call that waits for a request of another process, or changes it.
    pub fn check(&self, py: Python<'_>) -> PyResult<()> {
        let owner = self.lock(py).phase.owner().map(|owner| owner.clone_ref(py));
        owner.map_or(Ok(()), |owner| (owner.functions.check)(owner.object(py)))
    }

    /// Ends a future, unless it is over, and takes its request back; returns true if it ended.
    pub fn end_early(this: &Py<Self>, py: Python<'_>, end: Phase, delivery: &mut Delivery) -> bool {
        let Some(before) = Self::finish(this, py, end, delivery) else { return false };
        if let Some(functions) = before.owner().map(|owner| owner.functions) {
            (functions.withdraw)(py, this, before, delivery);
        }
        true
    }
}
