//! Waiting for a batch: in a thread that parks, or in a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::sleepers::{Locked, Place};
use super::wake::GLANCE;
use super::wakes::WakeList;
use super::{Inner, NextError};
use crate::batch::Batch;
use crate::config::nanoseconds;
use crate::former::{Formed, WorkerId};

/// One wait for a batch.
#[derive(Debug)]
struct Wait {
    worker: WorkerId,
    /// When the time is over.
    end: u64,
    /// For when the alarm is set.
    until: u64,
    /// Its place among the sleepers; who was woken is there no more.
    place: Option<Place>,
}

type Outcome = Result<(Formed, u64), NextError>;

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Inner {
    fn wait(&self, worker: WorkerId, timeout: Option<Duration>) -> Wait {
        let end = timeout.map_or(u64::MAX, |wait| self.now().saturating_add(nanoseconds(wait)));
        Wait { worker, end, until: u64::MAX, place: None }
    }

    /// The next batch for `worker`, and when it was formed.
    pub(super) fn next(&self, worker: WorkerId, timeout: Option<Duration>) -> Outcome {
        let mut wait = self.wait(worker, timeout);
        let mut outcome = self.attempt(&mut wait, None);
        let mut waker = None;
        loop {
            if let Poll::Ready(outcome) = outcome {
                return outcome;
            }
            if wait.place.is_some() {
                self.park(wait.until);
            }
            let waker = waker.get_or_insert_with(|| Arc::new(Unpark(thread::current())));
            outcome = self.attempt(&mut wait, Some(Waker::from(Arc::clone(waker))));
        }
    }

    /// May return early.
    fn park(&self, until: u64) {
        if until == u64::MAX {
            thread::park();
        } else {
            thread::park_timeout(self.clock.until(until));
        }
    }

    /// A batch, or why there is none; else falls asleep, if there is a waker.
    fn attempt(&self, wait: &mut Wait, waker: Option<Waker>) -> Poll<Outcome> {
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        let now = self.now();
        self.leave(&mut state, wait);
        // Who falls asleep looks at every ring before it does.
        state.drain_marked(&self.bell);
        let outcome = self.try_form(&mut state, now, wait.worker, wait.end);
        let (None, Some(waker)) = (&outcome, waker) else {
            self.pass_on(&mut state, now);
            return outcome
                .map_or(Poll::Pending, |outcome| Poll::Ready(outcome.map(|formed| (formed, now))));
        };
        self.fall_asleep(&mut state, wait, now, waker);
        Poll::Pending
    }

    fn fall_asleep(&self, state: &mut Locked<'_>, wait: &mut Wait, now: u64, waker: Waker) {
        wait.until = state.former.deadline(wait.worker).unwrap_or(u64::MAX).min(wait.end);
        let place = state.sleepers.enter(wait.worker, wait.until, waker);
        wait.place = Some(place);
        if self.wake_or_arm(state, now) {
            wait.until = wait.until.min(now.saturating_add(GLANCE));
            state.sleepers.set_alarm(place, wait.until);
        }
    }

    fn leave(&self, state: &mut Locked<'_>, wait: &mut Wait) {
        let Some(place) = wait.place.take() else { return };
        state.leave(place);
        if state.sleepers.is_empty() {
            self.bell.disarm();
        }
    }

    /// Whoever waited waits no more; if it was woken, the wake-up goes to another.
    fn give_up(&self, wait: &mut Wait) {
        if wait.place.is_none() {
            return;
        }
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        self.leave(&mut state, wait);
        state.drain_marked(&self.bell);
        self.pass_on(&mut state, self.now());
    }
}

/// The next batch of a worker, as a future: of [`Worker::next_batch_async`](super::Worker::next_batch_async).
///
/// It forms a batch when it is polled and not before, so that nothing is lost with a future that is
/// dropped; a wake-up that it did not answer goes to another sleeper then. Polled again after it
/// was ready, it waits for another batch. A poll is blocking: it takes the forming lock. Its waker
/// is called without that lock.
///
/// There is no timer in it: while [`NextBatch::alarm`] says so, it must be polled again then.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct NextBatch {
    scheduler: Arc<Inner>,
    wait: Wait,
}

impl NextBatch {
    pub(super) fn new(scheduler: &Arc<Inner>, worker: WorkerId, timeout: Option<Duration>) -> Self {
        Self { scheduler: Arc::clone(scheduler), wait: scheduler.wait(worker, timeout) }
    }

    /// As a poll that does not fall asleep: `None` while no batch may leave.
    pub fn try_next(&mut self) -> Option<Result<Batch, NextError>> {
        match self.attempt(None) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// After how long it must be polled though nobody wakes it, as of the last poll: the timeout is
    /// over, a request that it may take has waited for `max_wait`, or a thread that was stopped
    /// half-way in submitting may have gone on.
    #[must_use]
    pub fn alarm(&self) -> Option<Duration> {
        let until = self.wait.place.map(|_| self.wait.until)?;
        (until != u64::MAX).then(|| self.scheduler.clock.until(until))
    }

    fn attempt(&mut self, waker: Option<Waker>) -> Poll<Result<Batch, NextError>> {
        let Self { scheduler, wait } = self;
        let outcome = scheduler.attempt(wait, waker);
        outcome.map_ok(|(formed, now)| Batch::new(formed, now, wait.worker, Arc::clone(scheduler)))
    }
}

impl Future for NextBatch {
    type Output = Result<Batch, NextError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.attempt(Some(context.waker().clone()))
    }
}

impl Drop for NextBatch {
    fn drop(&mut self) {
        self.scheduler.give_up(&mut self.wait);
    }
}
