//! Rule 1: under light load the oldest requests leave together, whatever their bins.

use super::batch_cost::BatchCost;
use super::bins::{Bins, Eligible};
use super::former::{Formed, Former};
use super::ranked::{ALL, OverdueFirst, Ranked, keep_first};
use super::waiting::{Entry, Home, Owner};
use crate::request::{Reason, Row};

impl Former {
    /// Takes up to a batch of the oldest requests, overdue ones before the others. The rows are in
    /// the order of their bins, the leader's bin first. At least one request is eligible.
    pub(super) fn light_load(&mut self, now: u64, eligible: Eligible) -> Formed {
        let order = OverdueFirst { now, taken: self.taken, rules: self.rules };
        if self.leave_together(eligible) {
            return self.take_all(order);
        }
        let mut ranked = std::mem::take(&mut self.ranked);
        let last_new = self.rank(eligible, order, &mut ranked);
        let mut last = keep_first(&mut ranked, 0, self.rules.min_batch_size as usize);
        if self.rules.bounds_cost() {
            last = self.keep_fitting(&mut ranked).unwrap_or(last);
        }
        let leader = ranked.iter().min_by_key(|entry| entry.rank).expect("something waits");
        let bin = leader.bin as usize;
        let rows = self.rows(bin, &ranked);
        let limit = self.limit(bin, &rows);
        self.take_ranked(eligible, order, [last, last.min(last_new)]);
        self.ranked = ranked;
        Formed::new(rows, limit, bin, Reason::LightLoad)
    }

    /// Returns true if everything leaves, and each bin is in the order of the rule. That is except
    /// for requests that two producers published in another order than they were admitted.
    fn leave_together(&self, eligible: Eligible) -> bool {
        let room = eligible.max_new.min(self.rules.min_batch_size as usize);
        let ordered = self.rules.ranking.is_fifo() && !self.may_hold_restarted;
        ordered
            && self.queues.parked() == 0
            && !self.rules.bounds_cost()
            && self.queues.new_requests().waiting() <= room
    }

    /// Takes all new requests, bin by bin.
    fn take_all(&mut self, order: OverdueFirst) -> Formed {
        let new = self.queues.new_requests();
        let heads = new.occupied().map(|(bin, queue)| (order.rank_by_arrival(&queue.head), bin));
        let (_, bin) = heads.min().expect("something waits");
        let mut rows = Vec::with_capacity(new.waiting());
        let mut next = Some(bin);
        while let Some(bin) = next {
            let taken = self.take_new(usize::MAX, bin, &mut rows);
            self.settle(taken);
            next = self.queues.new_requests().at_least(0);
        }
        let limit = self.limit(bin, &rows);
        Formed::new(rows, limit, bin, Reason::LightLoad)
    }

    /// Ranks the eligible requests: all climbers, and of the new requests the first `max_new`.
    /// Returns the rank of the last of these.
    fn rank(&self, eligible: Eligible, order: OverdueFirst, ranked: &mut Vec<Ranked>) -> u128 {
        let [pinned, shared, new] = self.queues.sources(eligible);
        ranked.clear();
        self.rank_bins(pinned, order, ranked);
        self.rank_bins(shared, order, ranked);
        let climbers = ranked.len();
        self.rank_bins(new, order, ranked);
        keep_first(ranked, climbers, eligible.max_new)
    }

    fn rank_bins(&self, bins: Option<&Bins>, order: OverdueFirst, ranked: &mut Vec<Ranked>) {
        for (bin, queue) in bins.into_iter().flat_map(Bins::occupied) {
            let bin = bin as u32;
            let entries = queue.with_bounds(&self.slab);
            ranked.extend(entries.map(|(position, entry, bound)| Ranked {
                rank: order.rank(entry, bound),
                bin,
                position,
            }));
        }
    }

    /// Keeps the entries that fit, by rank up to the first one that does not. Returns the rank of
    /// the last one then.
    fn keep_fitting(&self, ranked: &mut Vec<Ranked>) -> Option<u128> {
        let mut sorted: Vec<Ranked> = ranked.clone();
        sorted.sort_unstable_by_key(|entry| entry.rank);
        let leaders_bin = sorted[0].bin;
        let mut cost = BatchCost::EMPTY;
        let refused = sorted.iter().position(|entry| {
            cost = cost.with(&self.slab.entry(entry.position).row);
            !self.rules.fits(&cost, entry.bin == leaders_bin)
        })?;
        let last = sorted[refused - 1].rank;
        ranked.retain(|entry| entry.rank <= last);
        Some(last)
    }

    /// Returns the rows of entries, those of `first_bin` before the others.
    fn rows(&self, first_bin: usize, ranked: &[Ranked]) -> Vec<Row> {
        let is_first = |entry: &&Ranked| entry.bin as usize == first_bin;
        let first = ranked.iter().filter(is_first);
        let others = ranked.iter().filter(|entry| !is_first(entry));
        let mut rows = Vec::with_capacity(ranked.len());
        rows.extend(first.map(|entry| self.slab.entry(entry.position).row));
        rows.extend(others.map(|entry| self.slab.entry(entry.position).row));
        rows
    }

    /// Removes every eligible entry that ranks up to the last climber or new request.
    fn take_ranked(&mut self, eligible: Eligible, order: OverdueFirst, [climbers, new]: [u128; 2]) {
        let sources = self.queues.sources(eligible);
        let owners = sources.map(|bins| bins.map(Bins::owner));
        for owner in owners.into_iter().flatten() {
            let last = if owner == Owner::New { new } else { climbers };
            let mut next = self.queues.at_least(owner, 0);
            while let Some(bin) = next {
                self.take_up_to(last, Home { owner, bin }, order);
                next = self.queues.at_least(owner, bin + 1);
            }
        }
    }

    /// Removes every entry of a queue that ranks up to `last`.
    fn take_up_to(&mut self, last: u128, home: Home, order: OverdueFirst) {
        let full = self.full.of(home.bin);
        let ((), taken) = self.queues.take(home, &mut self.slab, full, |queue, slab| {
            if last == ALL {
                queue.clear(slab);
            } else {
                queue.retain(slab, |entry: &Entry, bound| order.rank(entry, bound) > last);
            }
        });
        self.settle(taken);
    }
}
