//! The queue of one bin: first in, first out, or a heap where ranks decide.

use super::{Entry, FREE, Head, NIL, Slab};
use crate::load::{Full, Load};
use crate::request::Row;

/// Knows its head and, first in first out, its `nth` entry (the one that completes a batch).
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) head: Head,
    /// `order` of the nth entry; `u64::MAX` while there are fewer, and in a heap.
    pub(crate) formed: u64,
    pub(crate) len: u32,
    /// In a heap the root.
    first: u32,
    /// Of all entries, while there is a budget and they are no batch.
    load: Load,
    /// Unused in a heap, like `nth`.
    last: u32,
    nth: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self {
        head: Head::NONE,
        formed: u64::MAX,
        len: 0,
        first: NIL,
        load: Load::EMPTY,
        last: NIL,
        nth: NIL,
    };

    /// Whether it holds a batch.
    #[inline]
    pub(crate) fn is_full(&self, full: Full) -> bool {
        self.len >= full.rows || self.formed != u64::MAX
    }

    /// The place of the head in the slab.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// Enters; returns its place in the slab. First in first out, nobody is due before those ahead, so
    /// that whoever is passed over leads or has a head that is, too.
    #[inline]
    pub(crate) fn push(&mut self, slab: &mut Slab, entry: Entry, full: Full) -> u32 {
        self.len += 1;
        if full.budget.is_some() && self.formed == u64::MAX {
            self.load = self.load.with(&entry.row);
            if !self.load.fits(full.budget) {
                self.formed = entry.order;
            }
        }
        if slab.is_heap() {
            let at = slab.insert(entry);
            let root = slab.meld(self.first, at);
            self.set_first(slab, root);
            return at;
        }
        let at = slab.insert(Entry { prev: self.last, ..entry });
        if self.last == NIL {
            self.set_first(slab, at);
        } else {
            let last = &mut slab.entries[self.last as usize];
            last.next = at;
            let due = last.due.max(entry.due);
            slab.entries[at as usize].due = due;
        }
        self.last = at;
        if self.len == full.rows && self.formed == u64::MAX {
            self.nth = at;
            self.formed = entry.order;
        }
        at
    }

    /// Takes the head. The queue must not be empty. With a budget `find_full` follows.
    #[inline]
    pub(crate) fn pop(&mut self, slab: &mut Slab) -> Row {
        let at = self.first;
        let Entry { row, next, .. } = slab.entries[at as usize];
        // Before the entry is freed: it may be the nth itself.
        if self.nth != NIL {
            self.nth = slab.entries[self.nth as usize].next;
            self.formed = slab.entries.get(self.nth as usize).map_or(u64::MAX, |e| e.order);
        }
        let next = if slab.is_heap() { slab.without_root(at) } else { next };
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
        } else {
            self.last = NIL;
        }
        self.head = slab.head(next);
    }

    /// Whether the live entry at `at` is in this queue. O(entries before it).
    pub(crate) fn contains(&self, slab: &Slab, mut at: u32) -> bool {
        while slab.entries[at as usize].prev != NIL {
            at = slab.entries[at as usize].prev;
        }
        at == self.first
    }

    /// Removes the entry at `at`, which must be in this queue. O(batch size), in a heap O(log of
    /// its length).
    pub(crate) fn unlink(&mut self, slab: &mut Slab, at: u32, full: Full) -> Row {
        if at == self.first && full.budget.is_none() {
            return self.pop(slab);
        }
        let row = if at == self.first { self.pop(slab) } else { self.cut(slab, at) };
        self.find_full(slab, full);
        row
    }

    /// Removes an entry that is not the head.
    fn cut(&mut self, slab: &mut Slab, at: u32) -> Row {
        let row = slab.row(at);
        if slab.is_heap() {
            let root = slab.without(self.first, at);
            self.set_first(slab, root);
        } else {
            let Entry { next, prev, .. } = slab.entries[at as usize];
            slab.entries[prev as usize].next = next;
            match slab.entries.get_mut(next as usize) {
                Some(entry) => entry.prev = prev,
                None => self.last = prev,
            }
        }
        slab.remove(at);
        self.len -= 1;
        row
    }

    /// Finds anew what completes a batch. O(batch size).
    pub(crate) fn find_full(&mut self, slab: &Slab, full: Full) {
        (self.nth, self.formed, self.load) = (NIL, u64::MAX, Load::EMPTY);
        if slab.is_heap() && full.budget.is_none() {
            return;
        }
        for (i, (at, entry)) in (1..=full.rows).zip(self.iter(slab)) {
            self.load = self.load.with(&entry.row);
            if !self.load.fits(full.budget) {
                self.formed = entry.order;
                return;
            }
            if i == full.rows && !slab.is_heap() {
                (self.nth, self.formed) = (at, entry.order);
            }
        }
    }

    /// Every entry with its place in the slab: first to last, in a heap in any order.
    pub(crate) fn iter<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry)> + use<'a> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let at = next;
            let entry = slab.entries.get(at as usize)?;
            next = if slab.is_heap() { slab.following(at) } else { entry.next };
            Some((at, entry))
        })
    }

    /// Empties the queue; its entries are a list by `next` then, from the place that is returned.
    fn detach(&mut self, slab: &mut Slab) -> u32 {
        let first = std::mem::replace(self, Self::EMPTY).first;
        if slab.is_heap() { slab.as_list(first) } else { first }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        let mut at = self.detach(slab);
        while at != NIL {
            let next = slab.entries[at as usize].next;
            slab.remove(at);
            at = next;
        }
    }

    /// Removes the entries that are not `kept`; the others stay in their order.
    pub(crate) fn retain(&mut self, slab: &mut Slab, full: Full, kept: impl Fn(&Entry) -> bool) {
        let mut at = self.detach(slab);
        while at != NIL {
            let entry = slab.entries[at as usize];
            debug_assert!(entry.prev != FREE);
            slab.remove(at);
            at = entry.next;
            if kept(&entry) {
                self.push(slab, Entry { next: NIL, prev: NIL, ..entry }, full);
            }
        }
    }
}
