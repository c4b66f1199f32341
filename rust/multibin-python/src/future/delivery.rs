//! Callbacks on their way to the event loops and threads that call them.

use std::sync::Arc;

use pyo3::prelude::*;

use super::callbacks::Callback;
use super::class::Future;
use super::running::running_loop;
use super::turn::{Due, Turn, Turns};
use crate::interpreter::{calls, hooks};

/// The callbacks of futures that ended together. Each loop gets one call for all of its own.
#[derive(Default)]
pub struct Delivery {
    groups: Vec<Group>,
    /// What no loop calls.
    direct: Vec<Due>,
    /// Counts the turns of other loops.
    turns: Option<Arc<Turns>>,
}

struct Group {
    event_loop: Py<PyAny>,
    due: Vec<Due>,
}

impl Delivery {
    /// Makes one whose turns are counted.
    pub fn counted(turns: &Arc<Turns>) -> Self {
        Self { turns: Some(Arc::clone(turns)), ..Self::default() }
    }

    pub fn add(&mut self, py: Python<'_>, callback: Callback, future: &Py<Future>) {
        let Callback { function, context, event_loop, is_wakeup } = callback;
        let due = Due { function, context, future: future.clone_ref(py), is_wakeup };
        match event_loop {
            Some(event_loop) => self.group(event_loop).push(due),
            None => self.direct.push(due),
        }
    }

    fn group(&mut self, event_loop: Py<PyAny>) -> &mut Vec<Due> {
        let found = self.groups.iter().rposition(|group| group.event_loop.is(&event_loop));
        let at = found.unwrap_or_else(|| {
            self.groups.push(Group { event_loop, due: Vec::new() });
            self.groups.len() - 1
        });
        &mut self.groups[at].due
    }

    /// Has the loops call the callbacks, and calls those that no loop calls.
    pub fn send(self, py: Python<'_>) {
        if !self.groups.is_empty() {
            let running = running_loop(py);
            for Group { event_loop, due } in self.groups {
                let here = running.as_ref().is_some_and(|running| running.is(&event_loop));
                let turns = if here { None } else { self.turns.as_ref() };
                post(py, Turn::new(event_loop, due, turns), here);
            }
        }
        for due in self.direct {
            due.call(py, None);
        }
    }
}

/// Has a loop call its callbacks. A failed call is tried again: the handler of a signal may have
/// raised, and a turn whose callbacks were called does nothing.
fn post(py: Python<'_>, turn: Turn, here: bool) {
    let event_loop = turn.event_loop.clone_ref(py);
    let posted = Bound::new(py, turn).and_then(|turn| {
        let once = |_: PyErr| hooks::post(py, (&event_loop, &turn, here));
        let first = hooks::post(py, (&event_loop, &turn, here));
        first.map_err(|error| {
            let again = once(error.clone_ref(py));
            again.map_or_else(|other| other, |_| error)
        })
    });
    if let Err(error) = posted {
        calls::report(py, error);
    }
}
