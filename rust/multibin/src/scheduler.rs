//! The live scheduler: producers, rings, the forming lock, and workers that sleep.

mod adapt;
mod admission;
mod alarm;
mod batch;
mod cancel;
mod clock;
mod drain;
mod errors;
mod expire;
mod fork;
mod form;
#[cfg(all(test, loom))]
mod loom_tests;
mod map;
mod next;
mod notifier;
mod park;
pub mod ring;
mod room;
#[cfg(all(test, not(loom)))]
mod sleep_tests;
mod sleepers;
mod snapshot;
mod submit;
mod wake;
pub(crate) mod wakes;
mod worker;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use self::alarm::{Again, Alarm};
pub use self::batch::{Batch, ResubmitError};
use self::cancel::Withdrawn;
use self::clock::Clock;
pub use self::drain::Drain;
use self::drain::Drainers;
pub use self::errors::{NextError, SubmitError};
use self::expire::Earliest;
use self::fork::{Generation, Shared};
use self::map::BinMap;
pub use self::next::NextBatch;
use self::room::Room;
pub use self::room::Submit;
use self::sleepers::Sleepers;
use self::wakes::{Lock, WakeList};
pub(crate) use self::worker::Handle;
pub use self::worker::Worker;

use self::admission::{Admission, Refused};
use self::notifier::Notifier;
use self::ring::{Ring, ring};
use crate::adapt::{Adaptation, Adapter, Event};
use crate::config::Budget;
use crate::config::{Change, Config, ConfigError, Overrun};
use crate::edges::Edges;
use crate::policy::Former;
use crate::policy::Rules;
use crate::policy::Slab;
use crate::request::WorkerId;
use crate::request::{Expired, Options, Reason, Submission, Ticket};
use crate::stats::{Counts, Snapshot, Stats};
use crate::sync::{self, AtomicU64};

/// The most slots that all rings have together, and that one has.
const ALL_SLOTS: usize = 1 << 13;
const RING_SLOTS: usize = 1 << 9;
/// Rows that `submit_many` sorts into bins at a time; their positions fit in a u16.
const BLOCK: usize = 4096;

/// Groups requests of similar length and hands out batches. Cheap to clone; clones share it.
///
/// It belongs to the process that made it: in a child of a fork, calls that return [`SubmitError`],
/// [`NextError`] or [`ResubmitError`](crate::ResubmitError) return their `Forked`, and the others
/// panic, but for [`Scheduler::is_forked`]; what is dropped there is forgotten.
#[derive(Debug, Clone)]
pub struct Scheduler(Shared);

/// What clones, workers and batches share.
#[derive(Debug)]
pub(crate) struct Inner {
    /// Of the process that made it.
    generation: Generation,
    map: BinMap,
    capacity: usize,
    /// Whether batches give requests back that are unfinished.
    climbs: bool,
    /// Whether requests may have priorities.
    ages: bool,
    /// The kind of budget, and what a request may cost.
    budget: Option<Budget>,
    affordable: AtomicU64,
    /// Nanoseconds of `max_wait`; `u64::MAX`: none.
    patience: AtomicU64,
    clock: Clock,
    admission: Admission,
    rings: Box<[sync::Arc<Ring<Submission>>]>,
    notifier: Notifier,
    /// Rows of leases that ended, by how.
    done: AtomicU64,
    lost: AtomicU64,
    /// Rows refused for want of room.
    refused: AtomicU64,
    /// When the first request that waits expires.
    earliest: Earliest,
    /// Calls that wait for room.
    room: Room,
    /// The forming lock.
    state: Lock<State>,
    /// Taken before the forming lock by who needs both; submitting and forming need only that one.
    adapter: Option<Lock<Adapter>>,
    drainers: Drainers,
    again: Again,
    alarm: Alarm,
}

