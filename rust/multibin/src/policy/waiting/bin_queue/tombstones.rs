//! Holes, which entries leave that go from the middle of a queue, and how they are closed.

use super::super::slab::Slab;
use super::BinQueue;
use crate::request::Ticket;

impl BinQueue {
    /// After the entry at `at` left from the middle: its block is freed if it is empty, or becomes one
    /// with a neighbour if the entries of both fit in one. So two neighbouring blocks, but for the
    /// first and the last, hold more than one block of entries.
    pub(super) fn close(
        &mut self,
        slab: &mut Slab,
        at: u32,
        mut moved: impl FnMut(Ticket, u32, u32),
    ) {
        let (leads, ends) = (slab.same_block(at, self.first), slab.same_block(at, self.last));
        let freed = if leads || ends { 0 } else { slab.free_if_empty(at) };
        self.holes -= freed;
        if freed == 0 && (leads || !self.merge(slab, slab.prev_start(at), &mut moved)) && !ends {
            self.merge(slab, at, &mut moved);
        }
    }

    /// Moves the entries of the block of `at` and of the next one together, in order, if one block has
    /// room for them; whether it has.
    fn merge(
        &mut self,
        slab: &mut Slab,
        at: u32,
        moved: &mut impl FnMut(Ticket, u32, u32),
    ) -> bool {
        let leads = slab.same_block(at, self.first);
        let from = if leads { self.first } else { slab.start(at) };
        let (end, next) = (at + slab.rest(at), slab.next_start(at));
        let last = slab.same_block(next, self.last);
        let next_end = if last { self.last } else { next + slab.rest(next) };
        let places = || (from..=end).chain(next..=next_end);
        let waiting = places().filter(|&at| slab.waits(at)).count() as u32;
        let room = slab.rest(0) + 1;
        if waiting > room {
            return false;
        }
        let before = (end - from + 1) + (next_end - next + 1) - waiting;
        let mut to = slab.start(at);
        for from in places() {
            if slab.waits(from) {
                if from != to {
                    moved(slab.relocate(from, to), from, to);
                }
                to += 1;
            }
        }
        if leads {
            self.first = slab.start(at);
        }
        if last {
            self.last = to - 1;
        }
        self.holes -= before - if last { 0 } else { room - waiting };
        slab.free_next(at, last);
        true
    }

    /// Closes all holes of a queue that is first in, first out, and tells of every entry that moves.
    /// O(length + holes): for rule 1, where little waits.
    pub(crate) fn compact(&mut self, slab: &mut Slab, mut moved: impl FnMut(Ticket, u32, u32)) {
        if self.holes == 0 {
            return;
        }
        let (mut from, mut to) = (self.first, slab.start(self.first));
        self.first = to;
        for left in (0..self.len).rev() {
            while !slab.waits(from) {
                from = slab.after(from);
            }
            if from != to {
                moved(slab.relocate(from, to), from, to);
            }
            if left > 0 {
                (from, to) = (slab.after(from), slab.after(to));
            }
        }
        self.cut_after(slab, to);
        self.holes = 0;
    }

    /// Frees the blocks after that of `at`, which becomes the last place.
    fn cut_after(&mut self, slab: &mut Slab, at: u32) {
        if !slab.same_block(at, self.last) {
            let mut next = slab.next_start(at);
            while !slab.same_block(next, self.last) {
                next = slab.free(next);
            }
            slab.free(next);
        }
        self.last = at;
    }
}
