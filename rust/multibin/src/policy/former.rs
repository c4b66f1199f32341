//! The rules by which batches leave: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

use std::collections::{BTreeMap, TryReserveError};

use super::bins::{Bins, Heads};
use super::bit_set::BitSet;
use super::expiry::Expiry;
use super::light_load::Ranked;
use super::load::Full;
use super::rules::Rules;
use super::ticket_index::TicketIndex;
use super::waiting::{Entry, Owner, Slab};
use crate::edges::Edges;
use crate::request::{Expired, Reason, Row, WorkerId};

/// A batch that leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Formed {
    pub(crate) rows: Vec<Row>,
    /// Steps to run at most.
    pub(crate) limit: Option<u32>,
    /// The leader's bin.
    pub(crate) bin: usize,
    pub(crate) reason: Reason,
    /// The requests that expired and were not reported before.
    pub(crate) expired: Vec<Expired>,
}

impl Formed {
    pub(crate) fn new(rows: Vec<Row>, limit: Option<u32>, bin: usize, reason: Reason) -> Self {
        Self { rows, limit, bin, reason, expired: Vec::new() }
    }
}

/// What waits and how it leaves.
#[derive(Debug)]
pub(crate) struct Former {
    pub(super) rules: Rules,
    /// Rows of a full batch, by bin.
    pub(super) sizes: Box<[u32]>,
    pub(super) edges: Edges,
    /// Whether predictions decide where somebody enters; else all start in the first bin.
    pub(super) predicted: bool,
    pub(super) slab: Slab,
    /// Who waits from the start, for any worker.
    pub(super) fresh: Bins,
    pub(super) heads: Heads,
    /// Climbers that any worker may take.
    pub(super) anyones: Bins,
    /// Climbers that one worker may take: it holds their state.
    pub(super) own: BTreeMap<WorkerId, Bins>,
    /// The bins of `own` in which climbers may wait.
    pub(super) own_bins: BitSet,
    /// Climbers of workers that are gone, until they are handed back.
    pub(super) retired: BTreeMap<WorkerId, Bins>,
    /// How many wait in `anyones`, all of `own` and all of `retired`.
    pub(super) parked: usize,
    /// Whether somebody who started anew may wait, behind later tickets.
    pub(super) anew: bool,
    /// Rows taken so far.
    pub(super) taken: u64,
    /// The greatest order of an entry so far, and one.
    pub(super) orders: u64,
    /// Rows resubmitted so far.
    pub(super) resubmitted: u64,
    /// Climbers so far that left their worker's queue to start anew.
    pub(super) handed_back: u64,
    /// Rows so far that left without being taken.
    pub(super) removed: u64,
    /// By bin, requests that came in since this was last taken, or the edges changed.
    pub(super) entered: Box<[u64]>,
    pub(super) places: TicketIndex,
    pub(super) expiry: Expiry,
    /// Bins of which something entered or left, or of which the rules changed, since they were taken
    /// by [`Former::next_changed`].
    pub(super) changed: BitSet,
    /// Scratch space of rule 1.
    pub(super) ranked: Vec<Ranked>,
}

/// What a batch is formed from.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// `None`: one of which no climbers wait.
    pub(super) worker: Option<WorkerId>,
    /// How many may be taken that have not started; the others are climbers.
    pub(super) starts: usize,
}

impl Former {
    /// Makes a former, if there is so much memory. `sizes`: rows of a full batch, for each queue; at
    /// least the bins of the edges. `capacity`: how many requests wait at most; 0 where none is
    /// asked for by its ticket and none expires.
    pub(crate) fn new(
        rules: Rules,
        sizes: Box<[u32]>,
        edges: Edges,
        slab: Slab,
        capacity: usize,
    ) -> Result<Self, TryReserveError> {
        let queues = sizes.len();
        let places = TicketIndex::new(capacity)?;
        Ok(Self {
            rules,
            sizes,
            edges,
            predicted: true,
            slab,
            fresh: Bins::new(Owner::Fresh, queues, &rules),
            heads: Heads::new(queues),
            anyones: Bins::new(Owner::Anyone, queues, &rules),
            own: BTreeMap::new(),
            own_bins: BitSet::new(queues),
            retired: BTreeMap::new(),
            parked: 0,
            anew: false,
            taken: 0,
            orders: 0,
            resubmitted: 0,
            handed_back: 0,
            removed: 0,
            entered: vec![0; queues].into(),
            places,
            expiry: Expiry::new(capacity),
            changed: all(queues),
            ranked: Vec::new(),
        })
    }

