//! Where a ticket waits, so that a request can be taken out of the middle of a queue.

use std::collections::BTreeSet;

use super::{ANYONES, FRESH, Former, OWN};
use crate::request::{Row, Ticket};

/// Where an entry is: its place in the slab, its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) at: u32,
    pub(super) bin: u16,
    pub(super) source: u16,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: u32::MAX, bin: 0, source: FRESH }
    }
}

/// Where the tickets are that entered last.
#[derive(Debug)]
pub(super) struct Places {
    /// At the ticket modulo their number; empty where nobody asks.
    last: Box<[Place]>,
    /// Tickets that waited when another one took their place; some may have left since.
    displaced: BTreeSet<Ticket>,
}

impl Places {
    /// For so many tickets, a power of two or 0.
    pub(super) fn new(tickets: usize) -> Self {
        let last = vec![Place::default(); tickets].into();
        Self { last, displaced: BTreeSet::new() }
    }
}

impl Former {
    #[inline]
    pub(super) fn remember(&mut self, ticket: Ticket, place: Place) {
        if self.places.last.is_empty() {
            return;
        }
        let modulo = self.places.last.len() - 1;
        let last = &mut self.places.last[ticket as usize & modulo];
        let old = std::mem::replace(last, place);
        // An entry that is somebody else's by now has a place of its own.
        if let Some(before) = self.slab.ticket(old.at)
            && before != ticket
            && (before ^ ticket) as usize & modulo == 0
        {
            self.displace(before);
        }
    }

    #[cold]
    fn displace(&mut self, ticket: Ticket) {
        let waiting = self.fresh.waiting + self.parked;
        if self.places.displaced.len() > 2 * waiting + 64 {
            let mut displaced = std::mem::take(&mut self.places.displaced);
            let waits: BTreeSet<Ticket> = self.entries().map(|(ticket, _)| ticket).collect();
            displaced.retain(|ticket| waits.contains(ticket));
            self.places.displaced = displaced;
        }
        self.places.displaced.insert(ticket);
    }

    /// Takes the request with this ticket out of its queue, if it waits in one. O(batch size) while
    /// its place is known: at least until as many requests have come since as there are places; then
    /// O(waiting), once.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Row> {
        let place = self.find(ticket)?;
        Some(self.unlink(place))
    }

    /// Takes a row out of the middle of its queue.
    pub(super) fn unlink(&mut self, Place { at, bin, source }: Place) -> Row {
        let bin = bin as usize;
        let full = self.full(bin);
        let slab = &mut self.slab;
        let bins = match source {
            FRESH => &mut self.fresh,
            ANYONES => &mut self.anyones,
            _ => {
                let mut own = self.own.values_mut();
                own.find(|own| own.queues[bin].contains(slab, at)).expect("its worker lives")
            }
        };
        self.removed += 1;
        self.parked -= usize::from(source != FRESH);
        let row = bins.edit(bin, |queue| queue.unlink(slab, at, full));
        if source == FRESH {
            self.update(bin);
        }
        row
    }

    fn find(&mut self, ticket: Ticket) -> Option<Place> {
        let place = self.places.last[ticket as usize & (self.places.last.len() - 1)];
        if self.slab.holds(place.at, ticket) {
            return Some(place);
        }
        let displaced = self.places.displaced.remove(&ticket);
        let mut entries = self.entries().filter(|_| displaced);
        entries.find(|&(other, _)| other == ticket).map(|(_, place)| place)
    }

    /// Everything that waits.
    fn entries(&self) -> impl Iterator<Item = (Ticket, Place)> {
        let own = self.own.values().map(|own| (OWN, own));
        let sources = own.chain([(ANYONES, &self.anyones), (FRESH, &self.fresh)]);
        sources.flat_map(move |(source, bins)| {
            bins.occupied().flat_map(move |(bin, queue)| {
                let place = move |at| Place { at, bin: bin as u16, source };
                queue.iter(&self.slab).map(move |(at, entry)| (entry.row.ticket, place(at)))
            })
        })
    }
}
