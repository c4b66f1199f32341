//! Random programs on the shipped scheduler, held against the rules written down naively.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{
    Batch, Budget, Change, Config, Edges, Fill, NextError, Options, Order, Overrun, Reason, Row,
    Scheduler, Setting, SubmitError, Worker,
};
use proptest::prelude::*;

mod ledger;

use ledger::Ledger;

const WORKERS: usize = 2;
const BOUNDS: [&[u32]; 3] = [&[0, 100], &[5, 20, 40], &[0, 8, 16, 32, 64, 65]];
/// Queues: more than any of the bounds have bins.
const QUEUES: usize = 7;

#[derive(Debug, Clone)]
enum Op {
    Submit(u32, Options),
    SubmitMany(Vec<u32>, Options),
    /// Nanoseconds go by.
    Tick(u64),
    Next(usize),
    /// Of the open batch (chosen by the first number): climb these rows by so much, then done.
    Resubmit(usize, Vec<bool>, u32, bool),
    Done(usize),
    Drop(usize),
    Close,
    /// The request that was accepted so many before the last.
    Cancel(u64),
    /// Other bounds, another batch size, another bound of climbers, another budget.
    Reconfigure(Option<usize>, Option<u32>, Setting<usize>, u64),
    DropWorker(usize),
}

/// A waiting request as the rules see it.
#[derive(Debug, Clone)]
struct Entry {
    key: u64,
    ticket: u64,
    length: u32,
    progress: u32,
    bin: usize,
    order: u64,
    due: u64,
    owner: Option<usize>,
    /// Climbs, rather than starting.
    parked: bool,
    /// Has been in a batch.
    started: bool,
    arrival: u64,
    entered: u64,
    options: Options,
}

impl Entry {
    /// Own climbers, anyone's, those who start.
    fn source(&self) -> u8 {
        if self.owner.is_some() { 0 } else { 2 - u8::from(self.parked) }
    }

    fn queue(&self) -> Queue {
        (self.bin, self.owner, self.parked)
    }
}

/// A bin, whose climbers, and whether they climb.
type Queue = (usize, Option<usize>, bool);

struct Model {
    edges: Edges,
    config: Config,
    waiting: Vec<Entry>,
    /// When the last was due of those that were served from the head of each queue since it was empty.
    floors: BTreeMap<Queue, u64>,
    /// Strict: which entries of a queue a change of edges left behind, those of a lesser order.
    left: BTreeMap<Queue, u64>,
    tickets: u64,
    entries: u64,
    taken: u64,
    closed: bool,
    now: u64,
}

type Leaves = (Vec<Entry>, usize, Reason, Option<u32>);

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

impl Model {
    fn enter(&mut self, entry: &Entry) {
        let ahead = self.waiting.len() as u64;
        let due = self.due(ahead);
        let bin = self.edges.bin(entry.length).max(self.edges.bin(entry.progress));
        let entered = self.now;
        let order = self.entries;
        self.waiting.push(Entry { bin, order, due, entered, ..entry.clone() });
        self.entries += 1;
    }

    /// First in first out, an entry is not due before those that are ahead of it, nor before those that
    /// were served ahead of it.
    fn due_in_queue(&self, entry: &Entry) -> u64 {
        if self.is_ranked() {
            return entry.due;
        }
        let ahead = |e: &&Entry| e.queue() == entry.queue() && e.order <= entry.order;
        let floor = self.floors.get(&entry.queue()).copied();
        let ahead = self.waiting.iter().filter(ahead).map(|e| e.due).chain(floor);
        ahead.fold(entry.due, u64::max)
    }

    /// An empty queue remembers nothing.
    fn forget_empty(&mut self) {
        let waiting = &self.waiting;
        let waits = |queue: &Queue| waiting.iter().any(|entry| entry.queue() == *queue);
        self.floors.retain(|queue, _| waits(queue));
        self.left.retain(|queue, _| waits(queue));
    }

    /// Strict: what waits in a bin whose lengths are others from now on will perhaps not be joined by
    /// enough others. It is left behind, where ranks decide with all that enters until it is gone.
    fn set_edges(&mut self, edges: Edges) {
        let of = |edges: &Edges, bin: usize| {
            let low = if bin == 0 { Some(0) } else { edges.bounds().get(bin).copied() };
            (bin < edges.bins()).then(|| (low, edges.upper(bin)))
        };
        for entry in &self.waiting {
            let altered = of(&self.edges, entry.bin) != of(&edges, entry.bin);
            if altered && self.config.fill == Fill::Strict {
                let before = if self.is_ranked() { u64::MAX } else { self.entries };
                self.left.insert(entry.queue(), before);
            }
        }
        self.edges = edges;
    }

