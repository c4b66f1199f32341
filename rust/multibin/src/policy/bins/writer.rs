//! Entries enter a bin.

use super::super::batch_cost::FullRule;
use super::super::waiting::{BinQueue, Entry, Home, Slab};
use super::first_batch::FirstBatch;
use super::owned::Bins;

/// Adds entries to a bin, inside [`Bins::write`].
pub(crate) struct BinWriter<'a> {
    queue: &'a mut BinQueue,
    first_batch: Option<&'a mut FirstBatch>,
    home: Home,
    full: FullRule,
}

/// How many entries wait in a bin, before and after others entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) before: u32,
    pub(crate) after: u32,
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

impl Bins {
    /// Adds entries to one bin, by `write`, and keeps the counts of all bins.
    #[inline]
    pub(super) fn write<T>(
        &mut self,
        bin: usize,
        full: FullRule,
        write: impl FnOnce(BinWriter<'_>) -> T,
    ) -> (T, Written) {
        let queue = &mut self.queues[bin];
        let before = queue.len;
        let home = Home { owner: self.owner, bin };
        let first_batch = self.first_batches.get_mut(bin);
        let result = write(BinWriter { queue, first_batch, home, full });
        let after = self.queues[bin].len;
        self.waiting += (after - before) as usize;
        if before == 0 && after > 0 {
            self.occupied.insert(bin);
        }
        (result, Written { before, after })
    }
}
