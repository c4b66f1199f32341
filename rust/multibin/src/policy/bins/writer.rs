//! Entries enter a bin.

use super::super::batch_cost::FullRule;
use super::super::bit_set::BitSet;
use super::super::waiting::{BinQueue, Entry, Home, Slab};
use super::first_batch::FirstBatch;
use super::owned::Bins;

/// Adds entries to a bin. What all bins count is kept once it is dropped.
pub(crate) struct BinWriter<'a> {
    queue: &'a mut BinQueue,
    first_batch: Option<&'a mut FirstBatch>,
    waiting: &'a mut usize,
    occupied: &'a mut BitSet,
    home: Home,
    full: FullRule,
    /// Entries that waited before.
    before: u32,
}

impl BinWriter<'_> {
    /// Adds an entry; returns its position in the slab.
    #[expect(clippy::inline_always, reason = "an entry is not copied on its way into the slab")]
    #[inline(always)]
    pub(crate) fn push(&mut self, slab: &mut Slab, entry: Entry) -> u32 {
        let position = self.queue.push(slab, self.home, entry);
        if let Some(first_batch) = &mut self.first_batch {
            first_batch.add(slab.entry(position), self.queue.len, self.full);
        }
        position
    }
}

impl Drop for BinWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.waiting += (self.queue.len - self.before) as usize;
        if self.before == 0 && self.queue.len > 0 {
            self.occupied.insert(self.home.bin);
        }
    }
}

impl Bins {
    /// Returns a writer of one bin.
    #[inline]
    pub(super) fn writer(&mut self, bin: usize, full: FullRule) -> BinWriter<'_> {
        let queue = &mut self.queues[bin];
        BinWriter {
            before: queue.len,
            queue,
            first_batch: self.first_batches.get_mut(bin),
            waiting: &mut self.waiting,
            occupied: &mut self.occupied,
            home: Home { owner: self.owner, bin },
            full,
        }
    }
}