    /// The bin of who starts with a predicted length.
    #[inline]
    pub(crate) fn bin(&self, length: u32) -> usize {
        if self.predicted { self.edges.bin(length) } else { 0 }
    }

    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    pub(crate) fn set_rules(&mut self, rules: Rules, sizes: Box<[u32]>) {
        (self.rules, self.sizes) = (rules, sizes);
        for bins in self.own.values_mut().chain([&mut self.fresh, &mut self.anyones]) {
            for (bin, &rows) in self.sizes.iter().enumerate() {
                bins.find_full(&self.slab, bin, Full { rows, budget: rules.budget });
            }
        }
        (0..self.bins()).for_each(|bin| self.update(bin));
        self.changed = all(self.bins());
    }

    /// Somebody who had not started entered or left the queue of `bin`.
    #[inline]
    pub(super) fn update(&mut self, bin: usize) {
        self.heads.invalidate(bin);
        self.keep_deadlines();
    }

    /// Deadlines are asked for at any time; without them rule 1 alone may serve for long, and no
    /// rule asks.
    #[inline]
    pub(super) fn keep_deadlines(&mut self) {
        if self.rules.max_wait.is_some() {
            self.refresh();
        }
    }

    /// Before the heads of all bins are asked for anything.
    pub(super) fn refresh(&mut self) {
        while let Some(bin) = self.heads.next_stale() {
            let place = self.fresh.place(&self.slab, bin, &self.rules, self.full(bin));
            self.heads.update(bin, &self.fresh.queues[bin].head, place, &self.rules);
        }
    }

    /// When `bin` holds a batch.
    #[inline]
    pub(crate) fn full(&self, bin: usize) -> Full {
        Full { rows: self.sizes[bin], budget: self.rules.budget }
    }

    /// How many queues there are.
    pub(super) fn bins(&self) -> usize {
        self.fresh.queues.len()
    }

    /// How many requests came into each bin since this was last asked or the edges changed; `None`
    /// while predictions do not decide where they enter.
    pub(crate) fn take_entered(&mut self) -> Option<Vec<u64>> {
        let none = vec![0; self.bins()].into();
        let entered = std::mem::replace(&mut self.entered, none);
        self.predicted.then(|| entered.into_vec())
    }

    /// Rows taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Rows resubmitted so far.
    pub(crate) fn resubmitted(&self) -> u64 {
        self.resubmitted
    }

    /// Entries that any worker may take, in `bin`.
    pub(crate) fn depth(&self, bin: usize) -> u32 {
        self.fresh.queues[bin].len + self.anyones.queues[bin].len
    }

    /// How many wait that `worker` may take.
    pub(super) fn waiting(&self, worker: Option<WorkerId>) -> usize {
        self.fresh.waiting + self.climbing(worker)
    }

    /// How many climbers wait that `worker` may take.
    pub(super) fn climbing(&self, worker: Option<WorkerId>) -> usize {
        if self.parked == 0 {
            return 0;
        }
        let own = worker.and_then(|worker| self.own.get(&worker));
        self.anyones.waiting + own.map_or(0, |own| own.waiting)
    }

    /// A new worker, without climbers.
    pub(crate) fn add_worker(&mut self, worker: WorkerId) {
        let bins = Bins::new(Owner::Worker(worker), self.bins(), &self.rules);
        self.own.insert(worker, bins.living_as(&self.anyones));
    }

    /// `row` enters again, behind those that wait in its bin. `worker` holds its state; `None`:
    /// any worker may go on with it. Of a worker that is gone, so is the state: the row starts
    /// anew, and the answer is true. `admitted` counts all first entries so far.
    pub(crate) fn climb(&mut self, row: Row, worker: Option<WorkerId>, admitted: u64) -> bool {
        let order = admitted + self.resubmitted + self.handed_back;
        self.resubmitted += 1;
        let gone = worker.is_some_and(|worker| !self.has_worker(worker));
        if gone {
            self.start_anew(row, order);
        } else {
            self.go_on(row, worker, order);
        }
        gone
    }

