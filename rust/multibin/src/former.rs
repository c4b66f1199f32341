//! The rules by which batches leave: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

mod few;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Fill, Order, Overrun, Rules};
use crate::edges::Edges;
use crate::request::{Reason, Row, Submission};
use crate::waiting::{Entry, Head, Queue, Slab};

/// Identifies a worker.
pub(crate) type WorkerId = u64;

/// A batch that leaves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Formed {
    pub(crate) rows: Vec<Row>,
    /// Steps to run at most.
    pub(crate) limit: Option<u32>,
    /// The leader's bin.
    pub(crate) bin: usize,
    pub(crate) reason: Reason,
}

/// One queue per bin, and how many wait in all of them. Empty until something waits.
#[derive(Debug, Default)]
struct Bins {
    queues: Vec<Queue>,
    waiting: usize,
}

/// What waits and how it leaves.
#[derive(Debug)]
pub(crate) struct Former {
    rules: Rules,
    edges: Arc<Edges>,
    slab: Slab,
    /// What any worker may take.
    shared: Bins,
    /// What only one worker may take: its climbers, whose state it holds.
    own: BTreeMap<WorkerId, Bins>,
    /// How many wait in all of `own`.
    climbers: usize,
    /// Rows taken so far.
    taken: u64,
    /// Rows resubmitted so far.
    resubmitted: u64,
    /// Scratch space of rule 1.
    ranked: Vec<few::Ranked>,
}

/// The candidates of the rules, found in one pass over the bins.
struct Survey {
    oldest: Candidate,
    overdue: Candidate,
    full: Candidate,
}

/// The bin with the least key so far.
#[derive(Clone, Copy)]
struct Candidate {
    key: u64,
    bin: usize,
}

impl Candidate {
    const NONE: Self = Self { key: u64::MAX, bin: usize::MAX };

    #[inline]
    fn offer(&mut self, key: u64, bin: usize) {
        if key < self.key {
            *self = Self { key, bin };
        }
    }

    fn bin(self) -> Option<usize> {
        (self.key != u64::MAX).then_some(self.bin)
    }
}

impl Former {
    pub(crate) fn new(rules: Rules, edges: Arc<Edges>, slab: Slab) -> Self {
        let queues = vec![Queue::EMPTY; edges.bins()];
        Self {
            rules,
            edges,
            slab,
            shared: Bins { queues, waiting: 0 },
            own: BTreeMap::new(),
            climbers: 0,
            taken: 0,
            resubmitted: 0,
            ranked: Vec::new(),
        }
    }

    /// The bin of a predicted length.
    #[inline]
    pub(crate) fn bin(&self, length: u32) -> usize {
        self.edges.bin(length)
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
        self.shared.queues[bin].len
    }

    /// How many wait that `worker` may take.
    pub(crate) fn waiting(&self, worker: WorkerId) -> usize {
        self.shared.waiting + self.own.get(&worker).map_or(0, |own| own.waiting)
    }

    /// A new worker, without climbers.
    pub(crate) fn add_worker(&mut self, worker: WorkerId) {
        self.own.insert(worker, Bins::default());
    }

    /// A first entry.
    #[inline]
    pub(crate) fn arrive(&mut self, bin: usize, submission: Submission) {
        let Submission { key, ticket, arrival, length } = submission;
        let row = Row { key, ticket, arrival, entered: arrival, length, progress: 0 };
        // Tickets count arrivals, so this counts the entries of both kinds that came before.
        let order = ticket + self.resubmitted;
        let entry = Entry::new(row, order, self.due(order));
        self.shared.push(&mut self.slab, bin, entry, self.rules.batch_size);
    }

    /// `row` enters again, behind those that wait in its bin; `worker` holds its state, or nobody
    /// needs it. `admitted` counts all first entries so far.
    pub(crate) fn climb(&mut self, row: Row, worker: Option<WorkerId>, admitted: u64) {
        let order = admitted + self.resubmitted;
        self.resubmitted += 1;
        self.enter(row, worker, order);
    }

    /// Hands the worker's climbers back to the shared queues, where they start anew; returns how
    /// many there were.
    pub(crate) fn remove_worker(&mut self, worker: WorkerId, now: u64, admitted: u64) -> u64 {
        let Some(mut own) = self.own.remove(&worker) else {
            return 0;
        };
        let mut rows = Vec::with_capacity(own.waiting);
        self.climbers -= own.waiting;
        for queue in &mut own.queues {
            while queue.len > 0 {
                rows.push(queue.pop(&mut self.slab));
            }
        }
        let order = admitted + self.resubmitted;
        for row in &rows {
            self.enter(Row { progress: 0, entered: now, ..*row }, None, order);
        }
        rows.len() as u64
    }