    fn submit(&mut self, key: u64, length: u32, options: Options) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.enter(&Entry {
            key,
            ticket,
            length,
            progress: 0,
            bin: 0,
            order: 0,
            due: 0,
            owner: None,
            parked: false,
            started: false,
            arrival: self.now,
            entered: 0,
            options,
        });
    }

    /// What orders the entries of a bin and the bins.
    fn rank(&self, entry: &Entry) -> u64 {
        match (self.config.order, self.config.ageing) {
            (Some(Order::Deadline), _) => match entry.options.ttl {
                Some(ttl) => entry.arrival + nanoseconds(ttl),
                None => (1 << 63) + entry.ticket,
            },
            (_, Some(ageing)) => {
                let put_off = ageing * 1e9 * f64::from(entry.options.priority * entry.length);
                #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
                let put_off = put_off as u64;
                entry.arrival + put_off
            }
            _ => entry.ticket,
        }
    }

    fn is_ranked(&self) -> bool {
        self.config.ageing.is_some() || self.config.order == Some(Order::Deadline)
    }

    /// Those whose deadline has passed leave, at most as many as `most`; whether others do not.
    fn expire(&mut self, most: usize) -> (Vec<(u64, u64)>, bool) {
        let deadline = |entry: &Entry| {
            let ttl = entry.options.ttl.filter(|_| !entry.started)?;
            Some(entry.arrival + nanoseconds(ttl))
        };
        let expires = |entry: &Entry| deadline(entry).is_some_and(|at| at <= self.now);
        let (mut gone, mut rest): (Vec<_>, Vec<_>) =
            self.waiting.iter().cloned().partition(|entry| expires(entry));
        gone.sort_by_key(|entry| (deadline(entry), entry.ticket));
        let stay = gone.split_off(most.min(gone.len()));
        let left = !stay.is_empty();
        rest.extend(stay);
        self.waiting = rest;
        self.forget_empty();
        (gone.iter().map(|entry| (entry.key, entry.ticket)).collect(), left)
    }

    fn bin(&self, worker: usize, bin: usize) -> Vec<Entry> {
        let mine = |entry: &&Entry| entry.bin == bin && entry.owner.is_none_or(|o| o == worker);
        let mut entries: Vec<_> = self.waiting.iter().filter(mine).cloned().collect();
        let place = |e: &Entry| if self.is_ranked() { self.rank(e) } else { e.order };
        entries.sort_by_key(|entry| (place(entry), entry.ticket));
        entries
    }

    /// More than 1.75·w + 4·B others after those taken so far, w = `ahead` that wait.
    fn due(&self, ahead: u64) -> u64 {
        let others = ahead + 3 * ahead / 4 + 4 * self.least() as u64;
        if self.config.fill == Fill::Strict { u64::MAX } else { self.taken + others }
    }

    fn overdue(&self, entry: &Entry) -> bool {
        let waited = |max| self.now - entry.entered >= nanoseconds(max);
        self.taken > self.due_in_queue(entry) || self.config.max_wait.is_some_and(waited)
    }

    fn few_rank(&self, entry: &Entry) -> (bool, u64, u64) {
        let overdue = self.overdue(entry);
        (!overdue, if overdue { entry.ticket } else { self.rank(entry) }, entry.ticket)
    }

    fn next(&self, worker: usize) -> Option<Leaves> {
        let size = self.least();
        let mut bins: Vec<_> = (0..QUEUES).map(|bin| self.bin(worker, bin)).collect();
        let mut all: Vec<Entry> = bins.iter().flatten().cloned().collect();
        if all.is_empty() {
            return None;
        }
        let elastic = self.config.fill == Fill::Elastic;
        let parked = self.waiting.iter().filter(|entry| entry.parked).count();
        // Each queue of a bin has a head, whichever of them is ahead of the others.
        let heads_of_queues = all.iter().filter(|entry| {
            !self
                .bin(worker, entry.bin)
                .iter()
                .take_while(|ahead| ahead.ticket != entry.ticket)
                .any(|ahead| ahead.queue() == entry.queue())
        });
        let overdue: Vec<Entry> =
            heads_of_queues.filter(|head| self.overdue(head)).cloned().collect();
        // With `max_parked` climbers only these go on, if they may: strict, if they hold a batch.
        let only_parked = |bin: &Vec<Entry>| -> Vec<Entry> {
            bin.iter().filter(|entry| entry.parked).cloned().collect()
        };
        let go_on = overdue.iter().any(|head| head.parked)
            || bins.iter().any(|bin| self.completed(&only_parked(bin)).is_some());
        let bounded = self.config.max_parked.is_some_and(|most| parked >= most)
            && all.iter().any(|entry| entry.parked)
            && (elastic || self.closed || go_on);
        // A request that must not start now but for being overdue is not passed by climbers.
        let passed = bounded && overdue.iter().any(|head| !head.parked);
        if elastic && !self.closed && 10 * all.len() < 16 * size && !passed {
            all.retain(|entry| entry.parked || !bounded);
            let mut ranks: Vec<_> = all.iter().map(|e| self.few_rank(e)).collect();
            ranks.sort_unstable();
            ranks.truncate(size);
            let first = |rank: &(bool, u64, u64)| all.iter().find(|e| e.ticket == rank.2).unwrap();
            let sorted: Vec<_> = ranks.iter().map(|rank| first(rank).clone()).collect();
            let fits = |n: &usize| self.fits(&sorted[..*n], sorted[0].bin);
            ranks.truncate((1..=sorted.len()).take_while(fits).last().unwrap());
            all.retain(|entry| ranks.contains(&self.few_rank(entry)));
            let bin = all.iter().find(|entry| entry.ticket == ranks[0].2).unwrap().bin;
            all.sort_by_key(|e| (e.bin != bin, e.source(), e.bin, e.order));
            let limit = self.limit(&all);
            return Some((all, bin, Reason::LightLoad, limit));
        }
        let heads = |bins: &[Vec<Entry>]| -> Vec<Entry> {
            bins.iter().filter_map(|bin| bin.first().cloned()).collect()
        };
        let leads = elastic || !self.closed;
        let overdue = overdue.into_iter().filter(|_| leads);
        if let Some(head) = overdue.min_by_key(|head| head.ticket) {
            // It leads, also from behind the head of another queue.
            bins[head.bin].sort_by_key(|entry| entry.ticket != head.ticket);
            if bounded {
                for bin in &mut bins {
                    bin.retain(|entry| entry.parked || entry.ticket == head.ticket);
                }
            }
            return Some(self.gather(&bins, head.bin, Reason::Overdue));
        }
        if bounded {
            for bin in &mut bins {
                bin.retain(|entry| entry.parked);
            }
        }
        let climbing = self.config.overrun == Overrun::Climb;
        let oldest = climbing || self.config.ageing.is_some();
        let default = if oldest { Order::Oldest } else { Order::Formed };
        let full = bins.iter().filter(|bin| self.completed(bin).is_some());
        let first = match self.config.order.unwrap_or(default) {
            Order::Oldest | Order::Deadline => {
                full.min_by_key(|bin| (self.rank(&bin[0]), bin[0].bin))
            }
            Order::Formed => full.min_by_key(|bin| self.completed(bin)),
            Order::Shortest => full.min_by_key(|bin| bin[0].bin),
        };
        if let Some(bin) = first {
            return Some(self.gather(&bins, bin[0].bin, Reason::Full));
        }
        let rank = |head: &Entry| (self.rank(head), head.bin);
        let oldest = heads(&bins).into_iter().min_by_key(rank).unwrap().bin;
        let reason = if self.closed { Reason::Drain } else { Reason::Elastic };
        (elastic || self.closed).then(|| self.gather(&bins, oldest, reason))
    }

    /// Rows of a full batch, of all bins the least.
    fn least(&self) -> usize {
        (0..QUEUES).map(|bin| self.size(bin)).min().unwrap()
    }

    fn size(&self, bin: usize) -> usize {
        self.config.batch_sizes.as_ref().map_or(self.config.batch_size, |sizes| sizes[bin]) as usize
    }

    /// Whether a batch led by `bin` may hold these rows, the others of which do.
    fn fits(&self, rows: &[Entry], bin: usize) -> bool {
        if rows.len() == 1 {
            return true;
        }
        let steps = || rows.iter().map(|e| u64::from(e.length.max(e.progress + 1)));
        let slots = rows.len() as u64 * steps().max().unwrap();
        let costs = rows.iter().map(|e| u64::from(e.options.cost.unwrap_or(e.length)));
        let affordable = match self.config.budget {
            None => true,
            Some(Budget::Padded(most)) => slots <= most,
            Some(Budget::Sum(most)) => costs.sum::<u64>() <= most,
        };
        let padding = 1.0 - steps().sum::<u64>() as f64 / slots as f64;
        let joins = rows.last().is_some_and(|last| last.bin != bin);
        affordable && (!joins || self.config.max_padding.is_none_or(|most| padding <= most))
    }

    /// The order of the entry that completes the first batch of a bin.
    fn completed(&self, bin: &[Entry]) -> Option<u64> {
        let first = bin.first()?;
        if let Some(order) = self.left_behind(bin) {
            return Some(order);
        }
        let full = |n: &usize| *n == self.size(first.bin) || !self.fits(&bin[..*n], first.bin);
        (1..=bin.len()).find(full).map(|n| bin[n - 1].order)
    }

    /// The first order of a head that a change of edges left behind.
    fn left_behind(&self, bin: &[Entry]) -> Option<u64> {
        let leads = |entry: &&Entry| {
            !bin.iter().any(|e| e.queue() == entry.queue() && e.order < entry.order)
        };
        let left = |entry: &&Entry| {
            self.left.get(&entry.queue()).is_some_and(|&before| entry.order < before)
        };
        bin.iter().filter(leads).filter(left).map(|entry| entry.order).min()
    }

    fn gather(&self, bins: &[Vec<Entry>], lead: usize, reason: Reason) -> Leaves {
        let mut order: Vec<usize> = (0..bins.len()).collect();
        order.sort_by_key(|&bin| (bin.abs_diff(lead), bin));
        if self.config.fill == Fill::Strict {
            order.truncate(1);
        }
        let (mut rows, mut room): (Vec<Entry>, _) = (Vec::new(), usize::MAX);
        for bin in order {
            let smaller = room.min(self.size(bin));
            for entry in &bins[bin] {
                let more = [&rows[..], std::slice::from_ref(entry)].concat();
                if rows.len() >= smaller || !self.fits(&more, lead) {
                    break;
                }
                (rows, room) = (more, smaller);
            }
        }
        let limit = self.limit(&rows);
        (rows, lead, reason, limit)
    }

    fn limit(&self, rows: &[Entry]) -> Option<u32> {
        if self.config.overrun != Overrun::Climb {
            return None;
        }
        let left = |entry: &Entry| {
            // By the edges of now, whichever bin it waits in.
            let bin = self.edges.bin(entry.length).max(self.edges.bin(entry.progress));
            let upper = self.edges.upper(bin)?;
            Some(upper.saturating_sub(entry.progress).max(1))
        };
        let steps: Vec<u32> = rows.iter().filter_map(left).collect();
        let done = |limit: u32| steps.iter().filter(|&&steps| steps <= limit).count();
        let half = steps.iter().copied().filter(|&limit| 2 * done(limit) >= rows.len()).min();
        let Some(Budget::Padded(most)) = self.config.budget else { return half };
        let oldest = rows.iter().map(|entry| u64::from(entry.progress)).max()?;
        let affordable = (most / rows.len() as u64).saturating_sub(oldest) as u32;
        if affordable == 0 {
            return half;
        }
        Some(half.map_or(affordable, |half| half.min(affordable)))
    }

    /// A row that is served while another one ahead of it stays hands its due on to the next one that
    /// stays behind it.
    fn take(&mut self, rows: &[Entry]) {
        let served = |entry: &Entry| rows.iter().any(|row| row.ticket == entry.ticket);
        let (mut stays, mut handed_on) = (BTreeSet::new(), BTreeMap::<Queue, u64>::new());
        let ranked = self.is_ranked();
        for entry in self.waiting.iter_mut().filter(|_| !ranked) {
            let queue = entry.queue();
            if !served(entry) {
                entry.due = entry.due.max(handed_on.remove(&queue).unwrap_or(0));
                stays.insert(queue);
                continue;
            }
            let dues = if stays.contains(&queue) { &mut handed_on } else { &mut self.floors };
            let due = dues.entry(queue).or_default();
            *due = entry.due.max(*due);
        }
        self.waiting.retain(|entry| !served(entry));
        self.taken += rows.len() as u64;
        self.forget_empty();
    }

    /// What waits for `worker` starts anew in the shared queues, bin by bin.
    fn drop_worker(&mut self, worker: usize) {
        let (mut mine, rest): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|entry| entry.owner == Some(worker));
        mine.sort_by_key(|entry| (entry.bin, entry.order));
        let ahead = (rest.len() + mine.len()) as u64;
        self.waiting = rest;
        for entry in mine {
            let order = self.entries;
            self.entries += 1;
            let due = self.due(ahead);
            let bin = self.edges.bin(entry.length);
            self.waiting.push(Entry {
                progress: 0,
                owner: None,
                parked: false,
                bin,
                due,
                order,
                entered: self.now,
                ..entry
            });
        }
        self.forget_empty();
    }
}