    pub(super) fn go_on(&mut self, row: Row, worker: Option<WorkerId>, order: u64) {
        self.orders = self.orders.max(order + 1);
        let (bin, due) = (self.bin_of(&row), self.due(order));
        let full = self.full(bin);
        let bins = match worker {
            None => &mut self.anyones,
            Some(worker) => {
                self.own_bins.insert(bin);
                self.own.get_mut(&worker).expect("its worker lives")
            }
        };
        let at = bins.push(&mut self.slab, bin, Entry { row, order, due }, full);
        self.places.remember(&self.slab, row.ticket, at);
        self.changed.insert(bin);
        self.parked += 1;
    }

    pub(super) fn start_anew(&mut self, row: Row, order: u64) {
        self.anew = true;
        self.orders = self.orders.max(order + 1);
        let row = Row { progress: 0, ..row };
        let (bin, due) = (self.bin_of(&row), self.due(order));
        let full = self.full(bin);
        let at = self.fresh.push(&mut self.slab, bin, Entry { row, order, due }, full);
        self.places.remember(&self.slab, row.ticket, at);
        self.changed.insert(bin);
        self.update(bin);
    }

    /// `worker` is gone: its climbers wait for [`Former::hand_back`], and can be cancelled meanwhile.
    /// Whether there are any. O(log of workers + queues).
    pub(crate) fn retire_worker(&mut self, worker: WorkerId) -> bool {
        let Some(mut own) = self.own.remove(&worker) else {
            return self.retired.contains_key(&worker);
        };
        own.queues.iter_mut().filter(|queue| queue.len == 0).for_each(|queue| {
            queue.give_back(&mut self.slab);
        });
        let any = own.waiting > 0;
        if any {
            self.retired.insert(worker, own);
        }
        any
    }

    /// Hands the climbers of a worker that retired back to the shared queues, where they start over,
    /// bin by bin, at most as many as `most`; returns how many, and whether more are left.
    pub(crate) fn hand_back(
        &mut self,
        worker: WorkerId,
        most: usize,
        now: u64,
        admitted: u64,
    ) -> (u64, bool) {
        let Some(own) = self.retired.get_mut(&worker) else {
            return (0, false);
        };
        let mut rows = Vec::with_capacity(own.waiting.min(most));
        while rows.len() < most
            && let Some(bin) = own.at_least(0)
        {
            let slab = &mut self.slab;
            own.edit(bin, |queue| {
                let count = (most - rows.len()).min(queue.len as usize);
                queue.take(slab, count, &mut rows);
                if queue.len == 0 {
                    queue.give_back(slab);
                }
            });
        }
        let more = own.waiting > 0;
        if !more {
            self.retired.remove(&worker);
        }
        self.parked -= rows.len();
        self.start_all_anew(&rows, now, admitted);
        (rows.len() as u64, more)
    }

    /// Whether climbers of workers that retired wait to be handed back.
    pub(crate) fn hands_back(&self) -> bool {
        !self.retired.is_empty()
    }

    pub(super) fn start_all_anew(&mut self, rows: &[Row], now: u64, admitted: u64) {
        // All of them before the first enters again, as two may share a position.
        for row in rows {
            self.places.forget(row.ticket);
        }
        for row in rows {
            let order = admitted + self.resubmitted + self.handed_back;
            self.start_anew(Row { entered: now, ..*row }, order);
            self.handed_back += 1;
        }
    }

    /// Whether `worker`'s climbers are kept for it.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.own.contains_key(&worker)
    }

    /// From when on the entry with this `order` counts as passed over. Entries so far minus those
    /// that left is how many wait.
    pub(super) fn due(&self, order: u64) -> u64 {
        // An arrival that was published late may find later ones already taken.
        self.rules.due(self.taken, order.saturating_sub(self.gone()))
    }

    /// Entries so far that left.
    pub(super) fn gone(&self) -> u64 {
        self.taken + self.handed_back + self.removed
    }
}

/// All bins.
pub(super) fn all(bins: usize) -> BitSet {
    let mut all = BitSet::new(bins);
    (0..bins).for_each(|bin| all.insert(bin));
    all
}
