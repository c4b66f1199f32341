//! The live scheduler: producers, rings, the forming lock, and workers that sleep.

mod adapt;
mod cancel;
mod clock;
mod drain;
mod form;
#[cfg(all(test, loom))]
mod loom_tests;
mod map;
mod next;
mod sleepers;
mod snapshot;
mod submit;
mod wake;
pub(crate) mod wakes;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use self::cancel::Withdrawn;
use self::clock::Clock;
use self::map::BinMap;
pub use self::next::NextBatch;
use self::sleepers::Sleepers;
use self::wakes::{Lock, WakeList};

use crate::adapt::{Adaptation, Adapter, Event};
use crate::admission::{Admission, Refused};
use crate::batch::Batch;
use crate::bell::Bell;
use crate::config::{Change, Config, ConfigError, Rules};
use crate::edges::Edges;
use crate::former::{Former, WorkerId};
use crate::load::Budget;
use crate::queue::{Drain, Ring, ring};
use crate::request::{Options, Reason, Submission, Ticket};
use crate::stats::{Counts, Snapshot, Stats};
use crate::sync::{self, AtomicU32, AtomicU64, Condvar, Mutex};
use crate::waiting::Slab;

/// The most slots that all rings have together, and that one has.
const ALL_SLOTS: usize = 1 << 13;
const RING_SLOTS: usize = 1 << 9;
/// Rows that `submit_many` sorts into bins at a time; their positions fit in a u16.
const BLOCK: usize = 4096;

/// Why a request was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// As many as `capacity` wait or are leased.
    #[error("at capacity: {capacity} requests wait or are leased; {accepted} accepted")]
    Full {
        /// The capacity.
        capacity: usize,
        /// How many of this call were accepted: a prefix.
        accepted: usize,
        /// The first ticket of these (the others follow it), unless there are none.
        first: Option<Ticket>,
    },
    /// `close()` was called.
    #[error("the scheduler is closed")]
    Closed,
    /// It costs more than a batch may.
    #[error("{argument}: {cost} exceeds budget = {budget}", argument = if *padded { "length" } else { "cost" })]
    Budget {
        /// What it costs.
        cost: u64,
        /// What a batch may cost.
        budget: u64,
        /// Whether its length counts, and not its cost.
        padded: bool,
    },
    /// A priority, and nothing says how these age.
    #[error("priority: {0} needs a scheduler with ageing")]
    Priority(u32),
}

/// Why there is no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NextError {
    /// The time is over.
    #[error("no batch within the timeout")]
    Timeout,
    /// The scheduler is closed and nothing waits that this worker may take.
    #[error("closed: nothing waits that this worker may take")]
    Closed,
    /// [`Worker::close`] was called.
    #[error("the worker is closed")]
    WorkerClosed,
}

/// Groups requests of similar length and hands out batches. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Scheduler(Arc<Inner>);

/// Takes batches. Climbers that it resubmits come back to it alone; when it is dropped, those that
/// still wait start anew in the shared queues.
#[derive(Debug)]
pub struct Worker {
    id: WorkerId,
    scheduler: Arc<Inner>,
}

/// What clones, workers and batches share.
#[derive(Debug)]
pub(crate) struct Inner {
    map: BinMap,
    capacity: usize,
    /// Whether requests may have priorities.
    ages: bool,
    /// The kind of budget, and what a request may cost.
    budget: Option<Budget>,
    affordable: AtomicU64,
    clock: Clock,
    admission: Admission,
    rings: Box<[sync::Arc<Ring<Submission>>]>,
    bell: Bell,
    /// Rows of leases that ended, by how.
    done: AtomicU64,
    lost: AtomicU64,
    /// The forming lock.
    state: Lock<State>,
    /// Taken before the forming lock by who needs both; submitting and forming need only that one.
    adapter: Option<Lock<Adapter>>,
    /// Threads in [`Scheduler::drain`], who wait for the last lease to end. The lock is taken under
    /// any other one.
    drainers: AtomicU32,
    drain_lock: Mutex<()>,
    drained: Condvar,
}

/// What the forming lock guards.
#[derive(Debug)]
struct State {
    former: Former,
    config: Config,
    drains: Vec<Drain<Submission>>,
    /// First entries taken from the rings.
    drained: u64,
    withdrawn: Withdrawn,
    sleepers: Sleepers,
    workers: WorkerId,
    restarted: u64,
    cancelled: u64,
    expired: u64,
    batches: [u64; Reason::ALL.len()],
    counts: Counts,
}

impl Scheduler {
    /// A scheduler with one queue per bin of `edges`. Allocates its rings and reserves one slab
    /// entry per request of the capacity; nothing is allocated per request after that.
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of range.
    pub fn new(edges: Edges, config: Config) -> Result<Self, ConfigError> {
        Self::on(Clock::start(), edges, config)
    }

