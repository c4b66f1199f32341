//! Storage of all entries: reserved once, touched as far as requests ever waited, reused.

use std::collections::TryReserveError;

use super::blocks::Blocks;
use super::entry::{Entry, GONE, NIL};
use super::heap::{Heap, Item};
use super::home::Home;
use super::ranking::Ranking;
use super::ticket_index::TicketIndex;
use super::touched::Touched;
use crate::request::{Row, Ticket};

/// Entries of a block: what one queue holds lies together, so that taking a batch reads memory in
/// order.
const BLOCK: u32 = 32;

/// Entries by their positions. A block holds several entries of a FIFO queue, and one of a heap.
///
/// An entry that is put in or leaves also enters or leaves the ticket index and the deadlines.
#[derive(Debug)]
pub(crate) struct Slab {
    pub(super) entries: Vec<Entry>,
    pub(super) blocks: Blocks,
    ranking: Ranking,
    tickets: TicketIndex,
    /// Queues that are heaps, each by its number, and which of these numbers are free.
    heaps: Vec<Heap>,
    free_heaps: Vec<u32>,
    /// By position the index in its queue's heap.
    heap_indices: Vec<u32>,
    /// Positions of entries that may expire, by deadline.
    deadlines: Heap,
    /// By position the index among the deadlines; `NIL`: the entry does not expire.
    deadline_indices: Vec<u32>,
    pub(super) touched: Touched,
}

impl Slab {
    /// Reserves room for `capacity` entries in up to `queues` queues.
    ///
    /// Tombstones and the queues of climbers may need more. That is up to twice as many positions
    /// as entries, and two blocks for each queue that is not empty.
    pub(crate) fn new(
        capacity: usize,
        queues: usize,
        ranking: Ranking,
    ) -> Result<Self, TryReserveError> {
        let size = if ranking.is_fifo() { BLOCK } else { 1 };
        let blocks = capacity.div_ceil(size as usize);
        let blocks = if ranking.is_fifo() { blocks + 2 * queues } else { blocks };
        let mut slab = Self {
            entries: Vec::new(),
            blocks: Blocks::new(size),
            ranking,
            tickets: TicketIndex::default(),
            heaps: Vec::new(),
            free_heaps: Vec::new(),
            heap_indices: Vec::new(),
            deadlines: Heap::default(),
            deadline_indices: Vec::new(),
            touched: Touched::default(),
        };
        slab.entries.try_reserve_exact(blocks * size as usize)?;
        slab.blocks.reserve(blocks)?;
        slab.deadline_indices.try_reserve_exact(blocks * size as usize)?;
        if slab.is_heap() {
            slab.heap_indices.try_reserve_exact(blocks)?;
        }
        Ok(slab)
    }

    /// Lets requests be found by ticket: at least `tickets` at a time, or none if it is 0. Nothing
    /// waits yet.
    pub(crate) fn index_tickets(&mut self, tickets: usize) -> Result<(), TryReserveError> {
        self.tickets = TicketIndex::new(tickets)?;
        Ok(())
    }

    #[inline]
    pub(super) fn is_heap(&self) -> bool {
        !self.ranking.is_fifo()
    }

    pub(super) fn ranking(&self) -> Ranking {
        self.ranking
    }

    /// Returns the first position of a free block, which is given to a queue.
    #[inline(never)]
    pub(super) fn first_position(&mut self, home: Home) -> u32 {
        match self.blocks.reuse(home) {
            Some(position) => position,
            None => self.grow(home),
        }
    }

    #[cold]
    fn grow(&mut self, home: Home) -> u32 {
        let at = self.entries.len();
        self.blocks.add(home);
        let positions = at + self.blocks.size() as usize;
        self.entries.resize(positions, Entry::LEFT);
        self.deadline_indices.resize(positions, NIL);
        if self.is_heap() {
            self.heap_indices.push(NIL);
        }
        at as u32
    }

    /// Returns the position for the entry after `at`, the queue's last.
    #[inline]
    pub(super) fn extend(&mut self, at: u32) -> u32 {
        if self.blocks.rest(at) > 0 { at + 1 } else { self.extend_by_block(at) }
    }

    #[inline(never)]
    fn extend_by_block(&mut self, at: u32) -> u32 {
        let next = self.first_position(self.blocks.home(at));
        self.blocks.link(at, next);
        next
    }

    /// Frees the block of `at`, neither its queue's first nor last, if nothing waits in it; returns
    /// how many positions that is.
    pub(super) fn free_if_empty(&mut self, at: u32) -> u32 {
        let (start, size) = (self.blocks.start(at) as usize, self.blocks.size());
        self.touched.add(u64::from(size));
        if self.entries[start..][..size as usize].iter().any(Entry::waits) {
            return 0;
        }
        self.blocks.free_between(at);
        size
    }

