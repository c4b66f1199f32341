//! The workers' side: everything under the forming lock.

use std::time::Duration;

use super::{Inner, NextError, State};
use crate::bell::Bell;
use crate::config::{Fill, nanoseconds};
use crate::former::{Formed, WorkerId};
use crate::request::{Row, Ticket};
use crate::stats::Stats;
use crate::sync::{MutexGuard, Ordering};

pub(super) const POISONED: &str = "the forming lock is poisoned by an earlier panic";

impl State {
    /// Moves what producers marked from the rings to the former.
    #[inline]
    pub(super) fn drain_marked(&mut self, bell: &Bell) {
        bell.marked(|bin| {
            self.drain_one(bin);
        });
    }

    /// Moves all that is published from the rings to the former; returns how many.
    pub(super) fn drain(&mut self) -> u64 {
        (0..self.drains.len()).map(|bin| self.drain_one(bin)).sum()
    }

    #[inline]
    pub(super) fn drain_one(&mut self, bin: usize) -> u64 {
        let before = self.drains[bin].head();
        let former = &mut self.former;
        self.drains[bin].pass(|submission| former.arrive(bin, submission));
        let moved = self.drains[bin].head() - before;
        self.drained += moved;
        moved
    }

    /// Whether a position of some ring is claimed and not taken.
    fn on_the_way(&self) -> bool {
        self.drains.iter().any(|drain| drain.ring().tail() != drain.head())
    }

    /// Up to which position of its ring an entry of `bin` makes no batch possible.
    fn quiet(&self, bin: usize) -> u64 {
        let depth = self.former.depth(bin);
        if self.config.max_wait.is_some() && depth == 0 {
            return 0;
        }
        if self.config.budget.is_some() {
            return 0;
        }
        let short = self.former.full(bin).rows.saturating_sub(depth + 1);
        self.drains[bin].head() + u64::from(short)
    }

    /// Whether something shared becomes overdue before anybody's alarm.
    fn alarm_is_late(&self) -> bool {
        self.former.shared_deadline().is_some_and(|deadline| deadline < self.alarm)
    }
}

