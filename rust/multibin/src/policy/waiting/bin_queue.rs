//! The queue of one bin: first in, first out, or a heap where ranks decide.

mod compact;
mod pick;
mod read;
mod remove;

use super::entry::{Entry, Head, NIL};
use super::home::{Home, Owner};
use super::slab::Slab;
use crate::request::Row;

pub(crate) use pick::Picked;

/// The entries of one bin: a cache line of numbers, while the entries lie in the slab.
///
/// A FIFO queue chains blocks of the slab, with tombstones where entries left from the middle.
///
/// In a FIFO queue no entry's bypass bound is below the bound of an entry ahead of it. Nor is it
/// below the bound of an entry taken from the head since the queue was empty. So if any entry is
/// bypassed, the head is too. A cancelled entry leaves no trace.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct BinQueue {
    pub(crate) head: Head,
    /// The highest bypass bound of the entries that were taken from the head since the queue was
    /// empty; 0 in a heap.
    bound_floor: u64,
    /// The position of the head.
    first: u32,
    /// The position that was filled last; kept when the queue is empty, so that its block is used
    /// again. In a heap the heap's number.
    last: u32,
    pub(crate) len: u32,
    /// Unused in a heap.
    tombstones: u32,
}

impl BinQueue {
    pub(crate) const EMPTY: Self =
        Self { head: Head::NONE, bound_floor: 0, first: NIL, last: NIL, len: 0, tombstones: 0 };

    /// Adds an entry; returns its position. The entry is written once, without a copy on the way.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, slab: &mut Slab, home: Home, entry: Entry) -> u32 {
        if slab.is_heap() {
            let at = slab.first_position(home);
            slab.put(at, entry);
            self.push_to_heap(slab, at);
            return at;
        }
        let empty = self.len == 0;
        let at = match self.last {
            NIL => slab.first_position(home),
            last if empty => slab.blocks.start(last),
            last => slab.extend(last),
        };
        slab.put(at, entry);
        self.len += 1;
        self.last = at;
        if empty {
            self.set_head(slab, at);
        }
        at
    }

    #[inline(never)]
    fn push_to_heap(&mut self, slab: &mut Slab, at: u32) {
        if self.last == NIL {
            self.last = slab.new_heap();
        }
        slab.enter_heap(self.last, at);
        self.len += 1;
        self.find_head(slab);
    }

    #[inline]
    fn set_head(&mut self, slab: &Slab, at: u32) {
        let entry = slab.entry(at);
        self.first = at;
        let bypass_bound = self.bound_floor.max(entry.bypass_bound);
        self.head = Head::new(entry, bypass_bound, slab.ranking());
    }

    /// Finds the head again after the first entry changed. Keeps no blocks that an empty queue does
    /// not need.
    #[inline]
    fn find_head(&mut self, slab: &mut Slab) {
        if self.len == 0 {
            self.head = Head::NONE;
            self.bound_floor = 0;
            self.free_blocks(slab);
        } else if slab.is_heap() {
            self.set_head(slab, slab.heap(self.last).position(0));
        } else {
            self.set_head(slab, self.first);
        }
    }

    /// Takes the head. The queue must not be empty.
    #[inline]
    pub(crate) fn pop(&mut self, slab: &mut Slab) -> Row {
        let row = self.take_first(slab);
        self.find_head(slab);
        row
    }

    /// Takes the first `count` entries, of which there are so many.
    #[inline]
    pub(crate) fn take(&mut self, slab: &mut Slab, count: usize, rows: &mut Vec<Row>) {
        if count == 0 {
            return;
        }
        if self.tombstones > 0 || slab.is_heap() {
            rows.extend((0..count).map(|_| self.take_first(slab)));
        } else {
            self.take_runs(slab, count as u32, rows);
        }
        self.find_head(slab);
    }

    /// Takes from each block as many neighbouring entries as are asked for.
    #[inline]
    fn take_runs(&mut self, slab: &mut Slab, mut count: u32, rows: &mut Vec<Row>) {
        self.len -= count;
        while count > 0 {
            let run = count.min(slab.blocks.rest(self.first) + 1);
            rows.extend(slab.take_run(self.first, run, &mut self.bound_floor));
            self.first += run - 1;
            count -= run;
            if count > 0 || self.len > 0 {
                self.first = slab.blocks.leave(self.first);
            }
        }
    }

    /// Takes the first entry into a batch; [`BinQueue::find_head`] must follow.
    #[inline]
    fn take_first(&mut self, slab: &mut Slab) -> Row {
        if !slab.is_heap() {
            self.bound_floor = self.bound_floor.max(slab.entry(self.first).bypass_bound);
        }
        self.remove_first(slab)
    }

    /// Removes the first entry; [`BinQueue::find_head`] must follow.
    #[inline]
    fn remove_first(&mut self, slab: &mut Slab) -> Row {
        let at = self.first;
        let row = slab.take(at);
        self.len -= 1;
        if slab.is_heap() {
            slab.leave_heap(self.last, at);
            slab.blocks.free(at);
            self.first = slab.heap(self.last).first().map_or(NIL, |item| item.position);
        } else if self.len > 0 {
            self.skip_tombstones(slab);
        }
        row
    }

    /// Advances from the first position, which is vacant, to the next one at which an entry waits.
    #[inline]
    fn skip_tombstones(&mut self, slab: &mut Slab) {
        loop {
            let at = self.first;
            self.first = slab.blocks.leave(at);
            if slab.waits(self.first) {
                return;
            }
            self.tombstones -= 1;
        }
    }

    /// Frees all blocks of an empty queue except the last one. Of climbers, which may have many
    /// queues, that one too.
    #[inline]
    fn free_blocks(&mut self, slab: &mut Slab) {
        if self.last == NIL || slab.is_heap() {
            return;
        }
        self.tombstones = 0;
        while !slab.blocks.is_same(self.first, self.last) {
            self.first = slab.blocks.free(self.first);
        }
        if slab.home(self.last).owner != Owner::New {
            self.release(slab);
        }
    }

    /// Gives back all that an empty queue keeps.
    pub(crate) fn release(&mut self, slab: &mut Slab) {
        match self.last {
            NIL => {}
            heap if slab.is_heap() => slab.free_heap(heap),
            last => {
                slab.blocks.free(last);
            }
        }
        *self = Self::EMPTY;
    }
}
