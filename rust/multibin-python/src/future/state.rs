//! What a future is doing.

use std::sync::Arc;
use std::time::Instant;

use multibin::{Options, Ticket};
use pyo3::prelude::*;

use super::callbacks::Callback;
use super::owner::Owner;
use super::park::Parked;
use crate::interpreter::calls;

/// The state of a future, under its lock.
pub struct State {
    pub phase: Phase,
    /// The first callback; most futures have one.
    pub callback: Option<Callback>,
    /// What few futures have.
    pub rare: Option<Box<Rare>>,
}

/// What few futures have.
#[derive(Default)]
pub struct Rare {
    /// The callbacks after the first.
    pub callbacks: Vec<Callback>,
    /// The threads that wait.
    pub parked: Vec<Arc<Parked>>,
    pub observed: Option<Observed>,
}

/// What `concurrent.futures.wait` and `as_completed` use.
pub struct Observed {
    pub condition: Py<PyAny>,
    pub waiters: Py<PyAny>,
}

pub enum Phase {
    /// The request stands in the line for room.
    InLine(Box<Entry>),
    /// A batch may take it.
    Waiting(Waiting),
    /// A batch took it.
    Running(Owner),
    Done(Py<PyAny>),
    Failed(Failure),
    /// With the message of the cancellation.
    Cancelled(Option<Py<PyAny>>),
}

/// A request that stands in the line for room.
pub struct Entry {
    pub owner: Owner,
    pub item: Py<PyAny>,
    pub request: Request,
    /// When it expires.
    pub deadline: Option<Instant>,
}

/// What the scheduler and the limit know of a request.
#[derive(Clone, Copy)]
pub struct Request {
    pub length: u32,
    pub options: Options,
}

impl Request {
    /// Returns what the limit counts.
    pub fn cost(&self) -> u32 {
        self.options.cost.unwrap_or(self.length)
    }
}

/// A request that waits in the scheduler.
pub struct Waiting {
    pub owner: Owner,
    pub item: Py<PyAny>,
    /// `None` until the scheduler has accepted it.
    pub ticket: Option<Ticket>,
    /// Its index in the slab of the inbox, and its key in the scheduler; known with the ticket.
    pub slot: u32,
}

/// An exception with the traceback that it had when it was set.
pub struct Failure {
    pub error: Py<PyAny>,
    pub traceback: Option<Py<PyAny>>,
}

impl Phase {
    /// Returns true if nothing follows.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_) | Self::Cancelled(_))
    }

    /// Drops it; the item may run Python code then.
    pub fn discard(self, py: Python<'_>) {
        match self {
            Self::InLine(entry) => calls::release(py, entry.item),
            Self::Waiting(waiting) => calls::release(py, waiting.item),
            _ => {}
        }
    }
}

impl State {
    pub fn new(phase: Phase) -> Self {
        Self { phase, callback: None, rare: None }
    }

    pub fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Wakes the threads that wait.
    pub fn unpark(&self) {
        self.rare.iter().flat_map(|rare| &rare.parked).for_each(|parked| parked.wake());
    }

    /// Takes all callbacks, in the order in which they were added.
    pub fn take_callbacks(&mut self) -> Vec<Callback> {
        let rest = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.callbacks));
        self.callback.take().into_iter().chain(rest.unwrap_or_default()).collect()
    }
}
