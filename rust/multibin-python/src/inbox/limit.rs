use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::convert::arguments::Count;
use crate::convert::named::whole;
use crate::convert::refusal::wrong_value;
use crate::convert::scalars::positive;
use crate::future::class::Future;

/// Bounds the requests that wait or run in the inboxes of one batcher.
///
/// Args:
///     capacity: the most requests.
///     max_cost: the most that they cost together; ``None``: any.
///
/// >>> from multibin._core import Limit
/// >>> Limit(8).items
/// 0
#[pyclass(frozen, weakref, module = "multibin._core")]
pub struct Limit {
    capacity: usize,
    pub max_cost: Option<u64>,
    room: Mutex<Room>,
}

#[derive(Default)]
pub struct Room {
    items: usize,
    cost: u64,
    /// The futures that wait for room, and what their requests cost.
    line: VecDeque<(Py<Future>, u32)>,
    /// The futures that wait for a batch, and some that are over, the oldest first.
    oldest: VecDeque<Py<Future>>,
    /// The number of `oldest` at which those that are over are removed.
    sweep: usize,
}

impl Limit {
    pub fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fits(&self, room: &Room, cost: u32) -> bool {
        let fits = |most| room.cost + u64::from(cost) <= most;
        room.items < self.capacity && self.max_cost.is_none_or(fits)
    }

    /// Takes room for a request, unless there is none or others wait for it.
    pub fn take(&self, cost: u32) -> bool {
        let mut room = self.lock();
        let taken = room.line.is_empty() && self.fits(&room, cost);
        if taken {
            room.add(cost);
        }
        taken
    }

    /// Gives the room of requests back.
    pub fn give(&self, items: usize, cost: u64) {
        let mut room = self.lock();
        room.items -= items;
        room.cost -= cost;
    }

    /// Returns how many requests wait or run.
    pub fn depth(&self) -> usize {
        self.lock().items
    }

    /// Puts a future at the end of the line.
    pub fn join(&self, future: Py<Future>, cost: u32) {
        self.lock().line.push_back((future, cost));
    }

    /// Takes a future off the line; returns true if it stood there.
    pub fn leave(&self, future: &Py<Future>) -> bool {
        let mut room = self.lock();
        let at = room.line.iter().position(|(one, _)| one.is(future));
        let left = at.and_then(|at| room.line.remove(at));
        drop(room);
        left.is_some()
    }

    /// Takes the head of the line and room for it, if there is both.
    pub fn next(&self) -> Option<(Py<Future>, u32)> {
        let mut room = self.lock();
        let &(_, cost) = room.line.front()?;
        if !self.fits(&room, cost) {
            return None;
        }
        room.add(cost);
        room.line.pop_front()
    }

    /// Returns the futures in the line.
    pub fn line(&self, py: Python<'_>) -> Vec<Py<Future>> {
        self.lock().line.iter().map(|(future, _)| future.clone_ref(py)).collect()
    }

    /// Notes that a request waits for a batch.
    pub fn note(&self, future: Py<Future>) {
        const SPARE: usize = 64;
        let mut room = self.lock();
        room.oldest.push_back(future);
        if room.oldest.len() < room.sweep.max(SPARE) {
            return;
        }
        let all = std::mem::take(&mut room.oldest);
        let (kept, over): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|future| future.get().is_waiting());
        room.sweep = 2 * kept.len() + SPARE;
        room.oldest = kept.into();
        drop(room);
        drop(over);
    }

    /// Takes the oldest future, which may be over.
    pub fn oldest(&self) -> Option<Py<Future>> {
        self.lock().oldest.pop_front()
    }
}

impl Room {
    fn add(&mut self, cost: u32) {
        self.items += 1;
        self.cost += u64::from(cost);
    }
}

#[pymethods]
impl Limit {
    #[new]
    #[pyo3(signature = (capacity: "int", max_cost = None))]
    fn new(
        #[pyo3(from_py_with = whole::capacity)] capacity: usize,
        max_cost: Option<Count<'_>>,
    ) -> PyResult<Self> {
        if capacity == 0 {
            return Err(crate::interpreter::errors::value("capacity must be at least 1, got 0"));
        }
        let max_cost: Option<u64> =
            max_cost.map(|given| positive(&given, "max_cost")).transpose()?;
        Ok(Self { capacity, max_cost, room: Mutex::default() })
    }

    /// The requests that wait or run.
    #[getter]
    fn items(&self) -> usize {
        self.lock().items
    }

    /// What they cost.
    #[getter]
    fn cost(&self) -> u64 {
        self.lock().cost
    }

    /// The requests that wait for room.
    #[getter]
    fn in_line(&self) -> usize {
        self.lock().line.len()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(room) = self.room.try_lock() else { return Ok(()) };
        for (future, _) in &room.line {
            visit.call(future)?;
        }
        room.oldest.iter().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        let mut room = self.lock();
        let (line, oldest) = (std::mem::take(&mut room.line), std::mem::take(&mut room.oldest));
        drop(room);
        drop((line, oldest));
    }
}

impl Limit {
    /// Refuses a request that costs more than all may.
    pub fn check(&self, py: Python<'_>, cost: u32) -> PyResult<()> {
        match self.max_cost {
            Some(most) if u64::from(cost) > most => {
                let cost = cost.into_pyobject(py)?.into_any();
                Err(wrong_value("cost", &format!("at most max_cost = {most}"), &cost))
            }
            _ => Ok(()),
        }
    }
}
