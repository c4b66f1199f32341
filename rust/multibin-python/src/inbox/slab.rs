//! The slots of an inbox: one for each request that its scheduler holds.

use pyo3::prelude::*;

use crate::future::class::Future;

#[derive(Default)]
pub struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

enum Slot {
    Free,
    /// A request that waits, and what it costs.
    Waits(Py<Future>, u32),
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
    pub fn insert(&mut self, future: Py<Future>, cost: u32) -> u32 {
        let slot = Slot::Waits(future, cost);
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
        let &mut Slot::Waits(_, cost) = slot else { return None };
        match std::mem::replace(slot, Slot::Leased(cost)) {
            Slot::Waits(future, _) => Some(future),
            Slot::Free | Slot::Leased(_) => None,
        }
    }

    /// Takes back the future of a request that waits again.
    pub fn wait_again(&mut self, at: u32, future: Py<Future>) {
        let slot = &mut self.slots[at as usize];
        if let Slot::Leased(cost) = *slot {
            *slot = Slot::Waits(future, cost);
        }
    }

    /// Frees a slot; returns what it held.
    pub fn remove(&mut self, at: u64) -> Option<Freed> {
        let slot = self.slots.get_mut(usize::try_from(at).ok()?)?;
        let freed = match std::mem::replace(slot, Slot::Free) {
            Slot::Free => return None,
            Slot::Waits(future, cost) => Freed { future: Some(future), cost },
            Slot::Leased(cost) => Freed { future: None, cost },
        };
        self.free.push(at as u32);
        Some(freed)
    }

    /// Returns the futures of the requests that wait.
    pub fn futures(&self) -> impl Iterator<Item = &Py<Future>> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Waits(future, _) => Some(future),
            Slot::Free | Slot::Leased(_) => None,
        })
    }
}
