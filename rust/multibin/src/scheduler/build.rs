//! Construction: checks a configuration, and allocates all that requests will need.

use std::sync::{Arc, Weak};

use super::admission::Admission;
use super::bin_map::BinMap;
use super::clock::Clock;
use super::earliest::Earliest;
use super::handle::{Scheduler, Shared};
use super::inner::{Inner, State};
use super::locks::Lock;
use super::notifier::Notifier;
use super::recording::Log;
use super::ring::{Consumer, Ring, ring};
use super::waiters::{DrainWaiters, Retries, Room, TimerThread, Waiters};
use super::withdrawn::Withdrawn;
use crate::adapt::Adapter;
use crate::config::{Budget, Config, ConfigError, Overrun};
use crate::edges::Edges;
use crate::fork::Generation;
use crate::policy::{Former, Rules, Slab};
use crate::record::Recorder;
use crate::request::{Reason, Submission};
use crate::stats::Counts;
use crate::sync::{self, AtomicU64};

/// The most slots that all rings have together.
const ALL_SLOTS: usize = 1 << 13;
/// The most slots that one ring has.
const RING_SLOTS: usize = 1 << 9;

type Rings = Box<[sync::Arc<Ring<Submission>>]>;

/// What is made before anything shares it.
struct Parts {
    rules: Rules,
    capacity: usize,
    bin_map: BinMap,
    rings: Rings,
    adapter: Option<Adapter>,
    recorder: Option<Recorder>,
}

impl Scheduler {
    /// Makes a scheduler on a clock that the caller moves.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn virtually(
        now: Arc<std::sync::atomic::AtomicU64>,
        edges: Edges,
        config: Config,
    ) -> Result<Self, ConfigError> {
        Self::on(Clock::Virtual(now), edges, config, None)
    }

    /// Makes a scheduler on a clock.
    pub(super) fn on(
        clock: Clock,
        edges: Edges,
        config: Config,
        recorder: Option<Recorder>,
    ) -> Result<Self, ConfigError> {
        config.validate(&edges)?;
        let (rules, capacity) = (Rules::new(&config), config.capacity);
        let bins = config.queues(&edges);
        // Later edges may have fewer bins.
        let config = Config { max_bins: Some(bins), ..config };
        let adapter = adapter(&config, &edges, &rules);
        let (rings, consumers) = rings(bins, capacity);
        let bin_map = BinMap::new(&edges, bins);
        let former = former(&config, rules, edges, bins)?;
        let parts = Parts { rules, capacity, bin_map, rings, adapter, recorder };
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let timer = TimerThread::new(clock.clone(), Weak::clone(inner) as _);
            let state = state(former, config, consumers, timer.clone());
            parts.assemble(clock, state, timer)
        });
        Ok(Self(Shared::new(inner)))
    }
}

fn adapter(config: &Config, edges: &Edges, rules: &Rules) -> Option<Adapter> {
    let queues = config.queues(edges);
    config.adapt.map(|adapt| Adapter::new(adapt, edges.clone(), queues, rules))
}

/// Makes a ring for each bin, smaller ones if there are many bins.
fn rings(bins: usize, capacity: usize) -> (Rings, Vec<Consumer<Submission>>) {
    let slots = (ALL_SLOTS / bins.next_power_of_two())
        .clamp(16, RING_SLOTS)
        .min(capacity.next_power_of_two());
    let (rings, consumers): (Vec<_>, Vec<_>) = (0..bins).map(|_| ring(slots)).unzip();
    (rings.into(), consumers)
}

/// Allocates the queues and one slab entry for each request of the capacity.
fn former(config: &Config, rules: Rules, edges: Edges, bins: usize) -> Result<Former, ConfigError> {
    let capacity = config.capacity;
    let memory = |_| ConfigError::Memory(capacity);
    let slab = Slab::new(capacity, bins, rules.ranking).map_err(memory)?;
    let former = Former::new(rules, config.sizes(bins), edges, slab, capacity).map_err(memory)?;
    Ok(former.with_costs(config.costs.as_ref()))
}

fn state(
    former: Former,
    config: Config,
    consumers: Vec<Consumer<Submission>>,
    timer: TimerThread,
) -> State {
    let counts = Counts::new(consumers.len());
    State {
        former,
        config,
        consumers,
        collected: 0,
        withdrawn: Withdrawn::default(),
        waiters: Waiters::new(timer),
        workers: 0,
        restarted: 0,
        cancelled: 0,
        expired: 0,
        batches: [0; Reason::ALL.len()],
        counts,
    }
}

impl Parts {
    fn assemble(self, clock: Clock, state: State, timer: TimerThread) -> Inner {
        let Self { rules, capacity, bin_map, rings, adapter, recorder } = self;
        Inner {
            generation: Generation::current(),
            bin_map,
            capacity,
            climbs: rules.overrun != Overrun::Finish,
            ages: rules.ages(),
            budget: rules.budget,
            max_request_cost: AtomicU64::new(rules.budget.map_or(u64::MAX, Budget::max)),
            max_wait: AtomicU64::new(rules.max_wait.unwrap_or(u64::MAX)),
            clock,
            admission: Admission::new(capacity as u64),
            notifier: Notifier::new(rings.len()),
            rings,
            done: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            earliest: Earliest::new(),
            room: Room::new(timer.clone()),
            state: Lock::new(state),
            adapter: adapter.map(Lock::new),
            drain_waiters: DrainWaiters::new(timer.clone()),
            retries: Retries::new(timer.clone()),
            timer,
            log: recorder.map(Log::new),
        }
    }
}
