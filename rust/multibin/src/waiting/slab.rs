//! Storage of all entries: reserved once, touched as far as requests ever waited, reused.

use std::collections::TryReserveError;

use super::heap::Link;
use super::{Entry, NIL, Rank};
use crate::former::WorkerId;
use crate::request::{Row, Ticket};

/// Entries of a block: what one queue holds lies together, so that taking a batch reads memory in
/// order.
const BLOCK: u32 = 32;

/// Whose queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Of requests that have not started, for any worker.
    Fresh,
    /// Of climbers that any worker may take.
    Anyone,
    /// Of climbers that one worker may take.
    Worker(WorkerId),
}

/// The queue that entries are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) owner: Owner,
    pub(crate) bin: usize,
}

/// Neighbouring entries of one queue.
#[derive(Debug)]
struct Block {
    home: Home,
    /// The queue's next block, or the next free one.
    next: u32,
    /// The queue's block before, unless this is its first.
    prev: u32,
}

/// Entries by their places. A block holds several of a queue that is first in, first out, and one
/// of a heap.
#[derive(Debug)]
pub(crate) struct Slab {
    pub(super) entries: Vec<Entry>,
    blocks: Vec<Block>,
    /// Of heaps alone, by place.
    pub(super) links: Vec<Link>,
    rank: Rank,
    /// Head of the list of free blocks.
    free: u32,
    /// The entries of a block, a power of two, less one.
    mask: u32,
}

impl Slab {
    /// Room for `capacity` entries in as many `queues` as that, if there is so much memory. Entries
    /// that leave from the middle of a queue, and the queues of climbers, may need more: up to twice
    /// as many places as entries, and two blocks for each queue in which somebody waits.
    pub(crate) fn new(capacity: usize, queues: usize, rank: Rank) -> Result<Self, TryReserveError> {
        let block = if rank == Rank::Ticket { BLOCK } else { 1 };
        let blocks = capacity.div_ceil(block as usize);
        let blocks = if block > 1 { blocks + 2 * queues } else { blocks };
        let mut slab = Self {
            entries: Vec::new(),
            blocks: Vec::new(),
            links: Vec::new(),
            rank,
            free: NIL,
            mask: block - 1,
        };
        slab.entries.try_reserve_exact(blocks * block as usize)?;
        slab.blocks.try_reserve_exact(blocks)?;
        if slab.is_heap() {
            slab.links.try_reserve_exact(blocks)?;
        }
        Ok(slab)
    }

    #[inline]
    pub(super) fn is_heap(&self) -> bool {
        self.rank != Rank::Ticket
    }

    pub(super) fn rank(&self) -> Rank {
        self.rank
    }

    /// A free block for a queue: its first place.
    #[inline(never)]
    pub(super) fn first_place(&mut self, home: Home) -> u32 {
        let block = Block { home, next: NIL, prev: NIL };
        let at = self.free;
        if at == NIL {
            return self.grow(block);
        }
        let free = std::mem::replace(&mut self.blocks[at as usize], block);
        self.free = free.next;
        at * (self.mask + 1)
    }

    #[cold]
    fn grow(&mut self, block: Block) -> u32 {
        let at = self.entries.len();
        self.blocks.push(block);
        self.entries.resize(at + self.mask as usize + 1, Entry::LEFT);
        if self.is_heap() {
            self.links.push(Link::NONE);
        }
        at as u32
    }

    fn block(&self, at: u32) -> u32 {
        at / (self.mask + 1)
    }

    pub(super) fn same_block(&self, one: u32, other: u32) -> bool {
        self.block(one) == self.block(other)
    }

    /// The first place of the block that `at` is in.
    pub(super) fn start(&self, at: u32) -> u32 {
        at & !self.mask
    }

    /// How many places of its block follow `at`.
    pub(super) fn rest(&self, at: u32) -> u32 {
        !at & self.mask
    }

    /// The first place of the block after that of `at`, which is not its queue's last.
    pub(super) fn next_start(&self, at: u32) -> u32 {
        self.blocks[self.block(at) as usize].next * (self.mask + 1)
    }

    /// The place after `at`, which is not the queue's last.
    #[inline]
    pub(super) fn after(&self, at: u32) -> u32 {
        if self.rest(at) == 0 { self.next_start(at) } else { at + 1 }
    }

    /// The place for the entry after `at`, the queue's last.
    #[inline]
    pub(super) fn extend(&mut self, at: u32) -> u32 {
        if self.rest(at) > 0 { at + 1 } else { self.extend_by_block(at) }
    }

    #[inline(never)]
    fn extend_by_block(&mut self, at: u32) -> u32 {
        let block = self.block(at) as usize;
        let first = self.first_place(self.blocks[block].home);
        let next = self.block(first);
        self.blocks[block].next = next;
        self.blocks[next as usize].prev = block as u32;
        first
    }

    /// Frees the block of `at`, in which nothing waits; returns where the next one starts.
    #[inline]
    pub(super) fn free(&mut self, at: u32) -> u32 {
        let block = self.block(at);
        let next = std::mem::replace(&mut self.blocks[block as usize].next, self.free);
        self.free = block;
        next.wrapping_mul(self.mask + 1)
    }

    /// The place after `at`, the first of its queue and not the last, where nobody waits any more.
    #[inline]
    pub(super) fn leave_place(&mut self, at: u32) -> u32 {
        if self.rest(at) == 0 { self.free(at) } else { at + 1 }
    }

    /// Frees the block of `at`, neither its queue's first nor last, if nobody waits in it; how many
    /// places that is.
    pub(super) fn free_if_empty(&mut self, at: u32) -> u32 {
        let (start, places) = (self.start(at) as usize, self.mask + 1);
        if self.entries[start..][..places as usize].iter().any(Entry::waits) {
            return 0;
        }
        let Block { next, prev, .. } = self.blocks[self.block(at) as usize];
        self.blocks[prev as usize].next = next;
        self.blocks[next as usize].prev = prev;
        self.free(at);
        places
    }

    /// The entry at `at` leaves.
    #[inline]
    pub(super) fn take(&mut self, at: u32) -> Row {
        self.entries[at as usize].leave()
    }

    /// As many entries from `at` on leave.
    #[inline]
    pub(super) fn take_run(&mut self, at: u32, count: u32) -> impl ExactSizeIterator<Item = Row> {
        let run = &mut self.entries[at as usize..][..count as usize];
        run.iter_mut().map(Entry::leave)
    }

    #[inline]
    pub(super) fn waits(&self, at: u32) -> bool {
        self.entries[at as usize].waits()
    }

    /// Who waits at `at`, a place or none.
    #[inline]
    pub(crate) fn ticket(&self, at: u32) -> Option<Ticket> {
        let entry = self.entries.get(at as usize).filter(|entry| entry.waits());
        entry.map(|entry| entry.row.ticket)
    }

    /// Who waits at `at`.
    #[inline]
    pub(crate) fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    /// The queue that the entry at `at` waits in.
    pub(crate) fn home(&self, at: u32) -> Home {
        self.blocks[self.block(at) as usize].home
    }

    /// How many places there are.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn places(&self) -> usize {
        self.entries.len()
    }

    /// How many places are in free blocks.
    #[cfg(all(test, not(loom)))]
    pub(super) fn free_places(&self) -> usize {
        let some = |block: u32| Some(block).filter(|&block| block != NIL);
        let next = |&block: &u32| some(self.blocks[block as usize].next);
        std::iter::successors(some(self.free), next).count() * (self.mask as usize + 1)
    }
}
