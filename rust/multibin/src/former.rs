//! The rules by which batches leave: a pure function of (what waits, the time, which worker asks).
//!
//! Nothing here reads a clock, takes a lock or knows a thread. Time comes in as nanoseconds and
//! order as counters, so that a simulation on a virtual clock runs this same code.

mod few;
mod offers;
mod places;

use std::collections::BTreeMap;

use crate::config::{Fill, Order, Overrun, Rules};
use crate::edges::Edges;
use crate::request::{Reason, Row, Submission};
use crate::waiting::{Entry, Head, Queue, Slab};
use places::Place;

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

/// One queue per bin, and how many wait in all of them.
#[derive(Debug)]
struct Bins {
    queues: Vec<Queue>,
    waiting: usize,
}

/// What waits and how it leaves.
#[derive(Debug)]
pub(crate) struct Former {
    rules: Rules,
    edges: Edges,
    slab: Slab,
    /// Who waits from the start, for any worker.
    fresh: Bins,
    /// Climbers that any worker may take.
    anyones: Bins,
    /// Climbers that one worker may take: it holds their state.
    own: BTreeMap<WorkerId, Bins>,
    /// How many wait in `anyones` and all of `own`.
    parked: usize,
    /// Rows taken so far.
    taken: u64,
    /// Rows resubmitted so far.
    resubmitted: u64,
    /// Climbers so far that left their worker's queue to start anew.
    handed_back: u64,
    /// Rows so far that left without being taken.
    removed: u64,
    /// Where the entry with a ticket is, if it waits, at the ticket modulo their number.
    places: Box<[Place]>,
    /// Scratch space of rule 1.
    ranked: Vec<few::Ranked>,
}

/// What a batch is formed from.
#[derive(Debug, Clone, Copy)]
struct View {
    worker: WorkerId,
    /// How many may be taken that have not started; the others are climbers.
    starts: usize,
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
    /// `queues`: at least the bins of the edges. `places`: how many tickets, a power of two or 0,
    /// are found in one step by [`Former::remove`].
    pub(crate) fn new(
        rules: Rules,
        edges: Edges,
        queues: usize,
        slab: Slab,
        places: usize,
    ) -> Self {
        let places = vec![Place::default(); places].into();
        let bins = || Bins { queues: vec![Queue::EMPTY; queues], waiting: 0 };
        let (fresh, anyones) = (bins(), bins());
        Self {
            rules,
            edges,
            slab,
            fresh,
            anyones,
            own: BTreeMap::new(),
            parked: 0,
            taken: 0,
            resubmitted: 0,
            handed_back: 0,
            removed: 0,
            places,
            ranked: Vec::new(),
        }
    }

    /// The bin of a predicted length.
    #[inline]
    pub(crate) fn bin(&self, length: u32) -> usize {
        self.edges.bin(length)
    }

    pub(crate) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Who enters from now on is placed by these edges, at most as many as there are queues.
    pub(crate) fn set_edges(&mut self, edges: Edges) {
        self.edges = edges;
    }