    /// A scheduler on a clock that the caller moves.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn virtually(
        now: Arc<std::sync::atomic::AtomicU64>,
        edges: Edges,
        config: Config,
    ) -> Result<Self, ConfigError> {
        Self::on(Clock::Virtual(now), edges, config)
    }

    fn on(clock: Clock, edges: Edges, config: Config) -> Result<Self, ConfigError> {
        let rules = Rules::new(&config)?;
        config.check(&edges)?;
        let bins = config.queues(&edges);
        // Later edges may have fewer.
        let config = Config { max_bins: Some(bins), ..config };
        let adapter = adapt::adapter(&config, &edges)?;
        let slots = (ALL_SLOTS / bins.next_power_of_two())
            .clamp(16, RING_SLOTS)
            .min(config.capacity.next_power_of_two());
        let (rings, drains): (Vec<_>, Vec<_>) = (0..bins).map(|_| ring(slots)).unzip();
        let capacity = config.capacity;
        let map = BinMap::new(&edges, bins);
        let memory = |_| ConfigError::Memory(capacity);
        let slab = Slab::new(capacity, bins, rules.rank).map_err(memory)?;
        let former =
            Former::new(rules, config.sizes(bins), edges, slab, capacity).map_err(memory)?;
        let state = State {
            former,
            config,
            drains,
            drained: 0,
            withdrawn: Withdrawn::default(),
            sleepers: Sleepers::default(),
            workers: 0,
            restarted: 0,
            cancelled: 0,
            expired: 0,
            batches: [0; Reason::ALL.len()],
            counts: Counts::new(bins),
        };
        Ok(Self(Arc::new(Inner {
            map,
            capacity,
            ages: rules.ages(),
            budget: rules.budget,
            affordable: AtomicU64::new(rules.budget.map_or(u64::MAX, Budget::most)),
            clock,
            admission: Admission::new(capacity as u64),
            rings: rings.into(),
            bell: Bell::new(bins),
            done: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            state: Lock::new(state),
            adapter: adapter.map(Lock::new),
            drainers: AtomicU32::new(0),
            drain_lock: Mutex::new(()),
            drained: Condvar::new(),
        })))
    }

    /// The edges in use, while the gate of [`Config::adapt`] is open.
    #[must_use]
    pub fn edges(&self) -> Edges {
        self.0.lock(&WakeList::new()).former.edges().clone()
    }

    /// The configuration in use.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.lock(&WakeList::new()).config.clone()
    }

    /// Changes edges, batch size and waits while requests flow. Who waits stays in its queue, and
    /// who enters one from now on is placed by the new edges. Blocking: takes the forming lock;
    /// producers are not held up.
    ///
    /// # Errors
    /// [`ConfigError`] when a value is out of range; nothing is changed then.
    pub fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        self.0.reconfigure(change)
    }

    /// Accepts a request of `length` predicted steps.
    ///
    /// Lock-free until the ring of its bin is full; then blocking: it takes the forming lock and
    /// empties that ring, and waits for any producer that stalled half-way inside it. When a
    /// worker sleeps and this request makes a batch possible, waking it takes the lock too.
    ///
    /// # Errors
    /// [`SubmitError`] at capacity and after [`Scheduler::close`].
    #[inline]
    pub fn submit(&self, key: u64, length: u32) -> Result<Ticket, SubmitError> {
        self.0.submit(key, length)
    }

    /// As [`Scheduler::submit`], with what else is known of the request.
    ///
    /// # Errors
    /// [`SubmitError`], also for a priority without [`Config::ageing`].
    pub fn submit_with(
        &self,
        key: u64,
        length: u32,
        options: &Options,
    ) -> Result<Ticket, SubmitError> {
        self.0.submit_with(key, length, options)
    }

    /// Accepts requests in bulk, in order, with one arrival time; returns the first ticket (the
    /// others follow it) and claims ring slots by blocks. Progress as for [`Scheduler::submit`].
    ///
    /// # Errors
    /// [`SubmitError::Full`] at capacity, when only a prefix was accepted, and
    /// [`SubmitError::Closed`].
    ///
    /// # Panics
    /// If `keys` and `lengths` differ in length.
    pub fn submit_many(&self, keys: &[u64], lengths: &[u32]) -> Result<Ticket, SubmitError> {
        self.submit_many_with(keys, lengths, &[])
    }

    /// As [`Scheduler::submit_many`], with what else is known of each request; `options` may be
    /// empty.
    ///
    /// # Errors
    /// As [`Scheduler::submit_many`], and for a priority without [`Config::ageing`]: then nothing
    /// was accepted.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub fn submit_many_with(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
    ) -> Result<Ticket, SubmitError> {
        assert_eq!(keys.len(), lengths.len(), "keys and lengths differ in length");
        assert!([0, keys.len()].contains(&options.len()), "keys and options differ in length");
        let inner = &*self.0;
        if inner.budget.is_some() || !options.is_empty() {
            let options_of = |i: usize| options.get(i).copied().unwrap_or_default();
            let mut requests = lengths.iter().enumerate();
            requests.try_for_each(|(i, &length)| inner.check(length, &options_of(i)))?;
        }
        if keys.is_empty() {
            let closed = inner.admission.is_closed();
            return if closed { Err(SubmitError::Closed) } else { Ok(inner.admission.admitted()) };
        }
        let (first, granted) = inner.admit(keys.len() as u64)?;
        let accepted = granted as usize;
        inner.enqueue(first, &keys[..accepted], &lengths[..accepted], options);
        if accepted < keys.len() {
            let (capacity, first) = (inner.capacity, Some(first));
            return Err(SubmitError::Full { capacity, accepted, first });
        }
        Ok(first)
    }

    /// Takes a request back that waits: true if it will not be delivered, also not as a climber;
    /// false if it was, or was cancelled before. Its capacity is free at once.
    ///
    /// Blocking: takes the forming lock, and then O(batch size), with priorities or deadlines O(log of
    /// what waits), too. A mark that needs no lock would cost every
    /// request a locked instruction when it is taken, to make this rare call faster.
    #[must_use]
    pub fn cancel(&self, ticket: Ticket) -> bool {
        self.0.cancel(ticket)
    }

    /// A request is finished: the steps that were predicted and those that it took. Without
    /// [`Config::adapt`] nothing is done.
    ///
    /// Blocking, by a mutex that neither submitting nor forming takes. Every 100th call judges the
    /// gate, every 500th looks for a drift, some tens of microseconds each; a fit of edges, some
    /// milliseconds, runs on a thread of its own that ends with it. Edges that change, and a gate that
    /// turns, take the forming lock for as long as it takes to copy the bounds.
    pub fn observe(&self, predicted: u32, actual: u32) {
        self.observe_many(&[predicted], &[actual]);
    }

    /// As [`Scheduler::observe`], in this order.
    ///
    /// # Panics
    /// If `predicted` and `actual` differ in length.
    pub fn observe_many(&self, predicted: &[u32], actual: &[u32]) {
        assert_eq!(predicted.len(), actual.len(), "predicted and actual differ in length");
        Inner::observe(&self.0, predicted, actual);
    }

    /// What adaptation did so far; `None` without [`Config::adapt`].
    #[must_use]
    pub fn adaptation(&self) -> Option<Adaptation> {
        self.0.adapter(&WakeList::new()).map(|adapter| adapter.so_far())
    }

    /// What adaptation did since this was last asked, at most the last 64 events.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.0.adapter(&WakeList::new()).map_or_else(Vec::new, |mut adapter| adapter.events())
    }

    /// A new worker.
    #[must_use]
    pub fn worker(&self) -> Worker {
        let wakes = WakeList::new();
        let mut state = self.0.lock(&wakes);
        let id = state.workers;
        state.workers += 1;
        state.former.add_worker(id);
        Worker { id, scheduler: Arc::clone(&self.0) }
    }

    /// Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
    pub fn close(&self) {
        if self.0.admission.close() {
            // Under the lock nobody is between looking at the flag and falling asleep.
            self.0.lock(&WakeList::new()).wake_all(|_| true);
        }
    }

    /// Closes, then waits until nothing waits and nothing is leased, as long as `timeout` says
    /// (`None`: for ever): whether that is so. Somebody else must take the batches. Blocking.
    #[must_use]
    pub fn drain(&self, timeout: Option<Duration>) -> bool {
        self.close();
        self.0.wait_until_drained(timeout)
    }

    /// Whoever was woken and will not ask says so, and another sleeper is woken if a batch waits.
    /// A [`NextBatch`] that is dropped does it by itself; this is for a waker whose task never runs
    /// again. Blocking: takes the forming lock.
    pub fn wake_another(&self) {
        self.0.wake_one();
    }

    /// Whether [`Scheduler::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.admission.is_closed()
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let wakes = WakeList::new();
        let state = self.0.lock(&wakes);
        self.0.stats(&state)
    }

    /// A snapshot of all counters, those of each bin and the histogram of waits included. Blocking:
    /// takes the forming lock once, for O(bins × workers that hold climbers); nothing is moved or
    /// woken.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }
}

