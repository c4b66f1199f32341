use std::collections::{BTreeMap, VecDeque};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::counts::Counts;
use crate::convert::arguments::Count;
use crate::convert::named::whole;
use crate::convert::refusal::wrong_value;
use crate::convert::scalars::positive;
use crate::future::class::Future;
use crate::interpreter::cell::{AttachedCell, Guard};

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
    pub counts: Counts,
    room: AttachedCell<Room>,
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
    fn lock<'a>(&'a self, py: Python<'a>) -> Guard<'a, Room> {
        self.room.lock(py)
    }

    fn fits(&self, room: &Room, cost: u32) -> bool {
        let fits = |most| room.cost + u64::from(cost) <= most;
        room.items < self.capacity && self.max_cost.is_none_or(fits)
    }

    /// Takes room for a request, unless there is none or others wait for it.
    pub fn take(&self, py: Python<'_>, cost: u32) -> bool {
        let mut room = self.lock(py);
        let taken = room.line.is_empty() && self.fits(&room, cost);
        if taken {
            room.add(cost);
        }
        taken
    }

    /// Gives the room of requests back.
    pub fn give(&self, py: Python<'_>, items: usize, cost: u64) {
        let mut room = self.lock(py);
        room.items -= items;
        room.cost -= cost;
    }

    /// Returns how many requests wait or run.
    pub fn depth(&self, py: Python<'_>) -> usize {
        self.lock(py).items
    }

    /// Puts a future at the end of the line.
    pub fn join(&self, py: Python<'_>, future: Py<Future>, cost: u32) {
        self.lock(py).line.push_back((future, cost));
    }

    /// Takes a future off the line, if it stands there.
    pub fn leave(&self, py: Python<'_>, future: &Py<Future>) {
        let mut room = self.lock(py);
        let at = room.line.iter().position(|(one, _)| one.is(future));
        let left = at.and_then(|at| room.line.remove(at));
        drop(room);
        drop(left);
    }

    /// Takes the head of the line and room for it, if there is both.
    pub fn next(&self, py: Python<'_>) -> Option<(Py<Future>, u32)> {
        let mut room = self.lock(py);
        let &(_, cost) = room.line.front()?;
        if !self.fits(&room, cost) {
            return None;
        }
        room.add(cost);
        room.line.pop_front()
    }

    /// Returns the futures in the line.
    pub fn line(&self, py: Python<'_>) -> Vec<Py<Future>> {
        self.lock(py).line.iter().map(|(future, _)| future.clone_ref(py)).collect()
    }

    /// Notes that a request waits for a batch.
    pub fn note(&self, py: Python<'_>, future: Py<Future>) {
        const SPARE: usize = 64;
        let mut room = self.lock(py);
        room.oldest.push_back(future);
        if room.oldest.len() < room.sweep.max(SPARE) {
            return;
        }
        let all = std::mem::take(&mut room.oldest);
        let (kept, over): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|future| future.get().is_waiting(py));
        room.sweep = 2 * kept.len() + SPARE;
        room.oldest = kept.into();
        drop(room);
        drop(over);
    }

    /// Takes the oldest future, which may be over.
    pub fn oldest(&self, py: Python<'_>) -> Option<Py<Future>> {
        self.lock(py).oldest.pop_front()
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
        let room = AttachedCell::new(Room::default());
        Ok(Self { capacity, max_cost, counts: Counts::default(), room })
    }

    /// The requests that wait or run.
    #[getter]
    fn items(&self, py: Python<'_>) -> usize {
        self.lock(py).items
    }

    /// What they cost.
    #[getter]
    fn cost(&self, py: Python<'_>) -> u64 {
        self.lock(py).cost
    }

    /// How many requests were ``submitted`` so far, were ``answered``, ``failed``, ``cancelled`` or
    /// ``expired``, and were ``refused`` without room.
    #[getter]
    fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.named()
    }

    /// The requests that wait for room.
    #[getter]
    fn in_line(&self, py: Python<'_>) -> usize {
        self.lock(py).line.len()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.room.traverse(|room| {
            for (future, _) in &room.line {
                visit.call(future)?;
            }
            room.oldest.iter().try_for_each(|future| visit.call(future))
        })
    }

    fn __clear__(&self) {
        drop(self.room.clear());
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
