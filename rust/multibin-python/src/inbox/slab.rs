//! The slots of an inbox: one for each request that its scheduler holds.

use std::time::Instant;

use pyo3::prelude::*;

use crate::future::class::Future;

#[derive(Default)]
pub struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The slots of requests that wait.
    waiting: usize,
}

enum Slot {
    Free,
    /// A request that waits, what it costs, and when it expires.
    Waits(Py<Future>, u32, Option<Instant>),
    /// A request in a batch, and what it costs.
    Leased(u32),
}

/// What a slot held: the future of a request that waited, and what the request cost.
pub struct Freed {
    pub future: Option<Py<Future>>,
    pub cost: u32,
}

impl Slab {
    /// Keeps the future of a request that waits; returns its slot.
    pub fn insert(&mut self, future: Py<Future>, cost: u32, deadline: Option<Instant>) -> u32 {
        let slot = Slot::Waits(future, cost, deadline);
        self.waiting += 1;
        if let Some(at) = self.free.pop() {
            self.slots[at as usize] = slot;
            return at;
        }
        self.slots.push(slot);
        self.slots.len() as u32 - 1
    }

    /// Hands the future of a request to its batch; the slot stays.
    pub fn lease(&mut self, at: u64) -> Option<Py<Future>> {
        let slot = self.slots.get_mut(usize::try_from(at).ok()?)?;
        let &mut Slot::Waits(_, cost, _) = slot else { return None };
        self.waiting -= 1;
        match std::mem::replace(slot, Slot::Leased(cost)) {
            Slot::Waits(future, ..) => Some(future),
            Slot::Free | Slot::Leased(_) => None,
        }
    }

    /// Takes back the future of a request that waits again.
    pub fn wait_again(&mut self, at: u32, future: Py<Future>) {
        let slot = &mut self.slots[at as usize];
        if let Slot::Leased(cost) = *slot {
            *slot = Slot::Waits(future, cost, None);
            self.waiting += 1;
        }
    }

    /// Frees a slot; returns what it held.
    pub fn remove(&mut self, at: u64) -> Option<Freed> {
        let slot = self.slots.get_mut(usize::try_from(at).ok()?)?;
        let freed = match std::mem::replace(slot, Slot::Free) {
            Slot::Free => return None,
            Slot::Waits(future, cost, _) => {
                self.waiting -= 1;
                Freed { future: Some(future), cost }
            }
            Slot::Leased(cost) => Freed { future: None, cost },
        };
        self.free.push(at as u32);
        Some(freed)
    }

    /// Returns the futures of the requests that wait.
    pub fn futures(&self) -> impl Iterator<Item = &Py<Future>> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Waits(future, ..) => Some(future),
            Slot::Free | Slot::Leased(_) => None,
        })
    }

    /// Returns how many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns how many requests wait or run.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns when the first request that waits expires.
    pub fn first_deadline(&self) -> Option<Instant> {
        let deadlines = self.slots.iter().filter_map(|slot| match slot {
            Slot::Waits(_, _, deadline) => *deadline,
            Slot::Free | Slot::Leased(_) => None,
        });
        deadlines.min()
    }
}