/// Who is overdue: batches that left meanwhile, and the overdue ones that arrived no later.
#[derive(Debug, Default)]
struct Overdue(BTreeMap<u64, (usize, BTreeSet<u64>)>);

impl Overdue {
    /// Before a batch leaves.
    fn look(&mut self, overdue: &BTreeSet<u64>) {
        self.0.retain(|ticket, _| overdue.contains(ticket));
        for &ticket in overdue {
            self.0.entry(ticket).or_default().1.extend(overdue.range(..=ticket));
        }
    }

    /// After it left with `rows`: who stays was not passed by more batches than there were overdue
    /// ones that arrived no later.
    fn check(&mut self, rows: &[Entry]) {
        self.0.retain(|ticket, _| rows.iter().all(|row| row.ticket != *ticket));
        for (batches, before) in self.0.values_mut() {
            *batches += 1;
            assert!(*batches < before.len(), "passed by {batches} batches, {before:?} are overdue");
        }
    }
}

struct Run {
    clock: Arc<AtomicU64>,
    overdue: Overdue,
    model: Model,
    scheduler: Scheduler,
    workers: Vec<Option<Worker>>,
    open: Vec<(usize, Batch)>,
    keys: u64,
    live: usize,
    /// What expired for a producer and no batch reported.
    unreported: Vec<(u64, u64)>,
    ledger: Ledger,
}

