//! Fills a batch with rows from the leader's bin and from the nearest ones.

use super::batch_cost::BatchCost;
use super::bins::{Eligible, Taken};
use super::former::{Formed, Former};
use super::waiting::{BinQueue, Home, Owner, Slab};
use crate::config::Fill;
use crate::request::{Reason, Row};

/// A batch while rows join it.
struct Batch {
    rows: Vec<Row>,
    /// The most rows: of the bins so far the smallest batch.
    room: usize,
    /// The leader's bin.
    bin: usize,
    cost: BatchCost,
}

impl Former {
    /// Takes up to a batch from `bin`; elastic fill continues with the nearest bins, the lower of
    /// two first. The queue of a `leader` gives its head first, eligible or not.
    pub(super) fn fill(
        &mut self,
        leader: Option<Owner>,
        eligible: Eligible,
        bin: usize,
        reason: Reason,
    ) -> Formed {
        let (mut batch, eligible) = self.fill_alone(leader, eligible, bin);
        if self.rules.fill == Fill::Elastic {
            self.top_up(eligible, &mut batch);
        }
        let limit = self.limit(bin, &batch.rows);
        Formed::new(batch.rows, limit, bin, reason)
    }

    /// Takes up to a batch from `bin` alone, the head of the `leader`'s queue first.
    pub(super) fn fill_from_one(
        &mut self,
        leader: Option<Owner>,
        eligible: Eligible,
        bin: usize,
        reason: Reason,
    ) -> Formed {
        let (batch, _) = self.fill_alone(leader, eligible, bin);
        let limit = self.limit(bin, &batch.rows);
        Formed::new(batch.rows, limit, bin, reason)
    }

    /// Begins a batch with rows of `bin`; returns what is eligible beside them.
    fn fill_alone(
        &mut self,
        leader: Option<Owner>,
        eligible: Eligible,
        bin: usize,
    ) -> (Batch, Eligible) {
        let room = self.full.rows(bin);
        let available = self.queues.available(eligible) + usize::from(leader.is_some());
        let rows = Vec::with_capacity(available.min(room));
        let mut batch = Batch { rows, room, bin, cost: BatchCost::EMPTY };
        let led = leader.map_or(0, |owner| self.take_leader(owner, &mut batch));
        let mut eligible = Eligible { max_new: eligible.max_new.saturating_sub(led), ..eligible };
        eligible.max_new -= self.take(eligible, bin, &mut batch);
        (batch, eligible)
    }

    /// Takes the head of a queue of the leader's bin, also from behind the heads of its other
    /// queues. Returns 1 if it had not started.
    fn take_leader(&mut self, owner: Owner, batch: &mut Batch) -> usize {
        let bin = batch.bin;
        let (home, full) = (Home { owner, bin }, self.full.of(bin));
        let (row, taken) = self.queues.take(home, &mut self.slab, full, BinQueue::pop);
        batch.cost = batch.cost.with(&row);
        batch.rows.push(row);
        self.changed.insert(bin);
        self.settle(taken);
        taken.new
    }

    /// Takes rows from the bins nearest to the leader's, the lower of two first.
    fn top_up(&mut self, mut eligible: Eligible, batch: &mut Batch) {
        let below =
            |former: &Self, eligible, at: usize| former.at_most(eligible, at.checked_sub(1)?);
        let bin = batch.bin;
        let mut low = below(self, eligible, bin);
        let mut high = self.at_least(eligible, bin + 1);
        while batch.rows.len() < batch.room {
            let next = match (low, high) {
                (Some(low), Some(high)) if high - bin < bin - low => high,
                (Some(low), _) => low,
                (None, Some(high)) => high,
                (None, None) => return,
            };
            eligible.max_new -= self.take(eligible, next, batch);
            if next < bin {
                low = below(self, eligible, next);
            } else {
                high = self.at_least(eligible, next + 1);
            }
        }
    }

    /// Returns the highest bin up to `to` in which an eligible request waits.
    fn at_most(&self, eligible: Eligible, to: usize) -> Option<usize> {
        let sources = self.queues.sources(eligible);
        sources.into_iter().flatten().filter_map(|bins| bins.at_most(to)).max()
    }

    /// Returns the lowest bin from `from` on in which an eligible request waits.
    fn at_least(&self, eligible: Eligible, from: usize) -> Option<usize> {
        let sources = self.queues.sources(eligible);
        sources.into_iter().flatten().filter_map(|bins| bins.at_least(from)).min()
    }

    /// Moves rows from `bin` into the batch in the order of their ranks, while there is room and
    /// they fit. Returns how many of them had not started.
    fn take(&mut self, eligible: Eligible, bin: usize, batch: &mut Batch) -> usize {
        let (before, room) = (batch.rows.len(), batch.room.min(self.full.rows(bin)));
        let taken = if self.queues.parked() > 0 || self.rules.bounds_cost() {
            self.take_one_by_one(eligible, bin, room, batch)
        } else {
            let count = room.saturating_sub(before).min(eligible.max_new);
            self.take_new(count, bin, &mut batch.rows)
        };
        if batch.rows.len() > before {
            batch.room = room;
            self.changed.insert(bin);
        }
        self.settle(taken);
        taken.new
    }

    /// Takes the first `max` new requests of `bin`, or as many as there are.
    pub(super) fn take_new(&mut self, max: usize, bin: usize, rows: &mut Vec<Row>) -> Taken {
        let home = Home { owner: Owner::New, bin };
        let take = |queue: &mut BinQueue, slab: &mut Slab| {
            queue.take(slab, max.min(queue.len as usize), rows);
        };
        let ((), taken) = self.queues.take(home, &mut self.slab, self.full.of(bin), take);
        taken
    }

    fn take_one_by_one(
        &mut self,
        eligible: Eligible,
        bin: usize,
        room: usize,
        batch: &mut Batch,
    ) -> Taken {
        let mut merged = self.queues.merged(eligible, bin);
        while batch.rows.len() < room
            && let Some((source, row)) = merged.first(&self.slab)
        {
            let cost = batch.cost.with(row);
            if !self.rules.fits(&cost, bin == batch.bin) {
                break;
            }
            batch.cost = cost;
            batch.rows.extend(merged.pop(&mut self.slab, source));
        }
        merged.finish(&self.slab, self.full.of(bin))
    }
}
