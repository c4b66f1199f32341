//! Random programs on the shipped scheduler, held against the rules written down naively.
#![cfg(not(loom))]
#![expect(clippy::option_option, reason = "as in `Change`")]

use std::time::Duration;

use multibin::{
    Batch, Change, Config, Edges, Fill, NextError, Order, Overrun, Reason, Row, Scheduler,
    SubmitError, Worker,
};
use proptest::prelude::*;

#[path = "model/ledger.rs"]
mod ledger;

use ledger::Ledger;

const WORKERS: usize = 2;
const BOUNDS: [&[u32]; 3] = [&[0, 100], &[5, 20, 40], &[0, 8, 16, 32, 64, 65]];
/// Queues: more than any of the bounds have bins.
const QUEUES: usize = 7;

#[derive(Debug, Clone)]
enum Op {
    Submit(u32),
    SubmitMany(Vec<u32>),
    Next(usize),
    /// Of the open batch (chosen by the first number): climb these rows by so much, then done.
    Resubmit(usize, Vec<bool>, u32, bool),
    Done(usize),
    Drop(usize),
    Close,
    /// The request that was accepted so many before the last.
    Cancel(u64),
    /// Other bounds, another batch size, another bound of climbers.
    Reconfigure(Option<usize>, Option<u32>, Option<Option<usize>>),
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
}

impl Entry {
    /// Own climbers, anyone's, those who start.
    fn source(&self) -> u8 {
        if self.owner.is_some() { 0 } else { 2 - u8::from(self.parked) }
    }
}

struct Model {
    edges: Edges,
    config: Config,
    waiting: Vec<Entry>,
    tickets: u64,
    entries: u64,
    taken: u64,
    closed: bool,
}

type Leaves = (Vec<Entry>, usize, Reason, Option<u32>);

impl Model {
    fn enter(&mut self, entry: &Entry) {
        let ahead = self.waiting.len() as u64;
        let due = match self.config.fill {
            Fill::Elastic => self.taken + 2 * ahead + 4 * u64::from(self.config.batch_size),
            Fill::Strict => u64::MAX,
        };
        let bin = self.edges.bin(entry.length).max(self.edges.bin(entry.progress));
        self.waiting.push(Entry { bin, due, order: self.entries, ..entry.clone() });
        self.entries += 1;
    }