impl Run {
    fn new(config: Config, bounds: &[u32]) -> Self {
        let edges = Edges::new(bounds).unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let scheduler =
            Scheduler::virtually(Arc::clone(&clock), edges.clone(), config.clone()).unwrap();
        let workers = (0..WORKERS).map(|_| Some(scheduler.worker())).collect();
        let model = Model {
            edges,
            config,
            waiting: Vec::new(),
            floors: BTreeMap::new(),
            left: BTreeMap::new(),
            tickets: 0,
            entries: 0,
            taken: 0,
            closed: false,
            now: 0,
        };
        Self {
            clock,
            overdue: Overdue::default(),
            model,
            scheduler,
            workers,
            open: Vec::new(),
            keys: 0,
            live: 0,
            unreported: Vec::new(),
            ledger: Ledger::new(QUEUES),
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Submit(length, options) => self.submit(&[*length], *options, false),
            Op::SubmitMany(lengths, options) => self.submit(lengths, *options, true),
            Op::Tick(time) => {
                self.model.now += time;
                self.clock.store(self.model.now, Ordering::Relaxed);
            }
            Op::Next(worker) => self.next(*worker),
            Op::Resubmit(batch, rows, by, anywhere) => self.resubmit(*batch, rows, *by, *anywhere),
            Op::Done(batch) => self.end(*batch, Batch::done),
            Op::Drop(batch) => self.end(*batch, |_| ()),
            Op::Close => {
                self.scheduler.close();
                self.model.closed = true;
            }
            Op::Cancel(back) => self.cancel(*back),
            Op::Reconfigure(bounds, batch_size, max_parked, budget) => {
                let edges = bounds.map(|which| Edges::new(BOUNDS[which]).unwrap());
                self.reconfigure(edges, *batch_size, *max_parked, *budget);
            }
            Op::DropWorker(worker) => {
                if let Some(worker) = self.workers[*worker].take() {
                    worker.close();
                }
                self.model.drop_worker(*worker);
            }
        }
        // Who asks for the counters lets expire what is past its time to live.
        self.expire();
        let stats = self.scheduler.stats();
        assert_eq!(stats.waiting as usize, self.model.waiting.len());
        assert_eq!((stats.waiting + stats.leased) as usize, self.live);
        let waiting = self.model.waiting.iter().map(|entry| (entry.bin, entry.parked));
        self.ledger.check(&self.scheduler, waiting);
    }

