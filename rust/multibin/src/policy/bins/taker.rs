//! Entries leave a bin.

use super::super::batch_cost::FullRule;
use super::super::waiting::{BinQueue, Owner, Slab};
use super::owned::Bins;

/// Takes entries out of a bin. What all bins count is kept by [`BinTaker::finish`].
#[must_use]
pub(super) struct BinTaker<'a> {
    bins: &'a mut Bins,
    bin: usize,
    /// Entries that waited before.
    before: u32,
}

/// How many requests left a bin.
#[must_use = "`Former::settle` finds the head of the bin again"]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) bin: usize,
    /// Those that had not started.
    pub(crate) new: usize,
    pub(crate) climbers: usize,
}

impl BinTaker<'_> {
    #[inline]
    pub(super) fn queue(&mut self) -> &mut BinQueue {
        &mut self.bins.queues[self.bin]
    }

    #[inline]
    pub(super) fn queue_ref(&self) -> &BinQueue {
        &self.bins.queues[self.bin]
    }

    /// Keeps the counts of all bins, and finds the first batch of this one again.
    #[inline]
    pub(super) fn finish(self, slab: &Slab, full: FullRule) -> Taken {
        let Self { bins, bin, before } = self;
        let left = bins.queues[bin].len;
        let count = (before - left) as usize;
        bins.waiting -= count;
        if count > 0 {
            if left == 0 {
                bins.occupied.remove(bin);
                bins.forget_left_behind(bin);
            }
            bins.find_first_batch(slab, bin, full);
        }
        match bins.owner {
            Owner::New => Taken { bin, new: count, climbers: 0 },
            Owner::Shared | Owner::Pinned(_) => Taken { bin, new: 0, climbers: count },
        }
    }
}

impl Bins {
    /// Returns a taker of one bin.
    #[inline]
    pub(super) fn taker(&mut self, bin: usize) -> BinTaker<'_> {
        let before = self.queues[bin].len;
        BinTaker { bins: self, bin, before }
    }
}
