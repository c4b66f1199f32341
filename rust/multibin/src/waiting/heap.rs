//! Pairing heaps in the slab: the least rank is the root. Nothing is allocated.
//!
//! An entry's children are a list: the first one in `children`, the others by `next`. `prev` leads
//! to the sibling before, and from the first child to the parent.

use super::{NIL, Slab};

impl Slab {
    /// One heap of two, either of which may be `NIL`. O(1).
    pub(super) fn meld(&mut self, one: u32, other: u32) -> u32 {
        if one == NIL || other == NIL {
            return if one == NIL { other } else { one };
        }
        let (root, child) = if self.precedes(one, other) { (one, other) } else { (other, one) };
        let sibling = std::mem::replace(&mut self.children[root as usize], child);
        if let Some(sibling) = self.entries.get_mut(sibling as usize) {
            sibling.prev = child;
        }
        self.entries[child as usize].next = sibling;
        self.entries[child as usize].prev = root;
        self.entries[root as usize].next = NIL;
        self.entries[root as usize].prev = NIL;
        root
    }

    fn precedes(&self, one: u32, other: u32) -> bool {
        let key = |at| {
            let row = self.row(at);
            (self.rank.of(&row), row.ticket)
        };
        key(one) < key(other)
    }

    /// The heap without its root; the root's links are left as they are. O(log n) amortised.
    pub(super) fn without_root(&mut self, root: u32) -> u32 {
        let mut next = std::mem::replace(&mut self.children[root as usize], NIL);
        // Two by two, first to last; the pairs are a list by `next`, last to first.
        let mut pairs = NIL;
        while next != NIL {
            let (one, other) = (next, self.entries[next as usize].next);
            next = self.entries.get(other as usize).map_or(NIL, |entry| entry.next);
            let pair = self.meld(one, other);
            self.entries[pair as usize].next = pairs;
            pairs = pair;
        }
        let mut root = NIL;
        while pairs != NIL {
            let pair = pairs;
            pairs = self.entries[pair as usize].next;
            root = self.meld(root, pair);
        }
        root
    }

    /// The heap of `root` without the entry at `at`, which is another one in it.
    pub(super) fn without(&mut self, root: u32, at: u32) -> u32 {
        let (next, prev) = (self.entries[at as usize].next, self.entries[at as usize].prev);
        if self.children[prev as usize] == at {
            self.children[prev as usize] = next;
        } else {
            self.entries[prev as usize].next = next;
        }
        if let Some(next) = self.entries.get_mut(next as usize) {
            next.prev = prev;
        }
        let rest = self.without_root(at);
        self.meld(root, rest)
    }

    /// The entry after `at` in a walk through its heap: each one before its children.
    pub(super) fn following(&self, mut at: u32) -> u32 {
        if self.children[at as usize] != NIL {
            return self.children[at as usize];
        }
        while self.entries[at as usize].next == NIL {
            at = self.parent(at);
            if at == NIL {
                return NIL;
            }
        }
        self.entries[at as usize].next
    }

    fn parent(&self, mut at: u32) -> u32 {
        loop {
            let before = self.entries[at as usize].prev;
            if before == NIL || self.children[before as usize] == at {
                return before;
            }
            at = before;
        }
    }

    /// Takes a heap apart: its entries as a list by `next`, in any order.
    pub(super) fn as_list(&mut self, root: u32) -> u32 {
        let mut list = NIL;
        let mut heap = root;
        while heap != NIL {
            let rest = self.without_root(heap);
            self.entries[heap as usize].next = list;
            list = heap;
            heap = rest;
        }
        list
    }
}