impl Worker {
    /// The next batch; waits for it as long as `timeout` says (`None`: for ever).
    ///
    /// Blocking: takes the forming lock, and sleeps without polling while no batch may leave; beside
    /// a producer that was stopped half-way, one of those who sleep looks every 50 µs.
    ///
    /// # Errors
    /// [`NextError`] when the time is over, the scheduler is closed and nothing waits for this
    /// worker (not final: who resubmits later asks again), or the worker is closed.
    pub fn next_batch(&self, timeout: Option<Duration>) -> Result<Batch, NextError> {
        let (formed, now) = self.scheduler.next(self.id, timeout)?;
        Ok(Batch::new(formed, now, self.id, Arc::clone(&self.scheduler)))
    }

    /// The next batch as a future, for any executor; `timeout` counts from this call on. Who waits
    /// when the worker is closed or dropped gets [`NextError::WorkerClosed`].
    pub fn next_batch_async(&self, timeout: Option<Duration>) -> NextBatch {
        NextBatch::new(&self.scheduler, self.id, timeout)
    }

    /// The scheduler that it takes from.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler(Arc::clone(&self.scheduler))
    }

    /// Hands the waiting climbers back to the shared queues, where they start anew; whoever waits
    /// in [`Worker::next_batch`], and later calls, get [`NextError::WorkerClosed`].
    pub fn close(&self) {
        self.scheduler.remove_worker(self.id);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.close();
    }
}
