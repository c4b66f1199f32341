//! Entries that leave from anywhere in a queue: cancelled, expired, or taken by rule 1.

use super::super::entry::Entry;
use super::super::slab::Slab;
use super::BinQueue;
use crate::request::Row;

impl BinQueue {
    /// Removes the entry at `at`, which must be in this queue, as if it had never entered.
    /// O(entries of a block), in a heap O(log of its length).
    pub(crate) fn unlink(&mut self, slab: &mut Slab, at: u32) -> Row {
        if at == self.first {
            let row = self.remove_first(slab);
            self.find_head(slab);
            return row;
        }
        self.len -= 1;
        let row = slab.take(at);
        if slab.is_heap() {
            slab.leave_heap(self.last, at);
            slab.blocks.free(at);
        } else {
            self.tombstones += 1;
            self.merge_around(slab, at);
        }
        row
    }

    /// Takes all entries.
    pub(crate) fn clear(&mut self, slab: &mut Slab) {
        while self.len > 0 {
            self.remove_first(slab);
        }
        self.find_head(slab);
    }

    /// Takes the entries that are not `kept`, a function of the entry and the bypass bound that
    /// applies to it, and leaves no tombstones. O(length + tombstones).
    pub(crate) fn retain(&mut self, slab: &mut Slab, kept: impl Fn(&Entry, u64) -> bool) {
        let taken: Vec<u32> = self
            .with_bounds(slab)
            .filter_map(|(at, entry, bound)| (!kept(entry, bound)).then_some(at))
            .collect();
        if slab.is_heap() {
            for at in taken {
                self.unlink(slab, at);
            }
        } else {
            self.take_all(slab, &taken);
            self.compact(slab);
        }
    }

    /// Takes the entries at these positions, in order, out of a FIFO queue. An entry that leaves
    /// from behind one that stays passes its bypass bound on to the next one that stays.
    fn take_all(&mut self, slab: &mut Slab, taken: &[u32]) {
        let mut taken = taken.iter().copied().peekable();
        while self.len > 0 && taken.next_if_eq(&self.first).is_some() {
            self.take_first(slab);
        }
        let (mut at, mut passed_on) = (self.first, 0);
        while taken.peek().is_some() || passed_on > 0 {
            if taken.next_if_eq(&at).is_some() {
                passed_on = slab.entry(at).bypass_bound.max(passed_on);
                slab.take(at);
                self.len -= 1;
                self.tombstones += 1;
            } else if slab.waits(at) {
                let bound = &mut slab.entries[at as usize].bypass_bound;
                *bound = (*bound).max(std::mem::take(&mut passed_on));
            }
            if at == self.last {
                break;
            }
            at = slab.blocks.after(at);
        }
        self.find_head(slab);
    }
}
