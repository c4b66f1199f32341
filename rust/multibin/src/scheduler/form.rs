//! The workers' side: everything under the forming lock.

use super::cancel::Withdrawn;
use super::notifier::Notifier;
use super::sleepers::Locked;
use super::wakes::{Panics, WakeList};
use super::{Handle, Inner, NextError, State};
use crate::policy::{Arrivals, Formed};
use crate::request::WorkerId;
use crate::request::{Row, Submission};
use crate::stats::Stats;
use crate::sync::Ordering;

/// The most climbers that are handed back under one hold of the lock.
const HANDED_BACK: usize = 1024;
/// How long the lock is left to others in between.
pub(super) const TURN: std::time::Duration = std::time::Duration::from_micros(50);

impl State {
    /// Moves what producers marked from the rings to the former. Returns true if a position is left
    /// that a producer has claimed and not published.
    #[inline]
    pub(super) fn drain_marked(&mut self, notifier: &Notifier) -> bool {
        let mut stalled = false;
        notifier.marked(|bin| {
            let (_, left) = self.drain_one(bin);
            stalled |= left;
            left
        });
        stalled
    }

    /// Moves what is published from one ring: how many, and whether a position that was claimed
    /// before is left, as it is not published.
    #[inline]
    pub(super) fn drain_one(&mut self, bin: usize) -> (u64, bool) {
        if !self.withdrawn.is_empty() {
            return self.drain_without_withdrawn(bin);
        }
        self.pass(bin, |_, submission, arrivals| arrivals.push(submission))
    }

    /// [`State::drain_one`] while a ring holds cancelled requests, whose entries are dropped.
    #[cold]
    fn drain_without_withdrawn(&mut self, bin: usize) -> (u64, bool) {
        self.pass(bin, |withdrawn, submission, arrivals| {
            if !withdrawn.forget(submission.ticket) {
                arrivals.push(submission);
            }
        })
    }

    /// Hands what is published of one ring to `each`.
    #[inline]
    fn pass(
        &mut self,
        bin: usize,
        each: impl Fn(&mut Withdrawn, Submission, &mut Arrivals<'_>),
    ) -> (u64, bool) {
        let Self { former, drains, withdrawn, .. } = self;
        let drain = &mut drains[bin];
        let before = drain.head();
        let left = former
            .arrive(bin, |arrivals| drain.pass(|submission| each(withdrawn, submission, arrivals)));
        let moved = drain.head() - before;
        self.drained += moved;
        (moved, left)
    }
}

impl Inner {
    /// Nanoseconds since the scheduler was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The forming lock.
    ///
    /// # Panics
    /// After a panic under it, and in a child of the process that made the scheduler.
    #[inline]
    pub(super) fn lock<'a>(&'a self, wakes: &'a WakeList) -> Locked<'a> {
        self.assert_not_forked();
        self.state.lock(wakes)
    }

    /// A batch, or why there is none, or `None`: sleep, until `end`. A call that `stays` also waits for what
    /// open batches of the worker may give back.
    pub(super) fn try_form(
        &self,
        state: &mut State,
        now: u64,
        handle: &Handle,
        (end, stays): (u64, bool),
        wakes: &WakeList,
    ) -> Option<Result<Formed, NextError>> {
        let worker = handle.id;
        if !state.former.has_worker(worker) {
            return Some(Err(NextError::WorkerClosed));
        }
        let closed = self.admission.is_closed();
        let offered = cfg!(debug_assertions).then(|| state.former.has_batch(now, worker, closed));
        let formed = state.former.form(now, worker, closed, usize::MAX);
        self.release_expired(state, wakes);
        if let Some(formed) = formed {
            state.batches[formed.reason as usize] += 1;
            state.counts.leave(&formed, now);
            handle.lease();
            debug_assert_eq!(offered, Some(true), "a sleeper would not be woken for it");
            return Some(Ok(formed));
        }
        debug_assert_eq!(offered, Some(false), "a sleeper would be woken for nothing");
        if closed && self.all_drained(state) && !(stays && handle.may_get_climbers()) {
            return Some(Err(NextError::Closed));
        }
        (now >= end).then_some(Err(NextError::Timeout))
    }

