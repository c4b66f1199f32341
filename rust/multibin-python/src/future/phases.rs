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
        if !matches!(state.phase, Phase::Waiting(_)) {
            return None;
        }
        let before = std::mem::replace(&mut state.phase, Phase::Running);
        drop(state);
        match before {
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
            Phase::InLine(_) | Phase::Running => {}
            Phase::Done(_) | Phase::Failed(_) | Phase::Cancelled(_) => return false,
        }
        true
    }

    /// Lets a running request wait again, unless it is cancelled.
    pub fn wait_again(&self, py: Python<'_>, waiting: Waiting) -> bool {
        let mut state = self.lock(py);
        let runs = matches!(state.phase, Phase::Running);
        let waiting = if runs {
            state.phase = Phase::Waiting(waiting);
            None
        } else {
            Some(waiting)
        };
        drop(state);
        drop(waiting);
        runs
    }

    /// Lets the request wait in the scheduler, not in line; returns what `next` says of its entry.
    pub fn change_line<T>(
        &self,
        py: Python<'_>,
        next: impl FnOnce(&Entry) -> T,
    ) -> Option<(Owner, T)> {
        let mut state = self.lock(py);
        if !matches!(state.phase, Phase::InLine(_)) {
            return None;
        }
        let Phase::InLine(entry) = std::mem::replace(&mut state.phase, Phase::Running) else {
            return None;
        };
        let next = next(&entry);
        let Entry { owner, item, .. } = *entry;
        let kept = owner.clone_ref(py);
        state.phase = Phase::Waiting(Waiting { owner, item, ticket: None, slot: 0 });
        state.unpark();
        Some((kept, next))
    }
}
