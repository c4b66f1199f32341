//! Storage of all entries: reserved once, touched as far as requests ever waited, reused.

use std::collections::TryReserveError;

use super::entry::{Entry, GONE, NIL, Rank};
use super::heap::{Heap, Item};
use crate::request::{Row, Ticket, WorkerId};

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
    rank: Rank,
    /// Of queues that are heaps, each by its number, and which of these numbers are free.
    heaps: Vec<Heap>,
    free_heaps: Vec<u32>,
    /// By place the index in its queue's heap.
    ranks: Vec<u32>,
    /// Places of entries that may expire, by deadline.
    deadlines: Heap,
    /// By place the index among these; `NIL`: the entry does not expire.
    expiries: Vec<u32>,
    /// Head of the list of free blocks.
    free: u32,
    /// The entries of a block, a power of two, less one.
    mask: u32,
    pub(super) touched: Touched,
}

/// Counts the entries and items of heaps that are read or moved, so that tests can bound them.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    #[cfg(all(test, not(loom)))]
    count: std::cell::Cell<u64>,
}

#[cfg(all(test, not(loom)))]
impl Touched {
    pub(crate) fn add(&self, more: u64) {
        self.count.set(self.count.get() + more);
    }

    /// How many since this was last asked.
    pub(crate) fn take(&self) -> u64 {
        self.count.take()
    }
}

#[cfg(not(all(test, not(loom))))]
impl Touched {
    #[expect(clippy::unused_self, reason = "it counts in tests alone")]
    #[inline]
    pub(crate) fn add(&self, _: u64) {}
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
            rank,
            heaps: Vec::new(),
            free_heaps: Vec::new(),
            ranks: Vec::new(),
            deadlines: Heap::default(),
            expiries: Vec::new(),
            free: NIL,
            mask: block - 1,
            touched: Touched::default(),
        };
        slab.entries.try_reserve_exact(blocks * block as usize)?;
        slab.blocks.try_reserve_exact(blocks)?;
        slab.expiries.try_reserve_exact(blocks * block as usize)?;
        if slab.is_heap() {
            slab.ranks.try_reserve_exact(blocks)?;
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
        let places = at + self.mask as usize + 1;
        self.entries.resize(places, Entry::LEFT);
        self.expiries.resize(places, NIL);
        if self.is_heap() {
            self.ranks.push(NIL);
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
        self.touched.add(u64::from(places));
        if self.entries[start..][..places as usize].iter().any(Entry::waits) {
            return 0;
        }
        let Block { next, prev, .. } = self.blocks[self.block(at) as usize];
        self.blocks[prev as usize].next = next;
        self.blocks[next as usize].prev = prev;
        self.free(at);
        places
    }

    /// The first place of the block before that of `at`, which is not its queue's first.
    pub(super) fn prev_start(&self, at: u32) -> u32 {
        self.blocks[self.block(at) as usize].prev * (self.mask + 1)
    }

    /// Frees the block after that of `at`, in which nothing waits; `last`: it is its queue's last.
    pub(super) fn free_next(&mut self, at: u32, last: bool) {
        let block = self.block(at);
        let next = self.blocks[block as usize].next;
        if !last {
            let after = self.blocks[next as usize].next;
            self.blocks[block as usize].next = after;
            self.blocks[after as usize].prev = block;
        }
        self.free(next * (self.mask + 1));
    }

    /// The entry at `from` goes to the free place `to`; returns its ticket.
    pub(super) fn relocate(&mut self, from: u32, to: u32) -> Ticket {
        let entry = self.entries[from as usize];
        self.touched.add(1);
        self.entries[from as usize].order = GONE;
        self.entries[to as usize] = entry;
        if self.expiries[from as usize] != NIL {
            self.deadlines.moved(from, to, &mut self.expiries);
        }
        entry.row.ticket
    }

    /// The entry at `at` leaves.
    #[inline]
    pub(super) fn take(&mut self, at: u32) -> Row {
        self.touched.add(1);
        let row = self.entries[at as usize].leave();
        if row.deadline != u64::MAX {
            self.forget_deadline(at);
        }
        row
    }

    /// As many entries from `at` on are served, and `due` becomes the greatest of theirs if it is
    /// less.
    #[inline]
    pub(super) fn take_run(
        &mut self,
        at: u32,
        count: u32,
        due: &mut u64,
    ) -> impl ExactSizeIterator<Item = Row> {
        self.touched.add(u64::from(count));
        if !self.deadlines.is_empty() {
            (at..at + count).for_each(|at| self.forget_deadline(at));
        }
        let run = &mut self.entries[at as usize..][..count as usize];
        // Apart from the copying, in which it would not be kept in a register.
        let mut greatest = *due;
        for entry in run.iter_mut() {
            greatest = greatest.max(entry.due);
            entry.order = GONE;
        }
        *due = greatest;
        run.iter().map(|entry| entry.row)
    }

    /// The entry at `at`, with a deadline, expires then unless it leaves before. O(log of those that
    /// have one).
    #[cold]
    pub(crate) fn expect(&mut self, at: u32) {
        let Row { ticket, deadline, .. } = self.entries[at as usize].row;
        let item = Item { key: deadline, ticket, at };
        self.deadlines.push(item, &mut self.expiries, &self.touched);
    }

    #[inline]
    fn forget_deadline(&mut self, at: u32) {
        if self.expiries[at as usize] != NIL {
            self.deadlines.remove(at, &mut self.expiries, &self.touched);
        }
    }

    /// The earliest deadline of those that wait, and the place of the entry.
    #[inline]
    pub(crate) fn first_deadline(&self) -> Option<(u64, u32)> {
        self.deadlines.first().map(|item| (item.key, item.at))
    }

    /// The number of an empty heap.
    pub(super) fn new_heap(&mut self) -> u32 {
        self.free_heaps.pop().unwrap_or_else(|| {
            self.heaps.push(Heap::default());
            self.heaps.len() as u32 - 1
        })
    }

    /// Gives up a heap that is empty.
    pub(super) fn free_heap(&mut self, heap: u32) {
        self.heaps[heap as usize] = Heap::default();
        self.free_heaps.push(heap);
    }

    pub(super) fn heap(&self, heap: u32) -> &Heap {
        &self.heaps[heap as usize]
    }

    /// The entry at `at` enters a heap. O(log of its length).
    pub(super) fn enter_heap(&mut self, heap: u32, at: u32) {
        let row = &self.entries[at as usize].row;
        let item = Item { key: self.rank.of(row), ticket: row.ticket, at };
        self.heaps[heap as usize].push(item, &mut self.ranks, &self.touched);
    }

    /// The entry at `at` leaves its heap. O(log of its length).
    pub(super) fn leave_heap(&mut self, heap: u32, at: u32) {
        self.heaps[heap as usize].remove(at, &mut self.ranks, &self.touched);
    }

    #[inline]
    pub(super) fn waits(&self, at: u32) -> bool {
        self.touched.add(1);
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
        self.touched.add(1);
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

    /// How many entries and items of heaps were read or moved since this was last asked.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn touched(&self) -> u64 {
        self.touched.take()
    }

    /// How many entries may expire.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn deadlines(&self) -> usize {
        self.expiries.iter().filter(|&&index| index != NIL).count()
    }

    /// How many places are in free blocks.
    #[cfg(all(test, not(loom)))]
    pub(super) fn free_places(&self) -> usize {
        let some = |block: u32| Some(block).filter(|&block| block != NIL);
        let next = |&block: &u32| some(self.blocks[block as usize].next);
        std::iter::successors(some(self.free), next).count() * (self.mask as usize + 1)
    }
}