    /// Frees the room of the requests that expired since this was last called. The caller serves the
    /// calls that are queued for room once it has left the lock.
    pub(super) fn release_expired(&self, state: &mut State, wakes: &WakeList) -> u64 {
        let expired = state.former.expired() - state.expired;
        if expired > 0 {
            state.expired += expired;
            let _ = self.admission.release(expired);
            self.tell_drainers(wakes);
        }
        expired
    }

    /// Whether no request that was admitted is still on the way, and no climber on its way back.
    /// Meaningful once closed.
    fn all_drained(&self, state: &State) -> bool {
        state.drained == self.admission.admitted() && !state.former.has_orphans()
    }

    /// Rows enter again, kept for `worker` while it lives.
    pub(crate) fn climb(
        &self,
        rows: impl Iterator<Item = Row>,
        worker: Option<WorkerId>,
        wakes: &WakeList,
    ) {
        let mut state = self.lock(wakes);
        let entered = self.now();
        let admitted = self.admission.admitted();
        state.drain_marked(&self.notifier);
        for row in rows {
            let gone = state.former.climb(Row { entered, ..row }, worker, admitted);
            state.restarted += u64::from(gone);
        }
        self.pass_on(&mut state, entered);
    }

    pub(super) fn remove_worker(&self, worker: WorkerId) {
        let panics = Panics::default();
        let step = |first: bool| {
            let wakes = WakeList::new();
            let mut state = self.lock(&wakes);
            if first {
                state.former.remove_worker(worker);
                state.wake_all(|sleeper| sleeper == worker);
            }
            let more = self.hand_back(&mut state, worker);
            drop(state);
            panics.keep(wakes.fire());
            more
        };
        let mut more = step(true);
        while more {
            // A mutex goes to the thread that is awake: those that wait for it get a turn.
            std::thread::sleep(TURN);
            more = step(false);
        }
    }

    /// Hands some climbers of a worker that retired back; whether more are left.
    fn hand_back(&self, state: &mut Locked<'_>, worker: WorkerId) -> bool {
        state.drain_marked(&self.notifier);
        let (admitted, now) = (self.admission.admitted(), self.now());
        let (restarted, more) = state.former.restart_orphans(worker, HANDED_BACK, now, admitted);
        state.restarted += restarted;
        self.pass_on(state, now);
        more
    }

    pub(crate) fn finish(&self, rows: u64, wakes: &WakeList) {
        self.done.fetch_add(rows, Ordering::Relaxed);
        self.release(rows, wakes);
    }

    pub(crate) fn lose(&self, rows: u64, wakes: &WakeList) {
        self.lost.fetch_add(rows, Ordering::Relaxed);
        self.release(rows, wakes);
    }

    pub(super) fn release(&self, rows: u64, wakes: &WakeList) {
        let queued = self.admission.release(rows);
        self.tell_drainers(wakes);
        if queued {
            self.serve(wakes);
        }
    }

    pub(super) fn stats(&self, state: &State) -> Stats {
        let taken = state.former.taken();
        let resubmitted = state.former.resubmitted();
        // The lock holds still what enters and leaves queues, not what is submitted or done.
        let (done, lost) = (self.done.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed));
        let submitted = self.admission.admitted();
        Stats {
            submitted,
            taken,
            resubmitted,
            restarted: state.restarted,
            done,
            lost,
            cancelled: state.cancelled,
            expired: state.expired,
            waiting: submitted + resubmitted - taken - state.cancelled - state.expired,
            leased: (taken - resubmitted).saturating_sub(done + lost),
            refused: self.refused.load(Ordering::Relaxed),
            capacity: self.capacity as u64,
            batches: state.batches,
        }
    }
}
