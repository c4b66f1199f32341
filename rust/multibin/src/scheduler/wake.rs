//! Which waiter is woken, and when the notifier is armed.
//!
//! A thread that changed something under the forming lock calls [`Inner::notify_next`] before it
//! releases the lock. That wakes the longest-waiting waiter that gets a batch or needs an earlier
//! deadline. If there is none, it arms the notifier. A waiter that was woken does the same when it
//! asks or is dropped. So wake-ups chain until none is needed.
//!
//! A producer checks the notifier before it publishes. A worker that arms the notifier and finds a
//! claimed but unpublished position cannot know whether its producer checked too early. So one
//! waiter gets a deadline to check that position again.

use std::hint::spin_loop;

use super::inner::{Inner, Locked, State};
use super::locks::WakeList;
use super::notifier::Notifier;
use super::waiters::WaiterId;
use crate::config::Fill;
use crate::request::WorkerId;

/// How often a stalled producer's slot is read before a worker waits: some microseconds. Under loom
/// the producer stalls for longer.
const SPINS: u32 = if cfg!(loom) { 0 } else { 100 };
/// Nanoseconds after which a waiter checks the slot of a stalled producer again.
pub(super) const STALL_RECHECK: u64 = 50_000;

/// What the rings held after the notifier was armed. A producer that claims a position later finds
/// the notifier armed, so one look is enough, however fast entries come.
struct Collected {
    /// Entries were collected.
    moved: bool,
    /// A producer that may have checked the notifier too early has not published.
    stalled: bool,
}

impl State {
    /// Collects all that was claimed so far, from the dirty rings alone.
    fn collect_claimed(&mut self, notifier: &Notifier) -> Collected {
        let (before, mut stalled, mut others) = (self.collected, None, false);
        notifier.take_dirty(|bin| {
            let (_, left) = self.collect_bin(bin);
            if left {
                others |= stalled.replace(bin).is_some();
            }
            left
        });
        let stalled = stalled.is_some_and(|bin| others || !self.is_published_soon(bin));
        Collected { moved: self.collected > before, stalled }
    }

    /// Returns true if all that is claimed of a ring now is published within some microseconds.
    fn is_published_soon(&mut self, bin: usize) -> bool {
        let claimed = self.consumers[bin].ring().tail();
        (0..SPINS).any(|_| {
            spin_loop();
            self.collect_bin(bin);
            self.consumers[bin].head() >= claimed
        })
    }

    /// Returns the position of the bin's ring up to which an entry completes no batch, even with
    /// the most climbers that wait for one worker.
    fn wake_after(&self, bin: usize) -> u64 {
        self.consumers[bin].head() + u64::from(self.former.short_of(bin))
    }

    /// Returns true if entries that came since the notifier was armed may be a reason to wake.
    fn arrivals_matter(&self) -> bool {
        self.config.fill == Fill::Elastic
            || self.former.changed().any(|bin| self.former.may_complete(bin))
            || self.misses_deadline()
    }

    /// Returns the position of the longest-waiting waiter that would get a batch, or needs an
    /// earlier deadline. All workers without climbers of their own may take the same.
    fn needed(&mut self, now: u64, closed: bool) -> Option<usize> {
        if self.misses_deadline() {
            return (!self.waiters.is_empty()).then_some(0);
        }
        let shared = self.former.has_shared_batch(now, closed);
        if !self.former.has_pinned() {
            return shared.then_some(0).filter(|_| !self.waiters.is_empty());
        }
        let Self { waiters, former, .. } = self;
        waiters.position(|waiter| {
            let worker = waiter.worker();
            if former.has_pinned_to(worker) {
                former.has_pinned_batch(now, worker, closed, shared)
                    || waiters.misses(waiter, former.pinned_deadline(worker))
            } else {
                shared
            }
        })
    }

    /// Returns true if the waiter at `at` would get a batch.
    fn has_batch_for(&mut self, at: usize, now: u64, closed: bool) -> bool {
        let worker = self.waiters.worker_at(at);
        self.former.has_batch(now, worker, closed)
    }

    /// Returns true if a request for any worker is overdue, or expires, before all deadlines of
    /// waiters.
    fn misses_deadline(&self) -> bool {
        let shared = self.former.shared_deadline();
        shared.is_some_and(|deadline| deadline < self.waiters.first_deadline())
    }
}

