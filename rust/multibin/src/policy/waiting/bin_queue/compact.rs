//! Tombstones, which entries leave that go from the middle of a queue, and how they disappear.

use super::super::slab::Slab;
use super::BinQueue;

impl BinQueue {
    /// Tidies up around the entry at `at`, which left from the middle. An empty block is freed; one
    /// whose entries fit into a neighbour's block with the neighbour's is merged with it. So two
    /// neighbouring blocks, except the first and the last, hold more than one block of entries.
    pub(super) fn merge_around(&mut self, slab: &mut Slab, at: u32) {
        let in_first = slab.blocks.is_same(at, self.first);
        let in_last = slab.blocks.is_same(at, self.last);
        let freed = if in_first || in_last { 0 } else { slab.free_if_empty(at) };
        self.tombstones -= freed;
        if freed > 0 {
            return;
        }
        let merged = !in_first && self.merge(slab, slab.blocks.prev_start(at));
        if !merged && !in_last {
            self.merge(slab, at);
        }
    }

    /// Moves the entries of the block of `at` and of the next one together, in order, if they fit
    /// into one block. Returns true if they do.
    fn merge(&mut self, slab: &mut Slab, at: u32) -> bool {
        let blocks = &slab.blocks;
        let first = blocks.is_same(at, self.first);
        let from = if first { self.first } else { blocks.start(at) };
        let (end, next) = (at + blocks.rest(at), blocks.next_start(at));
        let last = blocks.is_same(next, self.last);
        let next_end = if last { self.last } else { next + blocks.rest(next) };
        let positions = || (from..=end).chain(next..=next_end);
        let waiting = positions().filter(|&at| slab.waits(at)).count() as u32;
        let room = blocks.size();
        if waiting > room {
            return false;
        }
        let before = (end - from + 1) + (next_end - next + 1) - waiting;
        let mut to = blocks.start(at);
        for from in positions() {
            if slab.waits(from) {
                if from != to {
                    slab.relocate(from, to);
                }
                to += 1;
            }
        }
        if first {
            self.first = slab.blocks.start(at);
        }
        if last {
            self.last = to - 1;
        }
        self.tombstones -= before - if last { 0 } else { room - waiting };
        slab.blocks.free_next(at, last);
        true
    }

    /// Moves the entries of a FIFO queue together, so that no tombstone is left. O(length +
    /// tombstones): for rule 1, where little waits.
    pub(super) fn compact(&mut self, slab: &mut Slab) {
        if self.tombstones == 0 {
            return;
        }
        let (mut from, mut to) = (self.first, slab.blocks.start(self.first));
        self.first = to;
        for left in (0..self.len).rev() {
            while !slab.waits(from) {
                from = slab.blocks.after(from);
            }
            if from != to {
                slab.relocate(from, to);
            }
            if left > 0 {
                (from, to) = (slab.blocks.after(from), slab.blocks.after(to));
            }
        }
        self.cut_after(slab, to);
        self.tombstones = 0;
    }

    /// Frees the blocks after that of `at`, which becomes the last position.
    fn cut_after(&mut self, slab: &mut Slab, at: u32) {
        if !slab.blocks.is_same(at, self.last) {
            let mut next = slab.blocks.next_start(at);
            while !slab.blocks.is_same(next, self.last) {
                next = slab.blocks.free(next);
            }
            slab.blocks.free(next);
        }
        self.last = at;
    }
}