    fn submit(&mut self, key: u64, length: u32) {
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
        });
    }

    fn bin(&self, worker: usize, bin: usize) -> Vec<Entry> {
        let mine = |entry: &&Entry| entry.bin == bin && entry.owner.is_none_or(|o| o == worker);
        let mut entries: Vec<_> = self.waiting.iter().filter(mine).cloned().collect();
        entries.sort_by_key(|entry| entry.order);
        entries
    }

    fn overdue(&self, entry: &Entry) -> bool {
        self.taken > entry.due
    }

    fn next(&self, worker: usize) -> Option<Leaves> {
        let size = self.config.batch_size as usize;
        let mut bins: Vec<_> = (0..QUEUES).map(|bin| self.bin(worker, bin)).collect();
        let mut all: Vec<Entry> = bins.iter().flatten().cloned().collect();
        if all.is_empty() {
            return None;
        }
        let elastic = self.config.fill == Fill::Elastic;
        let parked = self.waiting.iter().filter(|entry| entry.parked).count();
        let bounded = self.config.max_parked.is_some_and(|most| parked >= most)
            && all.iter().any(|entry| entry.parked);
        if elastic && !self.closed && 2 * all.len() < 3 * size {
            all.retain(|entry| entry.parked || !bounded);
            let mut ranks: Vec<_> = all.iter().map(|e| (!self.overdue(e), e.ticket)).collect();
            ranks.sort_unstable();
            ranks.truncate(size);
            all.retain(|entry| ranks.contains(&(!self.overdue(entry), entry.ticket)));
            let bin = all.iter().find(|entry| entry.ticket == ranks[0].1).unwrap().bin;
            all.sort_by_key(|e| (e.bin != bin, e.source(), e.bin, e.order));
            let led: Vec<_> = all.iter().filter(|entry| entry.bin == bin).cloned().collect();
            return Some((all, bin, Reason::Few, self.limit(bin, &led)));
        }
        let heads = |bins: &[Vec<Entry>]| -> Vec<Entry> {
            bins.iter().filter_map(|bin| bin.first().cloned()).collect()
        };
        let overdue = heads(&bins).into_iter().filter(|head| self.overdue(head));
        if let Some(head) = overdue.min_by_key(|head| head.ticket) {
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
        let default = if climbing { Order::Oldest } else { Order::Formed };
        let full = bins.iter().filter(|bin| bin.len() >= size);
        let first = match self.config.order.unwrap_or(default) {
            Order::Oldest => full.min_by_key(|bin| bin[0].ticket),
            Order::Formed => full.min_by_key(|bin| bin[size - 1].order),
        };
        if let Some(bin) = first {
            return Some(self.gather(&bins, bin[0].bin, Reason::Full));
        }
        let oldest = heads(&bins).into_iter().min_by_key(|head| head.ticket).unwrap().bin;
        let reason = if self.closed { Reason::Drain } else { Reason::Elastic };
        (elastic || self.closed).then(|| self.gather(&bins, oldest, reason))
    }

    fn gather(&self, bins: &[Vec<Entry>], lead: usize, reason: Reason) -> Leaves {
        let size = self.config.batch_size as usize;
        let mut rows: Vec<_> = bins[lead].iter().take(size).cloned().collect();
        let limit = self.limit(lead, &rows);
        if self.config.fill == Fill::Elastic {
            let mut others: Vec<usize> = (0..bins.len()).filter(|&bin| bin != lead).collect();
            others.sort_by_key(|&bin| (bin.abs_diff(lead), bin));
            rows.extend(others.into_iter().flat_map(|bin| bins[bin].clone()));
            rows.truncate(size);
        }
        (rows, lead, reason, limit)
    }

    fn limit(&self, bin: usize, led: &[Entry]) -> Option<u32> {
        let upper = self.edges.upper(bin).filter(|_| self.config.overrun == Overrun::Climb)?;
        led.iter().map(|entry| upper.saturating_sub(entry.progress).max(1)).max()
    }

    fn take(&mut self, rows: &[Entry]) {
        self.waiting.retain(|entry| rows.iter().all(|row| row.ticket != entry.ticket));
        self.taken += rows.len() as u64;
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
            let due = self.taken + 2 * ahead + 4 * u64::from(self.config.batch_size);
            let strict = self.config.fill == Fill::Strict;
            let due = if strict { u64::MAX } else { due };
            let bin = self.edges.bin(entry.length);
            self.waiting.push(Entry {
                progress: 0,
                owner: None,
                parked: false,
                bin,
                due,
                order,
                ..entry
            });
        }
    }
}

struct Run {
    model: Model,
    scheduler: Scheduler,
    workers: Vec<Option<Worker>>,
    open: Vec<(usize, Batch)>,
    keys: u64,
    live: usize,
    ledger: Ledger,
}