impl Locked<'_> {
    /// Wakes one waiter that is needed. Returns false if none is.
    fn wake_needed(&mut self, now: u64, closed: bool) -> bool {
        let needed = self.needed(now, closed);
        needed.inspect(|&at| self.wake_at(at, now)).is_some()
    }

    fn wake_at(&mut self, at: usize, now: u64) {
        if let Some(waker) = self.waiters.take_waker(at, now) {
            self.wakes().wake(waker);
        }
    }

    /// Wakes the waiters of the workers that `wanted` accepts. None of them has to ask, so their
    /// wake-ups do not go on to others.
    pub(super) fn wake_all(&mut self, wanted: impl Fn(WorkerId) -> bool) {
        for waiter in self.waiters.remove_all(wanted) {
            self.wakes().wake(waiter.into_waker());
        }
    }

    /// Forgets a waiter that asks or gives up.
    pub(super) fn forget_waiter(&mut self, id: WaiterId) {
        if let Some(waker) = self.waiters.leave(id) {
            self.wakes().discard(waker);
        }
    }
}

impl Inner {
    /// Wakes one waiter that can get a batch or needs an earlier deadline, else arms the notifier.
    /// Is called after a change, before the forming lock is released. Beside a stalled producer it
    /// wakes a waiter that will check again, unless one has such a deadline.
    pub(super) fn notify_next(&self, state: &mut Locked<'_>, now: u64) {
        self.notify(state, now, true);
    }

    /// Wakes one waiter or arms the notifier. Without `changed`, only arrivals came since the
    /// notifier was armed or a waiter was woken.
    fn notify(&self, state: &mut Locked<'_>, now: u64, changed: bool) {
        if state.waiters.is_empty() {
            return;
        }
        if self.admission.is_closed() {
            state.wake_all(|_| true);
            return;
        }
        if self.wake_or_arm(state, now, changed) {
            state.wake_at(0, now);
            self.notifier.disarm();
        }
    }

    /// Wakes one waiter that is needed, or arms the notifier. Without `changed`, only arrivals came
    /// since it was armed or a waiter was woken. Returns true if none is woken, a producer stalled,
    /// and no waiter has a deadline soon enough to check again.
    #[must_use]
    pub(super) fn wake_or_arm(&self, state: &mut Locked<'_>, now: u64, changed: bool) -> bool {
        let closed = self.admission.is_closed();
        let wakes = |state: &mut Locked<'_>, changed: bool| {
            (changed || closed || state.arrivals_matter()) && state.wake_needed(now, closed)
        };
        if !wakes(state, changed) {
            self.arm(state, closed);
            let collected = state.collect_claimed(&self.notifier);
            // Collecting does not change the positions up to which entries complete no batch.
            if !collected.moved || !wakes(state, false) {
                let recheck = now.saturating_add(STALL_RECHECK);
                return collected.stalled && state.waiters.first_deadline() > recheck;
            }
        }
        self.notifier.disarm();
        false
    }

    /// Wakes a waiter after an entry for which [`Notifier::should_wake`] returned true. Costs as
    /// much as the dirty rings hold.
    #[cold]
    pub(super) fn wake_one(&self, wakes: &WakeList) {
        self.collect_and_notify(false, wakes);
    }

    /// Wakes another waiter if a batch is ready: one that was woken will not ask.
    pub(super) fn renotify(&self) {
        self.collect_and_notify(true, &WakeList::new());
    }

    fn collect_and_notify(&self, changed: bool, wakes: &WakeList) {
        // Under the lock no worker is between arming the notifier and waiting.
        let mut state = self.lock(wakes);
        state.collect(&self.notifier);
        self.notify(&mut state, self.now(), changed);
    }

    /// Arms the notifier. With elastic fill, or once closed, every entry wakes a waiter.
    fn arm(&self, state: &mut State, closed: bool) {
        let any = closed || state.config.fill == Fill::Elastic;
        while !any && let Some(bin) = state.former.next_changed() {
            self.notifier.set_wake_after(bin, state.wake_after(bin));
        }
        self.notifier.arm(any, state.waiters.first_deadline());
    }

    /// Wakes the futures whose deadline has passed by `now`, and other waiters instead of those
    /// that were woken and did not ask in time.
    pub(super) fn tick_waiters(&self, now: u64, wakes: &WakeList) {
        let mut state = self.lock(wakes);
        for id in state.waiters.due(now) {
            if let Some(at) = state.waiters.find(id) {
                state.wake_at(at, now);
            }
        }
        let late = state.waiters.forget_late(now);
        if late > 0 {
            self.wake_others(&mut state, now, late);
        }
        state.waiters.set_timer();
    }

    /// Wakes others instead of `late` waiters: a thread, which will ask, and up to eight times as
    /// many waiters as are late. So if a loop of a thousand tasks hangs, not each of them delays
    /// the next by 10 ms.
    fn wake_others(&self, state: &mut Locked<'_>, now: u64, late: usize) {
        state.collect(&self.notifier);
        let closed = self.admission.is_closed();
        if let Some(at) = state.waiters.first_thread()
            && state.has_batch_for(at, now, closed)
        {
            state.wake_at(at, now);
        }
        let _ = (1..8 * late).all(|_| state.wake_needed(now, closed));
        self.notify_next(state, now);
    }
}
