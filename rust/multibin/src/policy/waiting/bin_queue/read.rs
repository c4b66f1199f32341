//! Reading the entries of a queue.

use super::super::entry::{Entry, GONE, NIL};
use super::super::slab::Slab;
use super::BinQueue;

impl BinQueue {
    /// Returns the position of the head in the slab.
    pub(crate) fn first(&self) -> u32 {
        self.first
    }

    /// Returns the sequence number of the `nth` entry of a FIFO queue. The first is 1, and there
    /// are so many.
    #[inline]
    pub(crate) fn sequence_of(&self, slab: &Slab, nth: u32) -> u64 {
        if self.tombstones > 0 {
            let entry = self.iter(slab).nth(nth as usize - 1);
            return entry.map_or(GONE, |(_, entry)| entry.sequence);
        }
        let (mut at, mut ahead) = (self.first, nth - 1);
        while ahead > slab.blocks.rest(at) {
            ahead -= slab.blocks.rest(at) + 1;
            at = slab.blocks.next_start(at);
        }
        slab.entry(at + ahead).sequence
    }

    /// Returns every entry with its position in the slab: first to last, in a heap in any order.
    pub(crate) fn iter<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry)> + use<'a> {
        let (heap, first, len) = (slab.is_heap().then_some(self.last), self.first, self.len);
        let mut last = NIL;
        (0..len).map(move |nth| {
            last = match heap {
                Some(heap) => slab.heap(heap).position(nth),
                None if nth == 0 => first,
                None => waiting_after(slab, last),
            };
            (last, slab.entry(last))
        })
    }

    /// Returns every entry with its position and the bypass bound that applies to it: first to
    /// last, in a heap in any order.
    pub(crate) fn with_bounds<'a>(
        &self,
        slab: &'a Slab,
    ) -> impl Iterator<Item = (u32, &'a Entry, u64)> + use<'a> {
        let (fifo, mut bound) = (!slab.is_heap(), self.bound_floor);
        self.iter(slab).map(move |(at, entry)| {
            bound = if fifo { bound.max(entry.bypass_bound) } else { entry.bypass_bound };
            (at, entry, bound)
        })
    }
}

/// Returns the position of the entry that waits next after `at` in a FIFO queue.
pub(super) fn waiting_after(slab: &Slab, mut at: u32) -> u32 {
    loop {
        at = slab.blocks.after(at);
        if slab.waits(at) {
            return at;
        }
    }
}

#[cfg(all(test, not(loom)))]
impl BinQueue {
    /// Returns the tombstones that were counted, and those that there are.
    pub(in super::super) fn tombstones(&self, slab: &Slab) -> (u32, u32) {
        if self.len == 0 || slab.is_heap() {
            return (self.tombstones, 0);
        }
        let next = |&at: &u32| (at != self.last).then(|| slab.blocks.after(at));
        let positions = std::iter::successors(Some(self.first), next);
        (self.tombstones, positions.filter(|&at| !slab.waits(at)).count() as u32)
    }

    /// Returns how many blocks there are from the first to the last.
    pub(in super::super) fn blocks(&self, slab: &Slab) -> usize {
        let blocks = &slab.blocks;
        let next = |&at: &u32| (!blocks.is_same(at, self.last)).then(|| blocks.next_start(at));
        std::iter::successors(Some(self.first), next).count()
    }
}