impl Run {
    fn new(config: Config, bounds: &[u32]) -> Self {
        let edges = Edges::new(bounds).unwrap();
        let scheduler = Scheduler::new(edges.clone(), config.clone()).unwrap();
        let workers = (0..WORKERS).map(|_| Some(scheduler.worker())).collect();
        let model = Model {
            edges,
            config,
            waiting: Vec::new(),
            tickets: 0,
            entries: 0,
            taken: 0,
            closed: false,
        };
        let ledger = Ledger::new(QUEUES);
        Self { model, scheduler, workers, open: Vec::new(), keys: 0, live: 0, ledger }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Submit(length) => self.submit(&[*length], false),
            Op::SubmitMany(lengths) => self.submit(lengths, true),
            Op::Next(worker) => self.next(*worker),
            Op::Resubmit(batch, rows, by, anywhere) => self.resubmit(*batch, rows, *by, *anywhere),
            Op::Done(batch) => self.end(*batch, Batch::done),
            Op::Drop(batch) => self.end(*batch, |_| ()),
            Op::Close => {
                self.scheduler.close();
                self.model.closed = true;
            }
            Op::Cancel(back) => self.cancel(*back),
            Op::Reconfigure(bounds, batch_size, max_parked) => {
                let edges = bounds.map(|which| Edges::new(BOUNDS[which]).unwrap());
                self.reconfigure(edges, *batch_size, *max_parked);
            }
            Op::DropWorker(worker) => {
                self.workers[*worker] = None;
                self.model.drop_worker(*worker);
            }
        }
        let stats = self.scheduler.stats();
        assert_eq!(stats.waiting as usize, self.model.waiting.len());
        assert_eq!((stats.waiting + stats.leased) as usize, self.live);
        let waiting = self.model.waiting.iter().map(|entry| (entry.bin, entry.parked));
        self.ledger.check(&self.scheduler, waiting);
    }

    fn submit(&mut self, lengths: &[u32], bulk: bool) {
        let keys: Vec<u64> = (self.keys..).take(lengths.len()).collect();
        let outcome = if bulk {
            self.scheduler.submit_many(&keys, lengths)
        } else {
            self.scheduler.submit(keys[0], lengths[0])
        };
        let room = self.model.config.capacity - self.live;
        let accepted = lengths.len().min(room);
        match outcome {
            Ok(ticket) => assert_eq!(ticket, self.model.tickets),
            Err(SubmitError::Closed) => {
                assert!(self.model.closed);
                return;
            }
            Err(SubmitError::Full { accepted: said, .. }) => {
                assert!(accepted < lengths.len());
                assert_eq!(said, accepted);
            }
        }
        for (&key, &length) in keys.iter().zip(lengths).take(accepted) {
            self.model.submit(key, length);
            self.ledger.arrive(self.model.edges.bin(length));
        }
        self.keys += accepted as u64;
        self.live += accepted;
    }

    fn reconfigure(
        &mut self,
        edges: Option<Edges>,
        batch_size: Option<u32>,
        max_parked: Option<Option<usize>>,
    ) {
        let change = Change { edges: edges.clone(), batch_size, max_parked, ..Change::default() };
        self.scheduler.reconfigure(&change).unwrap();
        let config = &mut self.model.config;
        config.batch_size = batch_size.unwrap_or(config.batch_size);
        config.max_parked = max_parked.unwrap_or(config.max_parked);
        assert_eq!(format!("{:?}", self.scheduler.config()), format!("{config:?}"));
        self.model.edges = edges.unwrap_or_else(|| self.model.edges.clone());
        assert_eq!(self.scheduler.edges(), self.model.edges);
    }

    fn cancel(&mut self, back: u64) {
        // One of them was never accepted.
        let ticket = self.model.tickets.saturating_sub(back);
        let waiting = self.model.waiting.len();
        self.model.waiting.retain(|entry| entry.ticket != ticket);
        let found = waiting - self.model.waiting.len();
        assert_eq!(self.scheduler.cancel(ticket), found == 1);
        self.live -= found;
    }

    fn next(&mut self, worker: usize) {
        let Some(handle) = &self.workers[worker] else { return };
        match (handle.next_batch(Some(Duration::ZERO)), self.model.next(worker)) {
            (Ok(batch), Some((rows, bin, reason, limit))) => {
                let seen = |row: &Row| (row.key, row.ticket, row.length, row.progress);
                let got: Vec<_> = batch.rows().iter().map(seen).collect();
                let want: Vec<_> =
                    rows.iter().map(|e| (e.key, e.ticket, e.length, e.progress)).collect();
                assert_eq!(got, want);
                assert_eq!((batch.bin(), batch.reason(), batch.limit()), (bin, reason, limit));
                self.model.take(&rows);
                self.ledger.leave(&batch);
                self.open.push((worker, batch));
            }
            (Err(NextError::Closed), None) => assert!(self.model.closed),
            (Err(NextError::Timeout), None) => assert!(!self.model.closed),
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
            let Row { key, ticket, length, .. } = batch.rows()[row];
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
    prop_oneof![
        8 => length.clone().prop_map(Op::Submit),
        3 => prop::collection::vec(length, 0..20).prop_map(Op::SubmitMany),
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
            prop::option::of(prop::option::of(0usize..20)),
        )
            .prop_map(|(bounds, size, parked)| Op::Reconfigure(bounds, size, parked)),
        1 => (0..WORKERS).prop_map(Op::DropWorker),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let fill = prop_oneof![Just(Fill::Elastic), Just(Fill::Strict)];
    let order = prop_oneof![Just(None), Just(Some(Order::Formed)), Just(Some(Order::Oldest))];
    let overrun = prop_oneof![Just(Overrun::Finish), Just(Overrun::Climb)];
    let max_parked = prop_oneof![Just(None), (0usize..20).prop_map(Some)];
    (1u32..6, 6usize..60, fill, order, overrun, max_parked).prop_map(
        |(batch_size, capacity, fill, order, overrun, max_parked)| Config {
            capacity,
            max_parked,
            fill,
            order,
            overrun,
            max_bins: Some(QUEUES),
            ..Config::new(batch_size)
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
