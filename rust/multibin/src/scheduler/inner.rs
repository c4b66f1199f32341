//! What all handles of a scheduler share, and what the forming lock guards.

use std::time::Duration;

use super::admission::Admission;
use super::bin_map::BinMap;
use super::clock::Clock;
use super::earliest::Earliest;
use super::locks::{Guard, Lock, WakeList};
use super::notifier::Notifier;
use super::recording::Log;
use super::ring::{Consumer, Ring};
use super::waiters::{DrainWaiters, Retries, Room, TimerThread, Waiters};
use super::withdrawn::Withdrawn;
use crate::adapt::Adapter;
use crate::config::{Budget, Config};
use crate::fork::{FORKED, Generation};
use crate::policy::Former;
use crate::request::{Reason, Submission, WorkerId};
use crate::stats::Counts;
use crate::sync::{self, AtomicU64};
use crate::time::nanoseconds;

/// What clones, workers and batches share.
#[derive(Debug)]
pub(crate) struct Inner {
    /// That of the process that made it.
    pub(super) generation: Generation,
    pub(super) bin_map: BinMap,
    pub(super) capacity: usize,
    /// True if batches resubmit unfinished requests.
    pub(super) climbs: bool,
    /// True if requests may have priorities.
    pub(super) ages: bool,
    pub(super) budget: Option<Budget>,
    /// What a request may cost in that budget.
    pub(super) max_request_cost: AtomicU64,
    /// Nanoseconds of `max_wait`; `u64::MAX`: none.
    pub(super) max_wait: AtomicU64,
    pub(super) clock: Clock,
    pub(super) admission: Admission,
    pub(super) rings: Box<[sync::Arc<Ring<Submission>>]>,
    pub(super) notifier: Notifier,
    /// Rows of leases that ended with [`Batch::done`](super::Batch::done).
    pub(super) done: AtomicU64,
    /// Rows of leases that ended without.
    pub(super) lost: AtomicU64,
    /// Rows refused for want of room.
    pub(super) refused: AtomicU64,
    pub(super) earliest: Earliest,
    pub(super) room: Room,
    /// The forming lock.
    pub(super) state: Lock<State>,
    /// A call that needs both takes this lock before the forming lock. Submitting and forming need
    /// the latter alone.
    pub(super) adapter: Option<Lock<Adapter>>,
    pub(super) drain_waiters: DrainWaiters,
    pub(super) retries: Retries,
    pub(super) timer: TimerThread,
    /// Where ends are recorded, if they are.
    pub(super) log: Option<Log>,
}

/// What the forming lock guards.
#[derive(Debug)]
pub(crate) struct State {
    pub(super) former: Former,
    pub(super) config: Config,
    /// The consumers of the rings, by bin.
    pub(super) consumers: Vec<Consumer<Submission>>,
    /// Requests collected from the rings.
    pub(super) collected: u64,
    pub(super) withdrawn: Withdrawn,
    pub(super) waiters: Waiters,
    /// The id of the next worker.
    pub(super) workers: WorkerId,
    pub(super) restarted: u64,
    pub(super) cancelled: u64,
    pub(super) expired: u64,
    pub(super) batches: [u64; Reason::ALL.len()],
    pub(super) counts: Counts,
}

/// The forming lock, held.
pub(super) type Locked<'a> = Guard<'a, State>;

impl Inner {
    /// Returns the nanoseconds since the scheduler was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Returns when a timeout from now on is over; `u64::MAX`: never.
    pub(super) fn end_of(&self, timeout: Option<Duration>) -> u64 {
        timeout.map_or(u64::MAX, |wait| self.now().saturating_add(nanoseconds(wait)))
    }

    /// Takes the forming lock.
    ///
    /// # Panics
    /// After a panic under it, and in a child of the process that made the scheduler.
    #[inline]
    pub(super) fn lock<'a>(&'a self, wakes: &'a WakeList) -> Locked<'a> {
        self.assert_not_forked();
        self.state.lock(wakes)
    }

    /// Takes the adapter's lock, if there is one.
    pub(super) fn adapter<'a>(&'a self, wakes: &'a WakeList) -> Option<Guard<'a, Adapter>> {
        self.assert_not_forked();
        self.adapter.as_ref().map(|adapter| adapter.lock(wakes))
    }

    /// Returns true in a child of the process that made it.
    #[inline]
    pub(super) fn is_forked(&self) -> bool {
        self.generation.is_over()
    }

    /// Panics in a child of the process that made it.
    #[inline]
    pub(super) fn assert_not_forked(&self) {
        assert!(!self.is_forked(), "{FORKED}");
    }

    /// Returns true if a drop must not touch it. So it is in a child of the process that made it,
    /// and after a panic under the forming lock.
    pub(super) fn is_unusable(&self) -> bool {
        self.is_forked() || self.state.is_poisoned()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.timer.stop();
    }
}
