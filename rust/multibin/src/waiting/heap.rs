//! Pairing heaps in the slab: the least rank is the root. Nothing is allocated.

use super::{NIL, Slab};

/// Where an entry is in its heap. Its children are a list: the first one, and the others by `next`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    /// The first child.
    child: u32,
    /// The next sibling.
    next: u32,
    /// The sibling before; of a first child the parent.
    prev: u32,
    /// The entry's, computed once.
    rank: u64,
}

impl Link {
    pub(super) const NONE: Self = Self { child: NIL, next: NIL, prev: NIL, rank: u64::MAX };
}

impl Slab {
    /// The heap of `root`, which may be `NIL`, with the new entry at `at`. O(1).
    #[inline(never)]
    pub(super) fn grown(&mut self, root: u32, at: u32) -> u32 {
        let rank = self.rank().of(&self.entry(at).row);
        self.links[at as usize] = Link { rank, ..Link::NONE };
        self.meld(root, at)
    }

    /// One heap of two, either of which may be `NIL`. O(1).
    fn meld(&mut self, one: u32, other: u32) -> u32 {
        if one == NIL || other == NIL {
            return if one == NIL { other } else { one };
        }
        let (root, child) = if self.precedes(one, other) { (one, other) } else { (other, one) };
        let sibling = std::mem::replace(&mut self.links[root as usize].child, child);
        if let Some(sibling) = self.links.get_mut(sibling as usize) {
            sibling.prev = child;
        }
        self.links[child as usize].next = sibling;
        self.links[child as usize].prev = root;
        self.links[root as usize].next = NIL;
        self.links[root as usize].prev = NIL;
        root
    }

    fn precedes(&self, one: u32, other: u32) -> bool {
        let rank = |at: u32| self.links[at as usize].rank;
        let ticket = |at| self.entry(at).row.ticket;
        let (one_rank, other_rank) = (rank(one), rank(other));
        one_rank < other_rank || one_rank == other_rank && ticket(one) < ticket(other)
    }

    /// The heap without its root; the root's links are left as they are. O(log n) amortised.
    pub(super) fn without_root(&mut self, root: u32) -> u32 {
        let mut next = std::mem::replace(&mut self.links[root as usize].child, NIL);
        // Two by two, first to last; the pairs are a list by `next`, last to first.
        let mut pairs = NIL;
        while next != NIL {
            let (one, other) = (next, self.links[next as usize].next);
            next = self.links.get(other as usize).map_or(NIL, |entry| entry.next);
            let pair = self.meld(one, other);
            self.links[pair as usize].next = pairs;
            pairs = pair;
        }
        let mut root = NIL;
        while pairs != NIL {
            let pair = pairs;
            pairs = self.links[pair as usize].next;
            root = self.meld(root, pair);
        }
        root
    }

    /// The heap of `root` without the entry at `at`, which is another one in it.
    pub(super) fn without(&mut self, root: u32, at: u32) -> u32 {
        let (next, prev) = (self.links[at as usize].next, self.links[at as usize].prev);
        if self.links[prev as usize].child == at {
            self.links[prev as usize].child = next;
        } else {
            self.links[prev as usize].next = next;
        }
        if let Some(next) = self.links.get_mut(next as usize) {
            next.prev = prev;
        }
        let rest = self.without_root(at);
        self.meld(root, rest)
    }

    /// The entry after `at` in a walk through its heap: each one before its children.
    pub(super) fn following(&self, mut at: u32) -> u32 {
        if self.links[at as usize].child != NIL {
            return self.links[at as usize].child;
        }
        while self.links[at as usize].next == NIL {
            at = self.parent(at);
            if at == NIL {
                return NIL;
            }
        }
        self.links[at as usize].next
    }

    fn parent(&self, mut at: u32) -> u32 {
        loop {
            let before = self.links[at as usize].prev;
            if before == NIL || self.links[before as usize].child == at {
                return before;
            }
            at = before;
        }
    }
}