    /// What is past its deadline frees its room; whether any cannot.
    fn expire(&mut self) -> bool {
        let most = self.model.config.capacity.max(1 << 16) - self.unreported.len();
        let (gone, left) = self.model.expire(most);
        self.live -= gone.len();
        self.unreported.extend(gone);
        left
    }

    fn submit(&mut self, lengths: &[u32], options: Options, bulk: bool) {
        let ages = self.model.config.ageing.is_some();
        let options = Options { priority: if ages { options.priority } else { 0 }, ..options };
        let keys: Vec<u64> = (self.keys..).take(lengths.len()).collect();
        let outcome = if bulk {
            self.scheduler.submit_many_with(&keys, lengths, &vec![options; keys.len()])
        } else {
            self.scheduler.submit_with(keys[0], lengths[0], &options)
        };
        let refused =
            matches!(outcome, Err(SubmitError::Budget { .. } | SubmitError::Closed { .. }));
        if !refused && lengths.len() > self.model.config.capacity - self.live {
            self.expire();
        }
        let room = self.model.config.capacity - self.live;
        let accepted = lengths.len().min(room);
        let too_dear = |&length: &u32| match self.model.config.budget {
            None => false,
            Some(Budget::Padded(most)) => u64::from(length.max(1)) > most,
            Some(Budget::Sum(most)) => u64::from(options.cost.unwrap_or(length)) > most,
        };
        assert!(outcome.is_err() || !lengths.iter().any(too_dear));
        match outcome {
            Ok(ticket) => assert_eq!(ticket, self.model.tickets),
            Err(SubmitError::Closed { .. }) => {
                assert!(self.model.closed);
                return;
            }
            Err(SubmitError::Full { accepted: said, first, .. }) => {
                assert!(accepted < lengths.len());
                let first_of_these = (accepted > 0).then_some(self.model.tickets);
                assert_eq!((said, first), (accepted, first_of_these));
            }
            Err(SubmitError::Priority(_)) => panic!("none is given where it may not be"),
            Err(SubmitError::Forked) => panic!("nothing forks"),
            Err(SubmitError::Budget { cost, budget, .. }) => {
                assert!(cost > budget && lengths.iter().any(too_dear));
                return;
            }
        }
        for (&key, &length) in keys.iter().zip(lengths).take(accepted) {
            self.model.submit(key, length, options);
            self.ledger.arrive(self.model.edges.bin(length));
        }
        self.keys += accepted as u64;
        self.live += accepted;
    }

