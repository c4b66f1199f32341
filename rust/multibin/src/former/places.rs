//! Where a ticket waits, so that a request can be taken out of the middle of a queue.

use std::collections::BTreeMap;

use super::Former;
use crate::request::{Row, Ticket};
use crate::waiting::{Owner, Slab};

/// Places in the slab, by ticket.
#[derive(Debug)]
pub(super) struct Places {
    /// At the ticket modulo their number, of who entered last; empty where nobody asks.
    last: Box<[u32]>,
    /// Of tickets that waited when another one took their position; some may have left since.
    displaced: BTreeMap<Ticket, u32>,
    /// When those who left are sought among them.
    most: usize,
}

impl Places {
    /// For so many tickets, a power of two or 0.
    pub(super) fn new(tickets: usize) -> Self {
        Self { last: vec![u32::MAX; tickets].into(), displaced: BTreeMap::new(), most: 64 }
    }

    /// `ticket` entered at `at`. O(1) but where it displaces one that still waits.
    #[inline]
    pub(super) fn remember(&mut self, slab: &Slab, ticket: Ticket, at: u32) {
        if self.last.is_empty() {
            return;
        }
        let position = self.position(ticket);
        let old = std::mem::replace(&mut self.last[position], at);
        // A place that is somebody else's by now has a position of its own.
        if let Some(before) = slab.ticket(old)
            && before != ticket
            && self.position(before) == position
        {
            self.displace(slab, before, old);
        }
    }

    /// Amortised O(log of how many there are), who are at most about twice as many as wait.
    #[cold]
    fn displace(&mut self, slab: &Slab, ticket: Ticket, at: u32) {
        if self.displaced.len() >= self.most {
            self.displaced.retain(|&ticket, &mut at| slab.holds(at, ticket));
            self.most = 2 * self.displaced.len() + 64;
        }
        self.displaced.insert(ticket, at);
    }

    #[inline]
    fn position(&self, ticket: Ticket) -> usize {
        ticket as usize & (self.last.len() - 1)
    }

    /// Where `ticket` waits. O(1) until as many requests have come since as there are positions; then
    /// O(log of those that it happened to).
    pub(super) fn find(&self, slab: &Slab, ticket: Ticket) -> Option<u32> {
        let last = self.last[self.position(ticket)];
        let displaced = || self.displaced.get(&ticket).copied();
        let holds = |at: &u32| slab.holds(*at, ticket);
        Some(last).filter(holds).or_else(|| displaced().filter(holds))
    }

    /// Who waited at `from` waits at `to`.
    pub(super) fn moved(&mut self, ticket: Ticket, from: u32, to: u32) {
        if self.last.is_empty() {
            return;
        }
        let position = self.position(ticket);
        if self.last[position] == from {
            self.last[position] = to;
        } else {
            self.displaced.insert(ticket, to);
        }
    }
}

impl Former {
    /// Takes the request with this ticket out of its queue, if it waits in one. Amortised O(1), with
    /// a budget O(batch size), in a heap O(log n).
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Row> {
        let at = self.places.find(&self.slab, ticket)?;
        Some(self.unlink(at))
    }

    /// Takes a row out of the middle of its queue.
    pub(super) fn unlink(&mut self, at: u32) -> Row {
        let home = self.slab.home(at);
        let full = self.full(home.bin);
        let slab = &mut self.slab;
        let bins = match home.owner {
            Owner::Fresh => &mut self.fresh,
            Owner::Anyone => &mut self.anyones,
            Owner::Worker(worker) => self.own.get_mut(&worker).expect("its worker lives"),
        };
        let row = bins.edit(home.bin, |queue| queue.unlink(slab, at));
        bins.close_holes(slab, home.bin, &mut self.places);
        bins.find_full(slab, home.bin, full);
        self.removed += 1;
        if home.owner == Owner::Fresh {
            self.update(home.bin);
        } else {
            self.parked -= 1;
        }
        row
    }
}
