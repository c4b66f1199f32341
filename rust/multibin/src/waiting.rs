//! What waits: one slab of entries, linked into a queue per bin. Knows order, not policy.

use std::collections::TryReserveError;

use crate::request::Row;

const NIL: u32 = u32::MAX;

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// How many entries into queues came before this one: the clock of the rules.
    pub(crate) order: u64,
    /// Passed over once more than this many rows have been served.
    pub(crate) due: u64,
    next: u32,
}

impl Entry {
    pub(crate) fn new(row: Row, order: u64, due: u64) -> Self {
        Self { row, order, due, next: NIL }
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
        self.entries[at as usize].next = self.free;
        self.free = at;
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

    /// Appends; `n` is the number of entries that complete a batch.
    #[inline]
    pub(crate) fn push(&mut self, slab: &mut Slab, entry: Entry, n: u32) {
        let at = slab.insert(entry);
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
        self.first = next;
        self.head = slab.entries.get(next as usize).map_or(Head::NONE, head_of);
        row
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

    /// Removes everything, in one step: the queue's links become the free list's.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        if self.len > 0 {
            slab.entries[self.last as usize].next = slab.free;
            slab.free = self.first;
            *self = Self::EMPTY;
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