    fn reconfigure(
        &mut self,
        edges: Option<Edges>,
        batch_size: Option<u32>,
        max_parked: Setting<usize>,
        budget: u64,
    ) {
        let budget = self.model.config.budget.map(|_| budget);
        let change =
            Change { edges: edges.clone(), batch_size, max_parked, budget, ..Change::default() };
        self.scheduler.reconfigure(&change).unwrap();
        let config = &mut self.model.config;
        config.batch_size = batch_size.unwrap_or(config.batch_size);
        config.max_parked = max_parked.apply(config.max_parked);
        if batch_size.is_some() {
            config.batch_sizes = None;
        }
        config.budget = config.budget.zip(budget).map(|(kind, most)| match kind {
            Budget::Padded(_) => Budget::Padded(most),
            Budget::Sum(_) => Budget::Sum(most),
        });
        assert_eq!(format!("{:?}", self.scheduler.config()), format!("{config:?}"));
        if let Some(edges) = edges {
            self.model.set_edges(edges);
        }
        assert_eq!(self.scheduler.edges(), self.model.edges);
    }

    fn cancel(&mut self, back: u64) {
        // One of them was never accepted.
        let ticket = self.model.tickets.saturating_sub(back);
        let waiting = self.model.waiting.len();
        self.model.waiting.retain(|entry| entry.ticket != ticket);
        let found = waiting - self.model.waiting.len();
        self.model.forget_empty();
        assert_eq!(self.scheduler.cancel(ticket), found == 1);
        self.live -= found;
    }