    /// Whether `worker`'s climbers are kept for it.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.own.contains_key(&worker)
    }

    fn enter(&mut self, row: Row, worker: Option<WorkerId>, order: u64) {
        let bin = self.edges.bin(row.length).max(self.edges.bin(row.progress));
        let entry = Entry::new(row, order, self.due(order));
        let bins = match worker.and_then(|worker| self.own.get_mut(&worker)) {
            Some(own) => {
                self.climbers += 1;
                own
            }
            None => &mut self.shared,
        };
        bins.queues.resize(self.edges.bins(), Queue::EMPTY);
        bins.push(&mut self.slab, bin, entry, self.rules.batch_size);
    }

    /// From when on an entry counts as passed over: once more than 2·w + 4·B others were served,
    /// w of which wait now. Entries so far minus rows taken so far is how many wait.
    #[inline]
    fn due(&self, order: u64) -> u64 {
        match self.rules.fill {
            Fill::Strict => u64::MAX,
            Fill::Elastic => {
                // An arrival that was published late may find later ones already taken.
                let ahead = order.saturating_sub(self.taken);
                self.taken + 2 * ahead + 4 * u64::from(self.rules.batch_size)
            }
        }
    }

    /// When the first request that `worker` may take becomes overdue by `max_wait`.
    pub(crate) fn deadline(&self, worker: WorkerId) -> Option<u64> {
        self.earliest(self.heads(worker).map(|(_, head)| head))
    }

    /// When the first request that anybody may take becomes overdue by `max_wait`.
    pub(crate) fn shared_deadline(&self) -> Option<u64> {
        self.earliest(self.shared.queues.iter().map(|queue| &queue.head))
    }

    fn earliest<'a>(&self, mut heads: impl Iterator<Item = &'a Head>) -> Option<u64> {
        let max_wait = self.rules.max_wait?;
        let entered = heads.by_ref().map(|head| head.entered).min()?;
        (entered != u64::MAX).then(|| entered.saturating_add(max_wait))
    }

    /// Whether any worker's climbers wait.
    pub(crate) fn has_climbers(&self) -> bool {
        self.climbers > 0
    }

    /// Whether a batch could leave from the shared queues at `now`.
    pub(crate) fn ready(&self, now: u64) -> bool {
        self.shared.waiting > 0
            && match self.rules.fill {
                Fill::Elastic => true,
                Fill::Strict => {
                    let overdue = |q: &Queue| self.is_overdue(&q.head, now);
                    let full = |q: &Queue| q.len >= self.rules.batch_size;
                    self.shared.queues.iter().any(|q| full(q) || overdue(q))
                }
            }
    }

    /// The next batch for `worker`, if one may leave now. `closed`: nothing more will arrive.
    pub(crate) fn form(&mut self, now: u64, worker: WorkerId, closed: bool) -> Option<Formed> {
        let waiting = self.waiting(worker);
        if waiting == 0 {
            return None;
        }
        let formed = self.lead(now, worker, closed, waiting)?;
        self.taken += formed.rows.len() as u64;
        Some(formed)
    }

    /// The rules, in order.
    fn lead(&mut self, now: u64, worker: WorkerId, closed: bool, waiting: usize) -> Option<Formed> {
        let elastic = self.rules.fill == Fill::Elastic;
        if elastic && !closed && 2 * waiting < 3 * self.rules.batch_size as usize {
            return Some(self.few(now, worker));
        }
        let survey = self.survey(now, worker);
        // A closed strict scheduler lets full bins go first; everything leaves anyway.
        if let Some(bin) = survey.overdue.bin().filter(|_| elastic || !closed) {
            return Some(self.gather(worker, bin, Reason::Overdue));
        }
        if let Some(bin) = survey.full.bin() {
            return Some(self.gather(worker, bin, Reason::Full));
        }
        let reason = if closed { Reason::Drain } else { Reason::Elastic };
        let leads = elastic || closed;
        leads.then(|| self.gather(worker, survey.oldest.bin, reason))
    }

    fn survey(&self, now: u64, worker: WorkerId) -> Survey {
        let none = Candidate::NONE;
        let mut survey = Survey { oldest: none, overdue: none, full: none };
        let own = self.own_queues(worker);
        for (bin, head) in self.heads(worker) {
            survey.oldest.offer(head.ticket, bin);
            if self.is_overdue(head, now) {
                survey.overdue.offer(head.ticket, bin);
            }
            let queue = &self.shared.queues[bin];
            let own = own.get(bin).unwrap_or(&Queue::EMPTY);
            if queue.len + own.len >= self.rules.batch_size {
                let key = match self.rules.order {
                    Order::Oldest => head.ticket,
                    Order::Formed => self.formed(queue, own),
                };
                survey.full.offer(key, bin);
            }
        }
        survey
    }

    #[inline]
    fn is_overdue(&self, head: &Head, now: u64) -> bool {
        head.entered != u64::MAX && self.rules.overdue(self.taken, head.due, head.entered, now)
    }

    /// `order` of the entry that completes the first batch of both queues together.
    fn formed(&self, shared: &Queue, own: &Queue) -> u64 {
        if own.len == 0 {
            return shared.formed;
        }
        let nth = self.rules.batch_size as usize;
        let orders = |queue: &Queue| queue.iter(&self.slab).take(nth).map(|(_, entry)| entry.order);
        let mut merged: Vec<u64> = orders(shared).chain(orders(own)).collect();
        *merged.select_nth_unstable(nth - 1).1
    }

    fn own_queues(&self, worker: WorkerId) -> &[Queue] {
        match self.own.get(&worker) {
            Some(own) if own.waiting > 0 => &own.queues,
            _ => &[],
        }
    }

    /// The head of every bin as `worker` sees it; of an empty bin, [`Head::NONE`].
    fn heads(&self, worker: WorkerId) -> impl Iterator<Item = (usize, &Head)> {
        let own = self.own_queues(worker);
        self.shared.queues.iter().enumerate().map(|(bin, queue)| {
            let own = own.get(bin).map_or(&Head::NONE, |queue| &queue.head);
            (bin, if own.order < queue.head.order { own } else { &queue.head })
        })
    }

    /// Up to a batch from `bin`; elastic goes on with the nearest bins, the lower one first.
    fn gather(&mut self, worker: WorkerId, bin: usize, reason: Reason) -> Formed {
        let room = self.waiting(worker).min(self.rules.batch_size as usize);
        let mut rows = Vec::with_capacity(room);
        self.take(worker, bin, room, &mut rows);
        let limit = self.limit(bin, &rows);
        if self.rules.fill == Fill::Elastic {
            let bins = self.edges.bins();
            for distance in 1..bins {
                if rows.len() == room {
                    break;
                }
                if distance <= bin {
                    self.take(worker, bin - distance, room, &mut rows);
                }
                if bin + distance < bins {
                    self.take(worker, bin + distance, room, &mut rows);
                }
            }
        }
        Formed { rows, limit, bin, reason }
    }

    /// Moves rows from `bin` to `rows` until there are `room`, in the order in which they entered.
    fn take(&mut self, worker: WorkerId, bin: usize, room: usize, rows: &mut Vec<Row>) {
        let shared = &mut self.shared;
        match self.own.get_mut(&worker) {
            Some(own) if own.waiting > 0 => {
                let before = own.waiting;
                while rows.len() < room {
                    let theirs = own.queues[bin].head.order;
                    let bins = if theirs < shared.queues[bin].head.order {
                        &mut *own
                    } else {
                        &mut *shared
                    };
                    let Some(row) = bins.pop(&mut self.slab, bin) else { break };
                    rows.push(row);
                }
                self.climbers -= before - own.waiting;
            }
            _ => {
                let wanted = (room - rows.len()).min(shared.queues[bin].len as usize);
                shared.waiting -= wanted;
                let queue = &mut shared.queues[bin];
                rows.extend((0..wanted).map(|_| queue.pop(&mut self.slab)));
            }
        }
    }

    /// How far a batch led by `bin` runs, `rows` being those taken from it.
    fn limit(&self, bin: usize, rows: &[Row]) -> Option<u32> {
        let upper = match self.rules.overrun {
            Overrun::Finish => None,
            Overrun::Climb | Overrun::Recompute => self.edges.upper(bin),
        }?;
        let steps = rows.iter().map(|row| match self.rules.overrun {
            Overrun::Recompute => upper,
            _ => upper.saturating_sub(row.progress),
        });
        Some(steps.max().unwrap_or(0).max(1))
    }
}

impl Bins {
    #[inline]
    fn push(&mut self, slab: &mut Slab, bin: usize, entry: Entry, n: u32) {
        self.queues[bin].push(slab, entry, n);
        self.waiting += 1;
    }

    fn pop(&mut self, slab: &mut Slab, bin: usize) -> Option<Row> {
        let queue = &mut self.queues[bin];
        if queue.len == 0 {
            return None;
        }
        self.waiting -= 1;
        Some(queue.pop(slab))
    }
}
