//! From one phase of a future to the next, before its end.

use multibin::Ticket;
use pyo3::prelude::*;

use super::class::Future;
use super::owner::Owner;
use super::state::{Entry, Phase, Waiting};

impl Future {
    /// Marks the request as running; returns its item, unless the future is over.
    pub fn start(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let mut state = self.lock(py);
        let Phase::Waiting(waiting) = &mut state.phase else { return None };
        let owner = waiting.owner.clone_ref(py);
        match std::mem::replace(&mut state.phase, Phase::Running(owner)) {
            Phase::Waiting(waiting) => Some(waiting.item),
            _ => None,
        }
    }

    /// Returns the message of the cancellation.
    pub fn message(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.lock(py).phase {
            Phase::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
            _ => None,
        }
    }

    /// Returns true if the request waits for a batch.
    pub fn is_waiting(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).phase, Phase::Waiting(_))
    }

    pub fn has_result(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).phase, Phase::Done(_))
    }

    pub fn is_in_line(&self, py: Python<'_>) -> bool {
        matches!(self.lock(py).phase, Phase::InLine(_))
    }

    /// Notes where the request waits; returns false if the future is over.
    pub fn set_ticket(&self, py: Python<'_>, slot: u32, ticket: Ticket) -> bool {
        match &mut self.lock(py).phase {
            Phase::Waiting(waiting) => (waiting.slot, waiting.ticket) = (slot, Some(ticket)),
            Phase::InLine(_) | Phase::Running(_) => {}
            Phase::Done(_) | Phase::Failed(_) | Phase::Cancelled(_) => return false,
        }
        true
    }

    /// Lets a running request wait again, unless it is cancelled.
    pub fn wait_again(&self, py: Python<'_>, waiting: Waiting) -> bool {
        let mut state = self.lock(py);
        let runs = matches!(state.phase, Phase::Running(_));
        let spare = if runs {
            Ok(std::mem::replace(&mut state.phase, Phase::Waiting(waiting)))
        } else {
            Err(waiting)
        };
        drop(state);
        drop(spare);
        runs
    }

    /// Lets the request wait in the scheduler, not in line; returns what `next` says of its entry.
    pub fn change_line<T>(
        &self,
        py: Python<'_>,
        next: impl FnOnce(&Entry) -> T,
    ) -> Option<(Owner, T)> {
        let mut state = self.lock(py);
        let Phase::InLine(entry) = &state.phase else { return None };
        let (next, kept) = (next(entry), entry.owner.clone_ref(py));
        let running = Phase::Running(entry.owner.clone_ref(py));
        let Phase::InLine(entry) = std::mem::replace(&mut state.phase, running) else {
            return None;
        };
        let Entry { owner, item, .. } = *entry;
        state.phase = Phase::Waiting(Waiting { owner, item, ticket: None, slot: 0 });
        state.unpark();
        Some((kept, next))
    }
}