    fn next(&mut self, worker: usize) {
        let Some(handle) = &self.workers[worker] else { return };
        let got = handle.next_batch(Some(Duration::ZERO));
        let left = self.expire();
        let expired = std::mem::take(&mut self.unreported);
        if left {
            // So many are unreported that others cannot expire yet: they are not served.
            let batch = got.unwrap();
            assert_eq!((batch.rows(), batch.reason()), (&[][..], Reason::Expired));
            assert_eq!(reported(&batch), expired);
            self.ledger.leave(&batch);
            return;
        }
        // With climbers or ranks a head may wait behind others that are not overdue.
        let bounded = self.model.config.fill == Fill::Elastic
            && !self.model.is_ranked()
            && self.model.waiting.iter().all(|entry| !entry.started);
        if bounded {
            let overdue = self.model.waiting.iter().filter(|entry| self.model.overdue(entry));
            self.overdue.look(&overdue.map(|entry| entry.ticket).collect());
        } else {
            self.overdue.0.clear();
        }
        match (got, self.model.next(worker)) {
            (Ok(batch), Some((rows, bin, reason, limit))) => {
                let seen = |row: &Row| (row.key, row.ticket, row.length, row.progress);
                let mut got: Vec<_> = batch.rows().iter().map(seen).collect();
                let mut want: Vec<_> =
                    rows.iter().map(|e| (e.key, e.ticket, e.length, e.progress)).collect();
                if reason == Reason::LightLoad && self.model.is_ranked() {
                    // Rows of a heap come in any order.
                    got.sort_unstable();
                    want.sort_unstable();
                }
                assert_eq!(got, want);
                assert_eq!((batch.bin(), batch.reason(), batch.limit()), (bin, reason, limit));
                assert_eq!(reported(&batch), expired);
                self.overdue.check(&rows);
                self.model.take(&rows);
                self.ledger.leave(&batch);
                self.open.push((worker, batch));
            }
            (Ok(batch), None) => {
                assert!(!expired.is_empty());
                assert_eq!((batch.rows(), batch.reason()), (&[][..], Reason::Expired));
                self.ledger.leave(&batch);
                assert_eq!(reported(&batch), expired);
            }
            (Err(error @ (NextError::Closed | NextError::Timeout)), None) => {
                assert!(expired.is_empty());
                assert_eq!(error == NextError::Closed, self.model.closed);
            }
            (got, want) => panic!("got {got:?}, the rules say {want:?}"),
        }
    }

    fn resubmit(&mut self, batch: usize, mask: &[bool], by: u32, anywhere: bool) {
        if self.open.is_empty() {
            return;
        }
        let (worker, batch) = self.open.swap_remove(batch % self.open.len());
        let picked = |row: &usize| mask.get(*row).copied().unwrap_or(false);
        let rows: Vec<(usize, u32)> = (0..batch.rows().len())
            .filter(picked)
            .map(|row| (row, batch.rows()[row].progress + by))
            .collect();
        batch.resubmit(&rows, anywhere).unwrap();
        let alive = self.workers[worker].is_some();
        for &(row, progress) in &rows {
            let Row { key, ticket, length, arrival, cost, priority, deadline, .. } =
                batch.rows()[row];
            let after = (deadline != u64::MAX).then(|| Duration::from_nanos(deadline - arrival));
            let owner = (!anywhere && alive).then_some(worker);
            let progress = if anywhere || alive { progress } else { 0 };
            self.model.enter(&Entry {
                key,
                ticket,
                length,
                progress,
                bin: 0,
                order: 0,
                due: 0,
                owner,
                parked: anywhere || alive,
                started: true,
                arrival,
                entered: 0,
                options: Options { cost: Some(cost), priority, ttl: after },
            });
        }
        self.live -= batch.rows().len() - rows.len();
        batch.done();
        assert!(batch.resubmit(&[], false).is_err());
    }

    fn end(&mut self, batch: usize, end: impl Fn(&Batch)) {
        if self.open.is_empty() {
            return;
        }
        let (_, batch) = self.open.swap_remove(batch % self.open.len());
        end(&batch);
        self.live -= batch.rows().len();
    }
}