    /// Puts an entry at a free position. Written once, without a copy on the way.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(super) fn put(&mut self, at: u32, entry: Entry) {
        self.entries[at as usize] = entry;
        self.tickets.insert(&self.entries, entry.row.ticket, at);
    }

    /// Moves the entry at `from` to the free position `to`.
    pub(super) fn relocate(&mut self, from: u32, to: u32) {
        let entry = self.entries[from as usize];
        self.touched.add(1);
        self.entries[from as usize].sequence = GONE;
        self.entries[to as usize] = entry;
        if self.deadline_indices[from as usize] != NIL {
            self.deadlines.relocate(from, to, &mut self.deadline_indices);
        }
        self.tickets.relocate(entry.row.ticket, to);
    }

    /// Takes out the entry at `at`, and its ticket out of the index. No ticket may enter between
    /// the two: tickets may share a position of the index.
    #[inline]
    pub(super) fn take(&mut self, at: u32) -> Row {
        self.touched.add(1);
        let row = self.entries[at as usize].leave();
        if row.deadline != u64::MAX {
            self.forget_deadline(at);
        }
        self.tickets.remove(row.ticket);
        row
    }

    /// Takes out `count` neighbouring entries from `at` on, and raises `bypass_bound` to the
    /// highest of theirs.
    #[inline]
    pub(super) fn take_run(
        &mut self,
        at: u32,
        count: u32,
        bypass_bound: &mut u64,
    ) -> impl ExactSizeIterator<Item = Row> {
        self.touched.add(u64::from(count));
        if !self.deadlines.is_empty() {
            (at..at + count).for_each(|at| self.forget_deadline(at));
        }
        let run = &mut self.entries[at as usize..][..count as usize];
        // Apart from the copying, in which it would not be kept in a register.
        let mut max = *bypass_bound;
        for entry in run.iter_mut() {
            max = max.max(entry.bypass_bound);
            entry.sequence = GONE;
        }
        *bypass_bound = max;
        self.tickets.remove_all(run);
        run.iter().map(|entry| entry.row)
    }

    /// Lets the entry at `at`, which has a deadline, expire then unless it leaves before. O(log of
    /// the entries with deadlines).
    #[cold]
    pub(crate) fn expect_deadline(&mut self, at: u32) {
        let Row { ticket, deadline, .. } = self.entries[at as usize].row;
        let item = Item { rank: deadline, ticket, position: at };
        self.deadlines.push(item, &mut self.deadline_indices, &self.touched);
    }

    #[inline]
    fn forget_deadline(&mut self, at: u32) {
        if self.deadline_indices[at as usize] != NIL {
            self.deadlines.remove(at, &mut self.deadline_indices, &self.touched);
        }
    }

    /// Returns the earliest deadline of the entries that wait, and the entry's position.
    #[inline]
    pub(crate) fn first_deadline(&self) -> Option<(u64, u32)> {
        self.deadlines.first().map(|item| (item.rank, item.position))
    }

    /// Returns the number of an empty heap.
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

    /// Adds the entry at `at` to a heap. O(log of its length).
    pub(super) fn enter_heap(&mut self, heap: u32, at: u32) {
        let row = &self.entries[at as usize].row;
        let item = Item { rank: self.ranking.rank(row), ticket: row.ticket, position: at };
        self.heaps[heap as usize].push(item, &mut self.heap_indices, &self.touched);
    }

    /// Removes the entry at `at` from its heap. O(log of its length).
    pub(super) fn leave_heap(&mut self, heap: u32, at: u32) {
        self.heaps[heap as usize].remove(at, &mut self.heap_indices, &self.touched);
    }

    /// Returns true if an entry waits at `at`.
    #[inline]
    pub(super) fn waits(&self, at: u32) -> bool {
        self.touched.add(1);
        self.entries[at as usize].waits()
    }

    /// Returns the entry that waits at `at`.
    #[inline]
    pub(crate) fn entry(&self, at: u32) -> &Entry {
        self.touched.add(1);
        &self.entries[at as usize]
    }

    /// Returns the queue that the entry at `at` waits in.
    pub(crate) fn home(&self, at: u32) -> Home {
        self.blocks.home(at)
    }

    /// Returns the position at which a ticket waits.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<u32> {
        self.tickets.find(&self.entries, ticket)
    }
}

#[cfg(all(test, not(loom)))]
impl Slab {
    /// Returns the ticket that waits at `at`, a position or none.
    pub(crate) fn ticket(&self, at: u32) -> Option<Ticket> {
        self.entries.get(at as usize)?.waiting_ticket()
    }

    /// Returns how many positions there are.
    pub(crate) fn positions(&self) -> usize {
        self.entries.len()
    }

    /// Returns how many entries and heap items were read or moved since the last call.
    pub(crate) fn touched(&self) -> u64 {
        self.touched.take()
    }

    /// Returns how many entries may expire.
    pub(crate) fn deadlines(&self) -> usize {
        self.deadline_indices.iter().filter(|&&index| index != NIL).count()
    }

    /// Returns how many buckets the ticket index has at most.
    pub(crate) fn buckets(&self) -> u64 {
        self.tickets.buckets()
    }
}
