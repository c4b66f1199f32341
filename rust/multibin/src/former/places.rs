//! Where a ticket waits, so that a request can be taken out of the middle of a queue.

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

impl Former {
    #[inline]
    pub(super) fn remember(&mut self, ticket: Ticket, place: Place) {
        if !self.places.is_empty() {
            let modulo = self.places.len() - 1;
            self.places[ticket as usize & modulo] = place;
        }
    }

    /// Takes the request with this ticket out of its queue, if it waits in one. O(batch size) while
    /// its place is known: until as many requests have come since as there are places, at least;
    /// then O(waiting).
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

    fn find(&self, ticket: Ticket) -> Option<Place> {
        let place = self.places[ticket as usize & (self.places.len() - 1)];
        if self.slab.holds(place.at, ticket) { Some(place) } else { self.search(ticket) }
    }

    /// Looks at everything that waits.
    fn search(&self, ticket: Ticket) -> Option<Place> {
        let own = self.own.values().map(|own| (OWN, own));
        let mut sources = own.chain([(ANYONES, &self.anyones), (FRESH, &self.fresh)]);
        sources.find_map(|(source, bins)| {
            bins.occupied().find_map(|(bin, queue)| {
                let mut entries = queue.iter(&self.slab);
                let (at, _) = entries.find(|(_, entry)| entry.row.ticket == ticket)?;
                Some(Place { at, bin: bin as u16, source })
            })
        })
    }
}