    pub(crate) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        for bins in self.own.values_mut().chain([&mut self.fresh, &mut self.anyones]) {
            for queue in &mut bins.queues {
                queue.find_nth(&self.slab, rules.batch_size);
            }
        }
    }

    /// How many queues there are.
    fn bins(&self) -> usize {
        self.fresh.queues.len()
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
    pub(crate) fn waiting(&self, worker: WorkerId) -> usize {
        self.fresh.waiting + self.climbing(worker)
    }

    /// How many climbers wait that `worker` may take.
    fn climbing(&self, worker: WorkerId) -> usize {
        if self.parked == 0 {
            return 0;
        }
        self.anyones.waiting + self.own.get(&worker).map_or(0, |own| own.waiting)
    }

    /// A new worker, without climbers.
    pub(crate) fn add_worker(&mut self, worker: WorkerId) {
        self.own.insert(worker, Bins { queues: vec![Queue::EMPTY; self.bins()], waiting: 0 });
    }

    /// A first entry.
    #[inline]
    pub(crate) fn arrive(&mut self, bin: usize, submission: Submission) {
        let Submission { key, ticket, arrival, length } = submission;
        let row = Row { key, ticket, arrival, entered: arrival, length, progress: 0 };
        // Tickets count arrivals, so this counts the entries of all kinds that came before.
        let order = ticket + self.resubmitted + self.handed_back;
        let entry = Entry::new(row, order, self.due(order));
        self.enter(FRESH, None, bin, entry);
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
            let entry = Entry::new(row, order, self.due(order));
            let bin = self.edges.bin(row.length).max(self.edges.bin(row.progress));
            let source = if worker.is_some() { OWN } else { ANYONES };
            self.enter(source, worker, bin, entry);
            self.parked += 1;
        }
        gone
    }

    fn start_anew(&mut self, row: Row, order: u64) {
        let row = Row { progress: 0, ..row };
        let entry = Entry::new(row, order, self.due(order));
        let bin = self.edges.bin(row.length);
        self.enter(FRESH, None, bin, entry);
    }

    /// Into the queue of `bin`; among climbers of one worker's that of `worker`, who has some.
    #[inline]
    fn enter(&mut self, source: u16, worker: Option<WorkerId>, bin: usize, entry: Entry) {
        let bins = match source {
            FRESH => &mut self.fresh,
            ANYONES => &mut self.anyones,
            _ => worker.and_then(|worker| self.own.get_mut(&worker)).expect("its worker lives"),
        };
        let at = bins.push(&mut self.slab, bin, entry, self.rules.batch_size);
        self.remember(entry.row.ticket, Place { at, bin: bin as u16, source });
    }

    /// Hands the worker's climbers back to the shared queues, where they start anew; returns how
    /// many there were.
    pub(crate) fn remove_worker(&mut self, worker: WorkerId, now: u64, admitted: u64) -> u64 {
        let Some(mut own) = self.own.remove(&worker) else {
            return 0;
        };
        let mut rows = Vec::with_capacity(own.waiting);
        self.parked -= own.waiting;
        for queue in &mut own.queues {
            while queue.len > 0 {
                rows.push(queue.pop(&mut self.slab));
            }
        }
        for row in &rows {
            let order = admitted + self.resubmitted + self.handed_back;
            self.start_anew(Row { entered: now, ..*row }, order);
            self.handed_back += 1;
        }
        rows.len() as u64
    }

    /// Whether `worker`'s climbers are kept for it.
    pub(crate) fn has_worker(&self, worker: WorkerId) -> bool {
        self.own.contains_key(&worker)
    }

    /// From when on an entry counts as passed over: once more than 2·w + 4·B others were served,
    /// w of which wait now. Entries so far minus those that left is how many wait.
    #[inline]
    fn due(&self, order: u64) -> u64 {
        match self.rules.fill {
            Fill::Strict => u64::MAX,
            Fill::Elastic => {
                // An arrival that was published late may find later ones already taken.
                let ahead = order.saturating_sub(self.taken + self.handed_back + self.removed);
                self.taken + 2 * ahead + 4 * u64::from(self.rules.batch_size)
            }
        }
    }

    /// When the first request that `worker` may take becomes overdue by `max_wait`.
    pub(crate) fn deadline(&self, worker: WorkerId) -> Option<u64> {
        self.rules.max_wait?;
        self.earliest(&self.sources(View { worker, starts: usize::MAX }))
    }

    /// When the first request that anybody may take becomes overdue by `max_wait`.
    pub(crate) fn shared_deadline(&self) -> Option<u64> {
        self.earliest(&[&self.fresh.queues, &self.anyones.queues])
    }

    fn earliest(&self, sources: &[&[Queue]]) -> Option<u64> {
        let max_wait = self.rules.max_wait?;
        let entered = sources.iter().copied().flatten().map(|queue| queue.head.entered).min()?;
        (entered != u64::MAX).then(|| entered.saturating_add(max_wait))
    }

    /// Whether an arrival in `bin` may make a batch possible: it does not while it only waits in a
    /// strict bin that is not full.
    #[inline]
    pub(crate) fn may_complete(&self, bin: usize) -> bool {
        self.rules.fill == Fill::Elastic
            || self.parked > 0
            || self.rules.max_wait.is_some()
            || self.depth(bin) >= self.rules.batch_size
    }

    /// Whether climbers wait.
    pub(crate) fn has_climbers(&self) -> bool {
        self.parked > 0
    }

    /// The next batch for `worker`, if one may leave now. `closed`: nothing more will arrive. At
    /// most `starts` of its rows have not started.
    pub(crate) fn form(
        &mut self,
        now: u64,
        worker: WorkerId,
        closed: bool,
        starts: usize,
    ) -> Option<Formed> {
        let everything = View { worker, starts };
        if self.available(everything) == 0 {
            return None;
        }
        let formed = self.lead(now, everything, closed)?;
        self.taken += formed.rows.len() as u64;
        Some(formed)
    }

    /// How many wait that a batch could have.
    fn available(&self, view: View) -> usize {
        self.fresh.waiting.min(view.starts) + self.climbing(view.worker)
    }

    /// The rules, in order.
    fn lead(&mut self, now: u64, everything: View, closed: bool) -> Option<Formed> {
        let elastic = self.rules.fill == Fill::Elastic;
        let view = self.bounded(everything);
        let waiting = self.waiting(view.worker);
        if elastic && !closed && 2 * waiting < 3 * self.rules.batch_size as usize {
            return Some(self.few(now, view));
        }
        let mut survey = self.survey(now, everything);
        // A closed strict scheduler lets full bins go first; everything leaves anyway.
        if let Some(bin) = survey.overdue.bin().filter(|_| elastic || !closed) {
            return Some(self.gather(everything, view, bin, Reason::Overdue));
        }
        if view.starts != everything.starts {
            survey = self.survey(now, view);
        }
        if let Some(bin) = survey.full.bin() {
            return Some(self.gather(view, view, bin, Reason::Full));
        }
        let reason = if closed { Reason::Drain } else { Reason::Elastic };
        let leads = elastic || closed;
        leads.then(|| self.gather(view, view, survey.oldest.bin, reason))
    }

    /// With `max_parked` climbers nobody starts while a climber may go on.
    fn bounded(&self, view: View) -> View {
        let full = self.rules.max_parked.is_some_and(|most| self.parked >= most);
        let starts = if full && self.climbing(view.worker) > 0 { 0 } else { view.starts };
        View { starts, ..view }
    }

    fn survey(&self, now: u64, view: View) -> Survey {
        let none = Candidate::NONE;
        let mut survey = Survey { oldest: none, overdue: none, full: none };
        let sources = self.sources(view);
        let starts = u32::try_from(view.starts).unwrap_or(u32::MAX);
        for bin in 0..self.bins() {
            let (head, waiting) = head(&sources, bin, starts);
            survey.oldest.offer(head.ticket, bin);
            if self.is_overdue(head, now) {
                survey.overdue.offer(head.ticket, bin);
            }
            if waiting >= self.rules.batch_size {
                let key = match self.rules.order {
                    Order::Oldest => head.ticket,
                    Order::Formed => self.formed(&sources, bin),
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

    /// `order` of the entry that completes the first batch of `bin`.
    fn formed(&self, sources: &[&[Queue]; 3], bin: usize) -> u64 {
        if let [[], [], fresh] = sources {
            return fresh[bin].formed;
        }
        let nth = self.rules.batch_size as usize;
        let queues = sources.iter().filter_map(|queues| queues.get(bin));
        let orders =
            queues.flat_map(|queue| queue.iter(&self.slab).take(nth).map(|(_, entry)| entry.order));
        let mut merged: Vec<u64> = orders.collect();
        *merged.select_nth_unstable(nth - 1).1
    }

    /// The queues that a view shows: the worker's own climbers, anyone's, and who starts; none
    /// where nobody waits.
    fn sources(&self, view: View) -> [&[Queue]; 3] {
        let fresh = if view.starts == 0 { &[][..] } else { &self.fresh.queues };
        if self.parked == 0 {
            return [&[], &[], fresh];
        }
        let shown = |bins: &'_ Bins| bins.waiting > 0;
        let own = self.own.get(&view.worker).filter(|own| shown(own));
        let anyones = Some(&self.anyones).filter(|anyones| shown(anyones));
        let [own, anyones] = [own, anyones].map(|bins| bins.map_or(&[][..], |bins| &bins.queues));
        [own, anyones, fresh]
    }

    /// Up to a batch from `bin`; elastic goes on with the nearest bins, the lower one first. The
    /// leader may come from a wider view than those who follow.
    fn gather(&mut self, leader: View, view: View, bin: usize, reason: Reason) -> Formed {
        let batch_size = self.rules.batch_size as usize;
        let mut rows = Vec::with_capacity(self.available(leader).min(batch_size));
        let led = self.take(leader, bin, 1, &mut rows);
        let mut view = View { starts: view.starts.saturating_sub(led), ..view };
        // The leader may be more than the view shows.
        let room = (1 + self.available(view)).min(batch_size);
        view.starts -= self.take(view, bin, room, &mut rows);
        let limit = self.limit(bin, &rows);
        if self.rules.fill == Fill::Elastic {
            let bins = self.bins();
            for distance in 1..bins {
                if rows.len() == room {
                    break;
                }
                if distance <= bin {
                    view.starts -= self.take(view, bin - distance, room, &mut rows);
                }
                if bin + distance < bins {
                    view.starts -= self.take(view, bin + distance, room, &mut rows);
                }
            }
        }
        Formed { rows, limit, bin, reason }
    }

    /// Moves rows from `bin` to `rows` until there are `room`, in the order in which they entered;
    /// returns how many of them had not started.
    fn take(&mut self, view: View, bin: usize, room: usize, rows: &mut Vec<Row>) -> usize {
        if self.parked > 0 {
            return self.take_merged(view, bin, room, rows);
        }
        let queue = &mut self.fresh.queues[bin];
        let wanted = (room - rows.len()).min(queue.len as usize).min(view.starts);
        self.fresh.waiting -= wanted;
        rows.extend((0..wanted).map(|_| queue.pop(&mut self.slab)));
        wanted
    }

    fn take_merged(&mut self, view: View, bin: usize, room: usize, rows: &mut Vec<Row>) -> usize {
        let mut started = 0;
        let own = self.own.get_mut(&view.worker);
        let mut sources = [own, Some(&mut self.anyones), Some(&mut self.fresh)];
        while rows.len() < room {
            let shown =
                if started < view.starts { &sources[..] } else { &sources[..usize::from(FRESH)] };
            let heads = shown
                .iter()
                .map(|bins| bins.as_ref().map_or(u64::MAX, |bins| bins.queues[bin].head.order));
            let Some((source, _)) = heads.enumerate().min_by_key(|&(_, order)| order) else {
                break;
            };
            let Some(bins) = &mut sources[source] else { break };
            let Some(row) = bins.pop(&mut self.slab, bin) else { break };
            let fresh = source == usize::from(FRESH);
            self.parked -= usize::from(!fresh);
            started += usize::from(fresh);
            rows.push(row);
        }
        started
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

/// Positions of the kinds of queues among the sources of a view.
const OWN: u16 = 0;
const ANYONES: u16 = 1;
const FRESH: u16 = 2;

/// The entry of `bin` that entered first, and how many of those there a batch could have.
#[inline]
fn head<'a>(sources: &[&'a [Queue]; 3], bin: usize, starts: u32) -> (&'a Head, u32) {
    let (mut first, mut waiting) = (&Head::NONE, 0);
    for (source, most) in sources.iter().zip([u32::MAX, u32::MAX, starts]) {
        let Some(queue) = source.get(bin) else { continue };
        waiting += queue.len.min(most);
        if queue.head.order < first.order {
            first = &queue.head;
        }
    }
    (first, waiting)
}

impl Bins {
    #[inline]
    fn push(&mut self, slab: &mut Slab, bin: usize, entry: Entry, n: u32) -> u32 {
        self.waiting += 1;
        self.queues[bin].push(slab, entry, n)
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
