//! What waits: one slab of entries, linked into a queue per bin. Knows order, not policy.

use std::collections::TryReserveError;

use crate::request::{Row, Ticket};

const NIL: u32 = u32::MAX;
/// In the place of a free entry's predecessor.
const FREE: u32 = u32::MAX - 1;

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// How many entries into queues came before this one: the clock of the rules.
    pub(crate) order: u64,
    /// Passed over once more than this many rows have been served.
    pub(crate) due: u64,
    next: u32,
    prev: u32,
}

impl Entry {
    pub(crate) fn new(row: Row, order: u64, due: u64) -> Self {
        Self { row, order, due, next: NIL, prev: NIL }
    }
}

/// Storage of all entries: reserved once, touched as far as requests ever waited, reused.
#[derive(Debug)]
pub(crate) struct Slab {
    entries: Vec<Entry>,
    /// Head of the list of free entries.
    free: u32,
}

impl Slab {
    /// Room for `capacity` entries, if there is so much memory.
    pub(crate) fn with_capacity(capacity: usize) -> Result<Self, TryReserveError> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(capacity)?;
        Ok(Self { entries, free: NIL })
    }

    #[inline]
    fn insert(&mut self, entry: Entry) -> u32 {
        if self.free == NIL {
            debug_assert!(self.entries.len() < self.entries.capacity());
            self.entries.push(entry);
            return (self.entries.len() - 1) as u32;
        }
        let at = self.free;
        let slot = &mut self.entries[at as usize];
        self.free = slot.next;
        *slot = entry;
        at
    }

    #[inline]
    fn remove(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        entry.next = self.free;
        entry.prev = FREE;
        self.free = at;
    }

    /// Whether the entry with this ticket is in a queue, at this place.
    pub(crate) fn holds(&self, at: u32, ticket: Ticket) -> bool {
        let entry = self.entries.get(at as usize);
        entry.is_some_and(|entry| entry.prev != FREE && entry.row.ticket == ticket)
    }

    /// The row of a live entry.
    #[inline]
    pub(crate) fn row(&self, at: u32) -> Row {
        self.entries[at as usize].row
    }
}

/// What the rules ask of a queue's head, copied here so that looking at all bins reads no entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) ticket: u64,
    pub(crate) order: u64,
    pub(crate) due: u64,
    pub(crate) entered: u64,
}

impl Head {
    /// Of an empty queue: later than every other in every order.
    pub(crate) const NONE: Self =
        Self { ticket: u64::MAX, order: u64::MAX, due: u64::MAX, entered: u64::MAX };
}

/// First in, first out; knows its `nth` entry (the one that completes a batch).
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) head: Head,
    /// `order` of the nth entry; `u64::MAX` while there are fewer.
    pub(crate) formed: u64,
    pub(crate) len: u32,
    first: u32,
    last: u32,
    nth: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self =
        Self { head: Head::NONE, formed: u64::MAX, len: 0, first: NIL, last: NIL, nth: NIL };

    /// Appends; `n` is the number of entries that complete a batch. Returns its place in the slab.
    #[inline]
    pub(crate) fn push(&mut self, slab: &mut Slab, entry: Entry, n: u32) -> u32 {
        let at = slab.insert(Entry { prev: self.last, ..entry });
        if self.len == 0 {
            self.first = at;
            self.head = head_of(&entry);
        } else {
            slab.entries[self.last as usize].next = at;
        }
        self.last = at;
        self.len += 1;
        if self.len == n {
            self.nth = at;
            self.formed = entry.order;
        }
        at
    }

    /// Takes the head. The queue must not be empty.
    #[inline]
    pub(crate) fn pop(&mut self, slab: &mut Slab) -> Row {
        let at = self.first;
        let Entry { row, next, .. } = slab.entries[at as usize];
        // Before the entry is freed: it may be the nth itself.
        if self.nth != NIL {
            self.nth = slab.entries[self.nth as usize].next;
            self.formed = slab.entries.get(self.nth as usize).map_or(u64::MAX, |e| e.order);
        }
        slab.remove(at);
        self.len -= 1;
        self.set_first(slab, next);
        row
    }

    /// The entry at `next`, if there is one, becomes the head.
    #[inline]
    fn set_first(&mut self, slab: &mut Slab, next: u32) {
        self.first = next;
        if let Some(entry) = slab.entries.get_mut(next as usize) {
            entry.prev = NIL;
            self.head = head_of(entry);
        } else {
            self.last = NIL;
            self.head = Head::NONE;
        }
    }

    /// Whether the live entry at `at` is in this queue. O(entries before it).
    pub(crate) fn contains(&self, slab: &Slab, mut at: u32) -> bool {
        while slab.entries[at as usize].prev != NIL {
            at = slab.entries[at as usize].prev;
        }
        at == self.first
    }

    /// Removes the entry at `at`, which must be in this queue; `n` as in `push`. O(n).
    pub(crate) fn unlink(&mut self, slab: &mut Slab, at: u32, n: u32) -> Row {
        let Entry { row, next, prev, .. } = slab.entries[at as usize];
        if prev == NIL {
            self.set_first(slab, next);
        } else {
            slab.entries[prev as usize].next = next;
            match slab.entries.get_mut(next as usize) {
                Some(entry) => entry.prev = prev,
                None => self.last = prev,
            }
        }
        slab.remove(at);
        self.len -= 1;
        self.find_nth(slab, n);
        row
    }

    /// Sets `nth` anew. O(n).
    pub(crate) fn find_nth(&mut self, slab: &Slab, n: u32) {
        let nth = self.iter(slab).nth(n as usize - 1);
        (self.nth, self.formed) = nth.map_or((NIL, u64::MAX), |(at, entry)| (at, entry.order));
    }

    /// Every entry with its place in the slab, first to last.
    pub(crate) fn iter<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry)> + use<'a> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let at = next;
            let entry = slab.entries.get(at as usize)?;
            next = entry.next;
            Some((at, entry))
        })
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        let mut at = std::mem::replace(self, Self::EMPTY).first;
        while at != NIL {
            let next = slab.entries[at as usize].next;
            slab.remove(at);
            at = next;
        }
    }

    /// Removes the entries that are not `kept`; the others stay in their order.
    pub(crate) fn retain(&mut self, slab: &mut Slab, n: u32, kept: impl Fn(&Entry) -> bool) {
        let mut at = std::mem::replace(self, Self::EMPTY).first;
        while at != NIL {
            let entry = slab.entries[at as usize];
            slab.remove(at);
            at = entry.next;
            if kept(&entry) {
                self.push(slab, Entry { next: NIL, ..entry }, n);
            }
        }
    }
}

#[inline]
fn head_of(entry: &Entry) -> Head {
    Head {
        ticket: entry.row.ticket,
        order: entry.order,
        due: entry.due,
        entered: entry.row.entered,
    }
}
