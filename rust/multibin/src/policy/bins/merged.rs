//! The queues of one bin as one, in the order of their ranks.

use super::super::batch_cost::FullRule;
use super::super::waiting::Slab;
use super::eligible::Eligible;
use super::queues::Queues;
use super::taker::{BinTaker, Taken};
use crate::request::Row;

/// The index of new requests among the sources.
const NEW: usize = 2;

/// The queues of one bin that a batch may take from, as one queue in the order of ranks.
///
/// [`Merged::finish`] keeps the counts.
#[must_use]
pub(crate) struct Merged<'a> {
    /// The worker's climbers, shared climbers, new requests.
    takers: [Option<BinTaker<'a>>; 3],
    parked: &'a mut usize,
    bin: usize,
    /// New requests that may still be taken.
    max_new: usize,
}

/// One of the merged queues.
#[derive(Clone, Copy)]
pub(crate) struct Source(usize);

impl Queues {
    /// Merges the queues of one bin that a batch may take from.
    pub(crate) fn merged(&mut self, eligible: Eligible, bin: usize) -> Merged<'_> {
        let pinned = eligible.worker.and_then(|worker| self.pinned.get_mut(&worker));
        let takers = [pinned, Some(&mut self.shared), Some(&mut self.new)]
            .map(|bins| bins.map(|bins| bins.taker(bin)));
        Merged { takers, parked: &mut self.parked, bin, max_new: eligible.max_new }
    }
}

impl Merged<'_> {
    /// Returns the queue whose head is the first, and the head's row.
    pub(crate) fn first<'s>(&self, slab: &'s Slab) -> Option<(Source, &'s Row)> {
        let shown = if self.max_new > 0 { &self.takers[..] } else { &self.takers[..NEW] };
        let queues = shown.iter().enumerate().filter_map(|(source, taker)| {
            let queue = taker.as_ref()?.queue_ref();
            Some((queue.head.rank_in_bin, queue.head.ticket, source, queue))
        });
        let (rank, _, source, queue) = queues.min_by_key(|&(rank, ticket, ..)| (rank, ticket))?;
        (rank != u64::MAX).then(|| (Source(source), &slab.entry(queue.first()).row))
    }

    /// Takes the head of a queue, which must not be empty.
    pub(crate) fn pop(&mut self, slab: &mut Slab, source: Source) -> Option<Row> {
        let row = self.takers[source.0].as_mut()?.queue().pop(slab);
        self.max_new -= usize::from(source.0 == NEW);
        Some(row)
    }

    /// Keeps the counts of all queues; returns what left.
    pub(crate) fn finish(self, slab: &Slab, full: FullRule) -> Taken {
        let mut all = Taken { bin: self.bin, new: 0, climbers: 0 };
        for taker in self.takers.into_iter().flatten() {
            let taken = taker.finish(slab, full);
            all.new += taken.new;
            all.climbers += taken.climbers;
        }
        *self.parked -= all.climbers;
        all
    }
}
