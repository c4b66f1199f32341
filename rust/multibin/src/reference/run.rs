//! A program on the shipped scheduler and on the reference, compared after every step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ledger::Ledger;
use super::program::{BOUNDS, Op, QUEUES, WORKERS};
use super::starvation::Starvation;
use super::state::Reference;
use crate::costs::BatchTimes;
use crate::{
    Batch, Budget, Change, Config, Edges, Fill, Options, Overrun, Scheduler, Setting, SubmitError,
    Worker,
};

pub(super) struct Run {
    clock: Arc<AtomicU64>,
    pub(super) starvation: Starvation,
    pub(super) reference: Reference,
    scheduler: Scheduler,
    pub(super) workers: Vec<Option<Worker>>,
    pub(super) open: Vec<(usize, Batch)>,
    keys: u64,
    /// Requests that wait or are leased.
    pub(super) live: usize,
    /// What expired for a producer and no batch reported.
    pub(super) unreported: Vec<(u64, u64)>,
    pub(super) ledger: Ledger,
}

impl Run {
    pub(super) fn new(config: Config, bounds: &[u32]) -> Self {
        let edges = Edges::new(bounds).unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let scheduler =
            Scheduler::virtually(Arc::clone(&clock), edges.clone(), config.clone()).unwrap();
        let workers = (0..WORKERS).map(|_| Some(scheduler.worker())).collect();
        Self {
            clock,
            starvation: Starvation::default(),
            reference: Reference::new(edges, config),
            scheduler,
            workers,
            open: Vec::new(),
            keys: 0,
            live: 0,
            unreported: Vec::new(),
            ledger: Ledger::new(QUEUES),
        }
    }

