//! The queues of all owners: new requests, climbers of any worker, and climbers of one worker.

use std::collections::BTreeMap;

use super::super::batch_cost::{FullRule, FullRules};
use super::super::bit_set::BitSet;
use super::super::rules::Rules;
use super::super::waiting::{BinQueue, Entry, Home, Owner, Slab};
use super::eligible::Eligible;
use super::owned::Bins;
use super::taker::Taken;
use super::writer::{BinWriter, Written};
use crate::request::{Row, WorkerId};

/// The queues of all owners.
#[derive(Debug)]
pub(crate) struct Queues {
    /// Requests that have not started, for any worker.
    pub(super) new: Bins,
    /// Climbers that any worker may take.
    pub(super) shared: Bins,
    /// Climbers that one worker may take: it holds their state.
    pub(super) pinned: BTreeMap<WorkerId, Bins>,
    /// The bins of `pinned` in which climbers may wait.
    pinned_bins: BitSet,
    /// Climbers of workers that are gone, until they restart.
    orphaned: BTreeMap<WorkerId, Bins>,
    /// How many wait in `shared`, all of `pinned` and all of `orphaned`.
    pub(super) parked: usize,
}

impl Queues {
    pub(crate) fn new(bins: usize, rules: &Rules) -> Self {
        Self {
            new: Bins::new(Owner::New, bins, rules),
            shared: Bins::new(Owner::Shared, bins, rules),
            pinned: BTreeMap::new(),
            pinned_bins: BitSet::new(bins),
            orphaned: BTreeMap::new(),
            parked: 0,
        }
    }

    /// Returns how many bins there are.
    #[inline]
    pub(crate) fn bins(&self) -> usize {
        self.new.queues.len()
    }

    /// Returns the queues of requests that have not started.
    #[inline]
    pub(crate) fn new_requests(&self) -> &Bins {
        &self.new
    }

    /// Returns the queues of climbers that any worker may take.
    #[inline]
    pub(crate) fn shared(&self) -> &Bins {
        &self.shared
    }

    /// Returns the queues of climbers that `worker` alone may take.
    #[inline]
    pub(crate) fn pinned(&self, worker: WorkerId) -> Option<&Bins> {
        self.pinned.get(&worker)
    }

    /// Returns the queues of climbers that one worker alone may take, of each worker.
    pub(crate) fn all_pinned(&self) -> impl Iterator<Item = &Bins> {
        self.pinned.values()
    }

    /// Returns the queues of all climbers, also of those whose worker is gone.
    pub(crate) fn all_climbers(&self) -> impl Iterator<Item = &Bins> {
        self.pinned.values().chain(self.orphaned.values()).chain([&self.shared])
    }

    /// Returns how many climbers wait.
    #[inline]
    pub(crate) fn parked(&self) -> usize {
        self.parked
    }

    /// Returns true if climbers wait that one worker alone may take, or could before it was gone.
    #[inline]
    pub(crate) fn has_pinned(&self) -> bool {
        self.parked > self.shared.waiting
    }

    /// Returns true if climbers of a worker may wait in `bin`. O(1).
    pub(crate) fn may_hold_pinned(&self, bin: usize) -> bool {
        self.has_pinned() && self.pinned_bins.at_least(bin) == Some(bin)
    }

    /// Returns the most climbers of one worker in `bin`. O(workers that hold climbers).
    pub(crate) fn max_pinned(&self, bin: usize) -> u32 {
        if !self.may_hold_pinned(bin) {
            return 0;
        }
        self.pinned.values().map(|bins| bins.queues[bin].len).max().unwrap_or(0)
    }

    /// Finds out whether climbers of a worker still wait in `bin`. O(workers that hold climbers) if
    /// they may.
    pub(crate) fn recheck_pinned(&mut self, bin: usize) {
        if self.pinned_bins.at_least(bin) == Some(bin) && self.max_pinned(bin) == 0 {
            self.pinned_bins.remove(bin);
        }
    }

    /// Returns the climbers that `worker` may take: its own and shared ones; none where none wait.
    pub(crate) fn climbers(&self, worker: Option<WorkerId>) -> [Option<&Bins>; 2] {
        if self.parked == 0 {
            return [None, None];
        }
        let shown = |bins: &&Bins| bins.waiting > 0;
        let pinned = worker.and_then(|worker| self.pinned.get(&worker));
        [pinned.filter(shown), Some(&self.shared).filter(shown)]
    }

    /// Returns the queues that a batch may take from: the worker's climbers, shared climbers, new
    /// requests.
    pub(crate) fn sources(&self, eligible: Eligible) -> [Option<&Bins>; 3] {
        let [pinned, shared] = self.climbers(eligible.worker);
        [pinned, shared, (eligible.max_new > 0).then_some(&self.new)]
    }

    /// Returns how many climbers wait that `worker` may take.
    pub(crate) fn climbing(&self, worker: Option<WorkerId>) -> usize {
        self.climbers(worker).into_iter().flatten().map(Bins::waiting).sum()
    }

    /// Returns how many requests wait that `worker` may take.
    pub(crate) fn waiting(&self, worker: Option<WorkerId>) -> usize {
        self.new.waiting + self.climbing(worker)
    }

    /// Returns how many requests wait that a batch may take.
    pub(crate) fn available(&self, eligible: Eligible) -> usize {
        self.new.waiting.min(eligible.max_new) + self.climbing(eligible.worker)
    }

    /// Returns a queue.
    pub(crate) fn queue(&self, home: Home) -> &BinQueue {
        let bins = match home.owner {
            Owner::New => &self.new,
            Owner::Shared => &self.shared,
            Owner::Pinned(worker) => self.pinned.get(&worker).expect("its worker lives"),
        };
        bins.queue(home.bin)
    }

