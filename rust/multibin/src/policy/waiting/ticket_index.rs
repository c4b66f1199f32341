//! Finds the position at which a ticket waits, so that a request can leave from amid a queue.

use std::collections::{BTreeMap, TryReserveError};

use super::entry::Entry;
use crate::request::Ticket;

/// Buckets that are added at a time.
const STEP: usize = 1024;

/// Positions in the slab, by ticket: a table of buckets, which later tickets take over.
#[derive(Debug, Default)]
pub(super) struct TicketIndex {
    /// Requests are asked for by ticket; otherwise there are no buckets.
    enabled: bool,
    /// One less than the number of buckets, a power of two.
    mask: usize,
    /// By bucket, which is the ticket modulo their number: the position of the request that entered
    /// last. As long as the highest bucket in use: reserved memory is touched as far as it is used.
    last: Vec<u32>,
    /// A bit for each bucket: the request that entered last waits.
    waits: Vec<u64>,
    /// Tickets that wait although another one took over their bucket.
    collided: BTreeMap<Ticket, u32>,
}

impl TicketIndex {
    /// Makes an index for at least so many tickets at a time, or for none if it is 0.
    pub(super) fn new(tickets: usize) -> Result<Self, TryReserveError> {
        let mask = tickets.next_power_of_two() - 1;
        let (mut last, mut waits) = (Vec::new(), Vec::new());
        if tickets > 0 {
            last.try_reserve_exact((mask + 1).next_multiple_of(STEP))?;
            waits.try_reserve_exact((mask + 1).div_ceil(STEP) * (STEP / 64))?;
        }
        Ok(Self { enabled: tickets > 0, mask, last, waits, collided: BTreeMap::new() })
    }

    #[inline]
    fn bucket(&self, ticket: Ticket) -> usize {
        ticket as usize & self.mask
    }

    /// Adds `ticket`, which waits at `position` of the `entries`. O(1) unless it collides with one
    /// that still waits.
    #[inline]
    pub(super) fn insert(&mut self, entries: &[Entry], ticket: Ticket, position: u32) {
        let bucket = self.bucket(ticket);
        let Some(last) = self.last.get_mut(bucket) else {
            if self.enabled {
                self.grow(bucket, position);
            }
            return;
        };
        let before = std::mem::replace(last, position);
        let (waits, bit) = (&mut self.waits[bucket / 64], 1 << (bucket % 64));
        if *waits & bit != 0 {
            self.collide(entries, bucket, before);
        } else {
            *waits |= bit;
        }
    }

    /// Keeps the ticket that waits at `before` apart from its bucket, which another one took over.
    #[cold]
    fn collide(&mut self, entries: &[Entry], bucket: usize, before: u32) {
        let waiting = entries[before as usize].waiting_ticket();
        debug_assert!(waiting.is_some_and(|ticket| self.bucket(ticket) == bucket));
        self.collided.extend(waiting.map(|ticket| (ticket, before)));
    }

    /// Adds the buckets up to `bucket`, whose request waits at `position`.
    #[cold]
    fn grow(&mut self, bucket: usize, position: u32) {
        let buckets = (bucket + 1).next_multiple_of(STEP);
        self.last.resize(buckets, 0);
        self.waits.resize(buckets / 64, 0);
        self.last[bucket] = position;
        self.waits[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Removes `ticket`, which left its queue.
    #[inline]
    pub(super) fn remove(&mut self, ticket: Ticket) {
        if self.collided.is_empty() || !self.remove_collided(ticket) {
            self.clear(ticket);
        }
    }

    /// Removes `ticket` if it collided; returns true if it did.
    #[cold]
    fn remove_collided(&mut self, ticket: Ticket) -> bool {
        self.collided.remove(&ticket).is_some()
    }

    /// Removes the tickets of these entries, which left their queue.
    #[inline]
    pub(super) fn remove_all(&mut self, entries: &[Entry]) {
        if !self.enabled {
            return;
        }
        if self.collided.is_empty() {
            for entry in entries {
                self.clear(entry.row.ticket);
            }
        } else {
            for entry in entries {
                self.remove(entry.row.ticket);
            }
        }
    }

    /// Marks the bucket of `ticket` as free, if there is one.
    #[inline]
    fn clear(&mut self, ticket: Ticket) {
        let bucket = self.bucket(ticket);
        if let Some(waits) = self.waits.get_mut(bucket / 64) {
            *waits &= !(1 << (bucket % 64));
        }
    }

    /// Returns the position of `ticket`, if it waits. O(1) until as many requests have come since
    /// as there are buckets; then O(log of those that collided).
    pub(super) fn find(&self, entries: &[Entry], ticket: Ticket) -> Option<u32> {
        let waits_at = |position: u32| entries.get(position as usize)?.waiting_ticket();
        let last = self.last.get(self.bucket(ticket)).copied();
        let last = last.filter(|&position| waits_at(position) == Some(ticket));
        last.or_else(|| self.collided.get(&ticket).copied())
    }

    /// Records that the request of a ticket that waits moved to another position.
    pub(super) fn relocate(&mut self, ticket: Ticket, to: u32) {
        if !self.enabled {
            return;
        }
        // A bucket may name the position at which its last request waited, and another one now.
        if let Some(position) = self.collided.get_mut(&ticket) {
            *position = to;
        } else {
            let bucket = self.bucket(ticket);
            self.last[bucket] = to;
        }
    }

    /// Returns how many buckets there are at most.
    #[cfg(all(test, not(loom)))]
    pub(super) fn buckets(&self) -> u64 {
        self.mask as u64 + 1
    }
}