    /// Does one step on both, and compares the counters.
    pub(super) fn step(&mut self, op: &Op) {
        self.apply(op);
        // A call for the counters lets requests expire whose time to live is over.
        self.expire();
        let stats = self.scheduler.stats();
        assert_eq!(stats.waiting as usize, self.reference.waiting.len());
        assert_eq!((stats.waiting + stats.leased) as usize, self.live);
        let waiting = self.reference.waiting.iter().map(|entry| (entry.bin, entry.parked));
        self.ledger.check(&self.scheduler, waiting);
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Submit(length, options) => self.submit(&[*length], *options, false),
            Op::SubmitMany(lengths, options) => self.submit(lengths, *options, true),
            Op::Tick(time) => {
                self.reference.now += time;
                self.clock.store(self.reference.now, Ordering::Relaxed);
            }
            Op::Next(worker) => self.next(*worker),
            Op::Resubmit(batch, rows, by, anywhere) => self.resubmit(*batch, rows, *by, *anywhere),
            Op::Done(batch) => self.end(*batch, Batch::done),
            Op::Drop(batch) => self.end(*batch, |_| ()),
            Op::Close => {
                self.scheduler.close();
                self.reference.closed = true;
            }
            Op::Cancel(back) => self.cancel(*back),
            Op::Reconfigure(bounds, batch_size, max_parked, budget) => {
                let edges = bounds.map(|which| Edges::new(BOUNDS[which]).unwrap());
                self.reconfigure(edges, *batch_size, *max_parked, *budget);
            }
            Op::Costs(costs) => self.set_costs(costs),
            Op::DropWorker(worker) => {
                if let Some(worker) = self.workers[*worker].take() {
                    worker.close();
                }
                self.reference.drop_worker(*worker);
            }
        }
    }

    /// Frees the room of what is past its deadline. Returns true if some cannot expire yet.
    pub(super) fn expire(&mut self) -> bool {
        let max = self.reference.config.capacity.max(1 << 16) - self.unreported.len();
        let (gone, left) = self.reference.expire(max);
        self.live -= gone.len();
        self.unreported.extend(gone);
        left
    }

    fn submit(&mut self, lengths: &[u32], options: Options, bulk: bool) {
        let ages = self.reference.config.ageing.is_some();
        let options = Options { priority: if ages { options.priority } else { 0 }, ..options };
        let keys: Vec<u64> = (self.keys..).take(lengths.len()).collect();
        let outcome = if bulk {
            self.scheduler.submit_many_with(&keys, lengths, &vec![options; keys.len()])
        } else {
            self.scheduler.submit_with(keys[0], lengths[0], &options)
        };
        let refused =
            matches!(outcome, Err(SubmitError::Budget { .. } | SubmitError::Closed { .. }));
        if !refused && lengths.len() > self.reference.config.capacity - self.live {
            self.expire();
        }
        let room = self.reference.config.capacity - self.live;
        let accepted = lengths.len().min(room);
        self.check_outcome(&outcome, lengths, options, accepted);
        if refused {
            return;
        }
        for (&key, &length) in keys.iter().zip(lengths).take(accepted) {
            self.reference.submit(key, length, options);
            self.ledger.arrive(self.reference.edges.bin(length));
        }
        self.keys += accepted as u64;
        self.live += accepted;
    }

    fn check_outcome(
        &self,
        outcome: &Result<u64, SubmitError>,
        lengths: &[u32],
        options: Options,
        accepted: usize,
    ) {
        let too_dear = |&length: &u32| match self.reference.config.budget {
            None => false,
            Some(Budget::Padded(max)) => u64::from(length.max(1)) > max,
            Some(Budget::Sum(max)) => u64::from(options.cost.unwrap_or(length)) > max,
        };
        assert!(outcome.is_err() || !lengths.iter().any(too_dear));
        match outcome {
            Ok(ticket) => assert_eq!(*ticket, self.reference.tickets),
            Err(SubmitError::Closed { .. }) => assert!(self.reference.closed),
            Err(SubmitError::Full { accepted: reported, first, .. }) => {
                assert!(accepted < lengths.len());
                let first_of_these = (accepted > 0).then_some(self.reference.tickets);
                assert_eq!((*reported, *first), (accepted, first_of_these));
            }
            Err(SubmitError::Priority(_)) => panic!("none is given where it may not be"),
            Err(SubmitError::Forked) => panic!("nothing forks"),
            Err(SubmitError::Budget { cost, budget, .. }) => {
                assert!(cost > budget && lengths.iter().any(too_dear));
            }
        }
    }

    fn reconfigure(
        &mut self,
        edges: Option<Edges>,
        batch_size: Option<u32>,
        max_parked: Setting<usize>,
        budget: u64,
    ) {
        let budget = self.reference.config.budget.map(|_| budget);
        let change =
            Change { edges: edges.clone(), batch_size, max_parked, budget, ..Change::default() };
        self.scheduler.reconfigure(&change).unwrap();
        self.reference.plan = None;
        let config = &mut self.reference.config;
        config.batch_size = batch_size.unwrap_or(config.batch_size);
        config.max_parked = max_parked.apply(config.max_parked);
        if batch_size.is_some() {
            config.batch_sizes = None;
        }
        config.budget = config.budget.zip(budget).map(|(kind, max)| match kind {
            Budget::Padded(_) => Budget::Padded(max),
            Budget::Sum(_) => Budget::Sum(max),
        });
        assert_eq!(format!("{:?}", self.scheduler.config()), format!("{config:?}"));
        if let Some(edges) = edges {
            self.reference.set_edges(edges);
        }
        assert_eq!(self.scheduler.edges(), self.reference.edges);
    }

    /// Sets other costs where they are not refused.
    fn set_costs(&mut self, costs: &Setting<Arc<BatchTimes>>) {
        let change = Change { costs: costs.clone(), ..Change::default() };
        let outcome = self.scheduler.reconfigure(&change);
        let config = &mut self.reference.config;
        let (elastic, finish) = (config.fill == Fill::Elastic, config.overrun == Overrun::Finish);
        let refused = *costs != Setting::Unset && !(elastic && finish);
        assert_eq!(outcome.is_err(), refused);
        if !refused {
            config.costs = costs.clone().apply(None);
            self.reference.plan = None;
        }
    }

    fn cancel(&mut self, back: u64) {
        // One of them was never accepted.
        let ticket = self.reference.tickets.saturating_sub(back);
        let found = self.reference.cancel(ticket);
        assert_eq!(self.scheduler.cancel(ticket), found);
        self.live -= usize::from(found);
    }
}