impl Inner {
    /// Nanoseconds since the scheduler was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a broken invariant: going on could lose or double a request.
        self.state.lock().expect(POISONED)
    }

    /// The next batch for `worker`, and when it was formed.
    pub(super) fn next(
        &self,
        worker: WorkerId,
        timeout: Option<Duration>,
    ) -> Result<(Formed, u64), NextError> {
        let mut state = self.lock();
        let mut now = self.now();
        let end = timeout.map_or(u64::MAX, |timeout| now.saturating_add(nanoseconds(timeout)));
        loop {
            state.drain_marked(&self.bell);
            let outcome = self.try_form(&mut state, now, worker, end);
            if let Some(outcome) = outcome {
                self.pass_on(&mut state, now);
                return outcome.map(|formed| (formed, now));
            }
            state = self.sleep(state, worker, end);
            now = self.now();
        }
    }

    /// A batch, or why there is none, or `None`: sleep.
    fn try_form(
        &self,
        state: &mut State,
        now: u64,
        worker: WorkerId,
        end: u64,
    ) -> Option<Result<Formed, NextError>> {
        if !state.former.has_worker(worker) {
            return Some(Err(NextError::WorkerClosed));
        }
        let closed = self.admission.is_closed();
        if let Some(formed) = state.former.form(now, worker, closed, usize::MAX) {
            state.batches[formed.reason as usize] += 1;
            state.counts.leave(&formed, now);
            self.release_expired(state, formed.expired.len() as u64);
            return Some(Ok(formed));
        }
        if closed && self.all_drained(state) {
            return Some(Err(NextError::Closed));
        }
        (now >= end).then_some(Err(NextError::Timeout))
    }

    fn release_expired(&self, state: &mut State, expired: u64) {
        if expired > 0 {
            state.expired += expired;
            self.admission.release(expired);
            // Who drains looks again under the lock, which is held here.
            self.drained.notify_all();
        }
    }

    /// Whether nobody who was admitted is still on the way. Meaningful once closed.
    fn all_drained(&self, state: &State) -> bool {
        state.drained == self.admission.admitted()
    }

    /// Sleeps until a batch may be possible, an alarm, or `end`; looks once more before.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        worker: WorkerId,
        end: u64,
    ) -> MutexGuard<'a, State> {
        if self.arm_and_look(&mut state) > 0 {
            return state;
        }
        self.announce(&mut state);
        let until = state.former.deadline(worker).map_or(end, |deadline| deadline.min(end));
        state.sleepers.push(worker);
        state.alarm = state.alarm.min(until);
        let mut state = self.wait(state, until);
        let position = state.sleepers.iter().position(|&sleeper| sleeper == worker);
        state.sleepers.swap_remove(position.expect("it was put there"));
        // The alarm may have been this one's; whoever sleeps on is asked again in `pass_on`.
        state.alarm = u64::MAX;
        if state.sleepers.is_empty() {
            self.bell.disarm();
        }
        state
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: u64) -> MutexGuard<'a, State> {
        if until == u64::MAX {
            return self.wake.wait(state).expect(POISONED);
        }
        let left = self.clock.until(until);
        self.wake.wait_timeout(state, left).expect(POISONED).0
    }

    /// Arms the bell, then looks at the rings: how many entries came meanwhile. If none did,
    /// whoever publishes from now on and makes a batch possible finds the bell armed.
    fn arm_and_look(&self, state: &mut State) -> u64 {
        self.arm(state, self.any_entry_counts(state));
        let moved = state.drain();
        if moved > 0 || !state.on_the_way() {
            return moved;
        }
        // Somebody claimed a position before the bell was armed and has not published: positions
        // no longer tell whose entry completes a batch.
        self.arm(state, true);
        state.drain()
    }

    fn arm(&self, state: &State, any_entry: bool) {
        self.bell.arm(|bin| if any_entry { 0 } else { state.quiet(bin) });
    }

    /// Whether every entry may make a batch possible, be its bin full or not.
    fn any_entry_counts(&self, state: &State) -> bool {
        state.config.fill == Fill::Elastic
            || state.former.has_climbers()
            || self.admission.is_closed()
    }

    /// Before a worker leaves the lock: if others sleep, wakes one when another batch is possible,
    /// else arms the bell again. So a batch that became possible wakes one worker.
    fn pass_on(&self, state: &mut State, now: u64) {
        if state.sleepers.is_empty() {
            return;
        }
        if self.admission.is_closed() {
            self.wake.notify_all();
            return;
        }
        let another = |state: &State| state.former.ready(now) || state.alarm_is_late();
        let possible = another(state) || (self.arm_and_look(state) > 0 && another(state));
        self.announce(state);
        if possible {
            self.bell.disarm();
            self.wake.notify_one();
        }
    }

    /// A strict bin may be full for the worker whose climbers wait in it and for nobody else: who
    /// drained entries and cannot use them tells all sleepers, once. The bell stays armed: who
    /// tells them may be about to sleep on it.
    fn announce(&self, state: &mut State) {
        if state.config.fill == Fill::Strict
            && state.former.has_climbers()
            && state.announced != state.drained
        {
            state.announced = state.drained;
            self.wake.notify_all();
        }
    }

    /// Rows enter again, kept for `worker` while it lives.
    pub(crate) fn climb(&self, rows: impl Iterator<Item = Row>, worker: Option<WorkerId>) {
        let mut state = self.lock();
        let entered = self.now();
        let admitted = self.admission.admitted();
        state.drain();
        for row in rows {
            let gone = state.former.climb(Row { entered, ..row }, worker, admitted);
            state.restarted += u64::from(gone);
        }
        self.tell(&mut state, worker);
    }

    pub(super) fn cancel(&self, ticket: Ticket) -> bool {
        let mut state = self.lock();
        state.drain();
        let found = state.former.remove(ticket).is_some();
        state.cancelled += u64::from(found);
        self.pass_on(&mut state, self.now());
        drop(state);
        self.release(u64::from(found));
        found
    }

    pub(super) fn remove_worker(&self, worker: WorkerId) {
        let mut state = self.lock();
        state.drain();
        let admitted = self.admission.admitted();
        state.restarted += state.former.remove_worker(worker, self.now(), admitted);
        self.tell(&mut state, Some(worker));
    }

    /// Something changed for `worker`, if that is given, or in the shared queues.
    fn tell(&self, state: &mut State, worker: Option<WorkerId>) {
        if worker.is_some_and(|worker| state.sleepers.contains(&worker)) {
            // A condition variable wakes one or all, not the one that is meant.
            self.wake.notify_all();
        } else {
            self.pass_on(state, self.now());
        }
    }

    pub(crate) fn finish(&self, rows: u64) {
        self.done.fetch_add(rows, Ordering::Relaxed);
        self.release(rows);
    }

    pub(crate) fn lose(&self, rows: u64) {
        self.lost.fetch_add(rows, Ordering::Relaxed);
        self.release(rows);
    }

    fn release(&self, rows: u64) {
        self.admission.release(rows);
        self.tell_drainers();
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
            batches: state.batches,
        }
    }
}
