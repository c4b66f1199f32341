//! What a future shows to the garbage collector.

use pyo3::{PyTraverseError, PyVisit};

use super::state::{Phase, State};

impl State {
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.phase.traverse(visit)?;
        let rest = self.rare.iter().flat_map(|rare| &rare.callbacks);
        for callback in self.callback.iter().chain(rest) {
            visit.call(&callback.function)?;
            visit.call(&callback.context)?;
            visit.call(&callback.event_loop)?;
        }
        if let Some(observed) = self.rare.as_ref().and_then(|rare| rare.observed.as_ref()) {
            visit.call(&observed.condition)?;
            visit.call(&observed.waiters)?;
        }
        Ok(())
    }
}

impl Phase {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::InLine(entry) => {
                entry.owner.traverse(visit)?;
                visit.call(&entry.item)
            }
            Self::Waiting(waiting) => {
                waiting.owner.traverse(visit)?;
                visit.call(&waiting.item)
            }
            Self::Running(owner) => owner.traverse(visit),
            Self::Done(value) => visit.call(value),
            Self::Failed(failure) => {
                visit.call(&failure.error)?;
                visit.call(&failure.traceback)
            }
            Self::Cancelled(message) => visit.call(message),
        }
    }
}
