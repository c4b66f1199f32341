//! When the first waiting item expires, and the call that says so.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;

use super::class::Inbox;
use crate::future::state::Phase;
use crate::interpreter::calls;

/// The time of the next look at what expires; `None`: no look is due.
#[derive(Default)]
pub struct Watch(Mutex<Option<Instant>>);

impl Watch {
    fn replace(&self, change: impl FnOnce(Option<Instant>) -> Option<Instant>) -> Option<Instant> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *next;
        *next = change(before);
        before
    }

    /// Notes when an item expires; returns true if no earlier look is due.
    fn is_first(&self, deadline: Instant) -> bool {
        let earlier = |next: &Instant| *next <= deadline;
        let keep = |next: Option<Instant>| next.filter(earlier).or(Some(deadline));
        !self.replace(keep).is_some_and(|next| earlier(&next))
    }
}

impl Inbox {
    /// Has `when_ttl` called if an item expires before the next look.
    #[inline]
    pub fn note_deadline(&self, py: Python<'_>, deadline: Option<Instant>) {
        let (Some(deadline), Some(when)) = (deadline, self.when_ttl.as_ref()) else { return };
        if self.watch.is_first(deadline)
            && let Err(error) = calls::call(when.bind(py), ())
        {
            calls::report(py, error);
        }
    }

    /// Returns the seconds until the first waiting item expires; `None` if none will.
    pub fn next_look(this: &Bound<'_, Self>) -> Option<f64> {
        let (py, inbox) = (this.py(), this.get());
        // An item that comes from here on is noted as the first.
        inbox.watch.replace(|_| None);
        let line = Self::in_line(this, |_| true);
        let in_line = line.iter().filter_map(|future| match &future.get().lock(py).phase {
            Phase::InLine(entry) => entry.deadline,
            _ => None,
        });
        let waits = inbox.slab(py).first_deadline();
        let first = in_line.chain(waits).min()?;
        inbox.watch.replace(|noted| Some(noted.map_or(first, |noted| noted.min(first))));
        Some(first.saturating_duration_since(Instant::now()).as_secs_f64())
    }
}