fn ops() -> impl Strategy<Value = Op> {
    let length = 0u32..70;
    let ttl = prop::option::weighted(0.2, (0u64..3_000).prop_map(Duration::from_nanos));
    let options = (prop::option::of(0u32..40), 0u32..3, ttl)
        .prop_map(|(cost, priority, ttl)| Options { cost, priority, ttl });
    prop_oneof![
        8 => (length.clone(), options.clone()).prop_map(|(length, options)| Op::Submit(length, options)),
        3 => (prop::collection::vec(length, 0..20), options)
            .prop_map(|(lengths, options)| Op::SubmitMany(lengths, options)),
        6 => (0u64..1_000).prop_map(Op::Tick),
        10 => (0..WORKERS).prop_map(Op::Next),
        4 => (any::<usize>(), prop::collection::vec(any::<bool>(), 8), 0u32..30, any::<bool>())
            .prop_map(|(batch, rows, by, anywhere)| Op::Resubmit(batch, rows, by, anywhere)),
        3 => any::<usize>().prop_map(Op::Done),
        1 => any::<usize>().prop_map(Op::Drop),
        1 => Just(Op::Close),
        4 => (0u64..100).prop_map(Op::Cancel),
        2 => (
            prop::option::of(0..BOUNDS.len()),
            prop::option::of(1u32..6),
            prop_oneof![
                2 => Just(Setting::Keep),
                1 => Just(Setting::Unset),
                1 => (0usize..20).prop_map(Setting::Set),
            ],
            1u64..300,
        )
            .prop_map(|(bounds, size, parked, budget)| {
                Op::Reconfigure(bounds, size, parked, budget)
            }),
        1 => (0..WORKERS).prop_map(Op::DropWorker),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let fill = prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)];
    let order = prop::sample::select(vec![
        None,
        Some(Order::Formed),
        Some(Order::Oldest),
        Some(Order::Shortest),
        Some(Order::Deadline),
    ]);
    let ageing = prop::option::weighted(0.3, 0.0..20e-9);
    let max_wait = prop::option::weighted(0.2, (0u64..3_000).prop_map(Duration::from_nanos));
    let overrun = prop_oneof![Just(Overrun::Finish), Just(Overrun::Climb)];
    let max_parked = prop_oneof![Just(None), (0usize..20).prop_map(Some)];
    let sizes = prop::option::weighted(0.3, prop::collection::vec(1u32..6, QUEUES));
    let budget = prop::option::weighted(0.4, (any::<bool>(), 1u64..300)).prop_map(|given| {
        given.map(|(padded, most)| if padded { Budget::Padded(most) } else { Budget::Sum(most) })
    });
    let max_padding = prop::option::weighted(0.3, 0.0..0.9);
    let limits = (sizes, budget, max_padding);
    (1u32..6, 6usize..60, fill, order, overrun, max_parked, ageing, max_wait, limits).prop_map(
        |(batch_size, capacity, fill, order, overrun, max_parked, ageing, max_wait, limits)| {
            Config {
                batch_sizes: limits.0,
                budget: limits.1,
                max_padding: limits.2,
                ageing: ageing.filter(|_| !matches!(order, Some(Order::Formed | Order::Deadline))),
                max_wait,
                capacity,
                max_parked,
                fill,
                order,
                overrun,
                max_bins: Some(QUEUES),
                ..Config::new(batch_size)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_batch_is_the_one_the_rules_name(
        config in configs(),
        bounds in prop::sample::select(BOUNDS.to_vec()),
        ops in prop::collection::vec(ops(), 0..120),
    ) {
        let mut run = Run::new(config, bounds);
        for op in &ops {
            run.step(op);
        }
    }
}

fn reported(batch: &Batch) -> Vec<(u64, u64)> {
    batch.expired().iter().map(|expired| (expired.key, expired.ticket)).collect()
}

#[test]
fn one_strict_bin_is_a_fifo() {
    let config = Config { fill: Fill::Strict, ..Config::new(4) };
    let scheduler = Scheduler::new(Edges::new(&[0, 1]).unwrap(), config).unwrap();
    for key in 0..10 {
        scheduler.submit(key, (key * 7919 % 100) as u32).unwrap();
    }
    scheduler.close();
    let worker = scheduler.worker();
    let mut keys = Vec::new();
    while let Ok(batch) = worker.next_batch(None) {
        keys.push(batch.rows().iter().map(|row| row.key).collect::<Vec<_>>());
        batch.done();
    }
    assert_eq!(keys, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}