    #[inline]
    fn bins_of(&mut self, owner: Owner) -> &mut Bins {
        match owner {
            Owner::New => &mut self.new,
            Owner::Shared => &mut self.shared,
            Owner::Pinned(worker) => self
                .pinned
                .get_mut(&worker)
                .or_else(|| self.orphaned.get_mut(&worker))
                .expect("its worker lives, or its climbers wait to restart"),
        }
    }

    /// Returns the lowest bin from `from` on in which an entry of `owner` waits.
    pub(crate) fn at_least(&mut self, owner: Owner, from: usize) -> Option<usize> {
        self.bins_of(owner).at_least(from)
    }

    /// Adds new requests to one bin, by `write`, and keeps all counts.
    #[inline]
    pub(crate) fn write<T>(
        &mut self,
        bin: usize,
        full: FullRule,
        write: impl FnOnce(BinWriter<'_>) -> T,
    ) -> (T, Written) {
        self.new.write(bin, full, write)
    }

    /// Adds an entry to a queue.
    pub(crate) fn push(&mut self, home: Home, slab: &mut Slab, entry: Entry, full: FullRule) {
        self.bins_of(home.owner).write(home.bin, full, |mut writer| writer.push(slab, entry));
        match home.owner {
            Owner::New => return,
            Owner::Shared => {}
            Owner::Pinned(_) => self.pinned_bins.insert(home.bin),
        }
        self.parked += 1;
    }

    /// Takes entries out of one queue, by `take`, and keeps all counts.
    #[inline]
    pub(crate) fn take<T>(
        &mut self,
        home: Home,
        slab: &mut Slab,
        full: FullRule,
        take: impl FnOnce(&mut BinQueue, &mut Slab) -> T,
    ) -> (T, Taken) {
        let mut taker = self.bins_of(home.owner).taker(home.bin);
        let result = take(taker.queue(), slab);
        let taken = taker.finish(slab, full);
        self.parked -= taken.climbers;
        (result, taken)
    }

    /// Finds the first batches again after the rules changed. O(bins · batch size).
    pub(crate) fn find_first_batches(&mut self, slab: &Slab, full: &FullRules) {
        for bins in self.pinned.values_mut().chain([&mut self.new, &mut self.shared]) {
            for bin in 0..bins.queues.len() {
                bins.find_first_batch(slab, bin, full.of(bin));
            }
        }
    }

    /// Leaves entries behind after a change of edges, and reports the bins in which new requests
    /// wait.
    ///
    /// In bins that are `altered` these are the entries whose ranks in the bin are below `rank`. No
    /// request starts in a bin from `live` on, and no climber enters one from `climbable` on.
    pub(crate) fn leave_behind(
        &mut self,
        rank: u64,
        [live, climbable]: [usize; 2],
        altered: impl Fn(usize) -> bool,
        report: impl FnMut(usize),
    ) {
        self.new.leave_behind(rank, live, &altered, report);
        for bins in self.pinned.values_mut().chain([&mut self.shared]) {
            bins.leave_behind(rank, climbable, &altered, |_| ());
        }
    }

    /// Adds a worker, without climbers.
    pub(crate) fn add_worker(&mut self, worker: WorkerId, rules: &Rules) {
        let bins = Bins::new(Owner::Pinned(worker), self.bins(), rules);
        self.pinned.insert(worker, bins.with_live_bins_of(&self.shared));
    }

    /// Returns true if climbers of `worker` are kept for it.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.pinned.contains_key(&worker)
    }

    /// Removes a worker, whose climbers are orphaned. Returns true if there are any. O(log of the
    /// workers + bins).
    pub(crate) fn remove_worker(&mut self, worker: WorkerId, slab: &mut Slab) -> bool {
        let Some(mut pinned) = self.pinned.remove(&worker) else {
            return self.orphaned.contains_key(&worker);
        };
        for queue in pinned.queues.iter_mut().filter(|queue| queue.len == 0) {
            queue.release(slab);
        }
        let any = pinned.waiting > 0;
        if any {
            self.orphaned.insert(worker, pinned);
        }
        any
    }

    /// Returns true if climbers of workers that are gone wait.
    pub(crate) fn has_orphans(&self) -> bool {
        !self.orphaned.is_empty()
    }

    /// Takes up to `max` climbers of a worker that is gone, bin by bin. Returns their rows, and
    /// true if more are left.
    pub(crate) fn take_orphans(
        &mut self,
        worker: WorkerId,
        slab: &mut Slab,
        full: &FullRules,
        max: usize,
    ) -> (Vec<Row>, bool) {
        let Some(orphaned) = self.orphaned.get_mut(&worker) else {
            return (Vec::new(), false);
        };
        let mut rows = Vec::with_capacity(orphaned.waiting.min(max));
        while rows.len() < max
            && let Some(bin) = orphaned.at_least(0)
        {
            let mut taker = orphaned.taker(bin);
            let queue = taker.queue();
            queue.take(slab, (max - rows.len()).min(queue.len as usize), &mut rows);
            if queue.len == 0 {
                queue.release(slab);
            }
            self.parked -= taker.finish(slab, full.of(bin)).climbers;
        }
        let more = orphaned.waiting > 0;
        if !more {
            self.orphaned.remove(&worker);
        }
        (rows, more)
    }

    /// Returns true if all counts agree with the queues. O(workers · bins).
    pub(crate) fn is_consistent(&self) -> bool {
        let parked: usize = self.all_climbers().map(Bins::waiting).sum();
        parked == self.parked && self.all_climbers().chain([&self.new]).all(Bins::is_consistent)
    }
}