/// What the forming lock guards.
#[derive(Debug)]
struct State {
    former: Former,
    config: Config,
    drains: Vec<ring::Drain<Submission>>,
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
        config.validate(&edges)?;
        let rules = Rules::new(&config);
        let bins = config.queues(&edges);
        // Later edges may have fewer.
        let config = Config { max_bins: Some(bins), ..config };
        let adapter = adapt::adapter(&config, &edges);
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
        let patience = AtomicU64::new(rules.max_wait.unwrap_or(u64::MAX));
        let state = |alarm| State {
            former,
            config,
            drains,
            drained: 0,
            withdrawn: Withdrawn::default(),
            sleepers: Sleepers::new(alarm),
            workers: 0,
            restarted: 0,
            cancelled: 0,
            expired: 0,
            batches: [0; Reason::ALL.len()],
            counts: Counts::new(bins),
        };
        Ok(Self(Shared::new(Arc::new_cyclic(|inner| {
            let alarm = Alarm::new(clock.clone(), inner);
            Inner {
                generation: Generation::current(),
                map,
                capacity,
                climbs: rules.overrun != Overrun::Finish,
                ages: rules.ages(),
                budget: rules.budget,
                affordable: AtomicU64::new(rules.budget.map_or(u64::MAX, Budget::max)),
                patience,
                clock,
                admission: Admission::new(capacity as u64),
                rings: rings.into(),
                notifier: Notifier::new(bins),
                done: AtomicU64::new(0),
                lost: AtomicU64::new(0),
                refused: AtomicU64::new(0),
                earliest: Earliest::new(),
                room: Room::new(alarm.clone()),
                state: Lock::new(state(alarm.clone())),
                adapter: adapter.map(Lock::new),
                drainers: Drainers::new(alarm.clone()),
                again: Again::new(alarm.clone()),
                alarm,
            }
        }))))
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
    /// [`SubmitError`] at capacity, while calls wait for room, and after [`Scheduler::close`].
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
        self.0.check_many(keys, lengths, options)?;
        self.0.submit_many(keys, lengths, options)
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

    /// Takes the requests that expired and that no batch has reported: each is reported once, by a
    /// batch or here. Frees the room of those whose deadline has passed. Blocking: takes the forming
    /// lock.
    #[must_use]
    pub fn expired(&self) -> Vec<Expired> {
        self.0.expired()
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
        self.0.assert_not_forked();
        Inner::observe(&self.0, predicted, actual);
    }

    /// What adaptation did so far; `None` without [`Config::adapt`].
    #[must_use]
    pub fn adaptation(&self) -> Option<Adaptation> {
        self.0.adapter(&WakeList::new()).map(|adapter| adapter.report())
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
        Worker::new(Handle::new(id, self.0.clone()))
    }

    /// Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
    pub fn close(&self) {
        self.0.assert_not_forked();
        if self.0.admission.close() {
            let wakes = WakeList::new();
            self.0.close_room(&wakes);
            // Under the lock no worker is between looking at the flag and falling asleep.
            self.0.lock(&wakes).wake_all(|_| true);
        }
    }

    /// Closes, then waits until nothing waits and nothing is leased, as long as `timeout` says
    /// (`None`: for ever): whether that is so. Another thread must take the batches. Blocking.
    #[must_use]
    pub fn drain(&self, timeout: Option<Duration>) -> bool {
        self.drain_async(timeout).wait()
    }

    /// Closes, as this is called, and returns [`Scheduler::drain`] as a future, for any executor; `timeout` counts
    /// from this call on.
    pub fn drain_async(&self, timeout: Option<Duration>) -> Drain {
        self.close();
        Drain::new(self.0.clone(), timeout)
    }

    /// For a waker whose task will never run: the one who was woken does not come, and another
    /// sleeper is woken at once if a batch waits, instead of 10 ms later. A [`NextBatch`] that is dropped does
    /// it by itself. A waker may call it: what it wakes is called after that waker has returned. Blocking: takes the
    /// forming lock.
    pub fn wake_another(&self) {
        self.0.wake_another();
    }

    /// Calls a waker again, from the scheduler's own thread: for one that failed, as its thread was
    /// interrupted or had no stack left. Where no thread can be started it is dropped.
    pub fn wake_later(&self, waker: Waker) {
        self.0.assert_not_forked();
        self.0.again.push(waker);
    }

    /// Whether [`Scheduler::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.assert_not_forked();
        self.0.admission.is_closed()
    }

    /// Whether this is a child of the process that made the scheduler, which cannot use it: make one in
    /// the child process. Forks of libc are noticed, on systems that have them.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.0.is_forked()
    }

    /// A snapshot of the counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let wakes = WakeList::new();
        self.0.expire_due(&wakes);
        let state = self.0.lock(&wakes);
        self.0.stats(&state)
    }

    /// A snapshot of all counters, those of each bin and the histogram of waits included. Blocking:
    /// takes the forming lock for O(bins × workers that hold climbers), after what is past its time to live
    /// has expired.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }
}

impl Inner {
    /// Whether what is dropped leaves it alone: in a child of the process that made it, and after
    /// a panic under the forming lock.
    pub(crate) fn is_beyond_use(&self) -> bool {
        self.is_forked() || self.state.is_poisoned()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.alarm.end();
    }
}
