//! Waiting for a batch: in a thread that parks, or in a future.

use std::borrow::Borrow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::batch::Batch;
use super::park::{Timer, block_on};
use super::sleepers::{Locked, Place};
use super::wake::GLANCE;
use super::wakes::WakeList;
use super::{Handle, Inner, NextError};
use crate::policy::Formed;
use crate::request::WorkerId;
use crate::time::nanoseconds;

/// One wait for a batch.
#[derive(Debug)]
struct Sleep {
    worker: WorkerId,
    /// When the time is over.
    end: u64,
    /// For when the alarm is set.
    until: u64,
    /// Its place among the sleepers, also of one that was told.
    place: Option<Place>,
    /// Whether it also waits for what open batches of the worker may give back.
    stays: bool,
}

/// A wait that has left the sleepers when it is dropped. A thread's borrows the handle: to share it
/// costs as much as some rows.
#[derive(Debug)]
struct Wait<H: Borrow<Arc<Handle>>> {
    handle: H,
    sleep: Sleep,
}

type Next = Result<Batch, NextError>;

impl Inner {
    /// When a timeout from now on is over; `u64::MAX`: never.
    pub(super) fn end_of(&self, timeout: Option<Duration>) -> u64 {
        timeout.map_or(u64::MAX, |wait| self.now().saturating_add(nanoseconds(wait)))
    }

    /// A batch, or why there is none; else falls asleep, if there is a waker.
    fn attempt(
        &self,
        worker: &Handle,
        sleep: &mut Sleep,
        call: Option<(Waker, Timer)>,
        wakes: &WakeList,
    ) -> Poll<Result<(Formed, u64), NextError>> {
        let mut state = self.lock(wakes);
        let now = self.now();
        self.leave(&mut state, sleep);
        // Who falls asleep looks at every ring before it does.
        state.drain_marked(&self.notifier);
        let outcome = self.try_form(&mut state, now, worker, (sleep.end, sleep.stays), wakes);
        match (outcome, call) {
            (None, Some(call)) => self.fall_asleep(&mut state, sleep, now, call),
            (outcome, call) => {
                if let Some((waker, _)) = call {
                    wakes.discard(waker);
                }
                self.pass_on(&mut state, now);
                if let Some(outcome) = outcome {
                    return Poll::Ready(outcome.map(|formed| (formed, now)));
                }
            }
        }
        Poll::Pending
    }

    fn fall_asleep(
        &self,
        state: &mut Locked<'_>,
        sleep: &mut Sleep,
        now: u64,
        call: (Waker, Timer),
    ) {
        sleep.until = state.former.deadline(sleep.worker).unwrap_or(u64::MAX).min(sleep.end);
        let place = state.sleepers.enter(sleep.worker, sleep.until, call);
        sleep.place = Some(place);
        if self.wake_or_arm(state, now, true) {
            sleep.until = sleep.until.min(now.saturating_add(GLANCE));
            state.sleepers.set_alarm(place, sleep.until);
        }
    }

    fn leave(&self, state: &mut Locked<'_>, sleep: &mut Sleep) {
        let Some(place) = sleep.place.take() else { return };
        state.leave(place);
        if state.sleepers.is_empty() {
            self.notifier.disarm();
        }
    }

    /// Whoever waited waits no more; if it was woken, the wake-up goes to another.
    fn give_up(&self, sleep: &mut Sleep) {
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        self.leave(&mut state, sleep);
        state.drain_marked(&self.notifier);
        self.pass_on(&mut state, self.now());
    }
}

impl<H: Borrow<Arc<Handle>>> Wait<H> {
    fn new(handle: H, timeout: Option<Duration>, stays: bool) -> Self {
        let Handle { id, scheduler, .. } = &**handle.borrow();
        let end = scheduler.end_of(timeout);
        let sleep = Sleep { worker: *id, end, until: u64::MAX, place: None, stays };
        Self { handle, sleep }
    }

    fn attempt(&mut self, call: Option<(Waker, Timer)>) -> Poll<Next> {
        let Self { handle, sleep } = self;
        let handle: &Arc<Handle> = (*handle).borrow();
        let inner = &*handle.scheduler;
        if inner.is_forked() {
            return Poll::Ready(Err(NextError::Forked));
        }
        let wakes = WakeList::new();
        let outcome = inner.attempt(handle, sleep, call, &wakes);
        // A lease before a waker is called: if one panics, the rows are lost and not forgotten.
        let outcome = outcome.map_ok(|(formed, now)| Batch::new(formed, now, Arc::clone(handle)));
        // What expired has made room.
        inner.serve_queued(&wakes);
        drop(wakes);
        outcome
    }
}

impl<H: Borrow<Arc<Handle>>> Drop for Wait<H> {
    fn drop(&mut self) {
        let inner = &*self.handle.borrow().scheduler;
        if self.sleep.place.is_some() && !inner.is_beyond_use() {
            inner.give_up(&mut self.sleep);
        }
    }
}

/// The next batch for a worker, in this thread.
pub(super) fn next(handle: &Arc<Handle>, timeout: Option<Duration>, stays: bool) -> Next {
    let mut wait = Wait::new(handle, timeout, stays);
    block_on(&handle.scheduler.clock, |call| match wait.attempt(call) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(wait.sleep.until),
    })
}

/// The next batch of a worker, as a future: of [`Worker::next_batch_async`](super::Worker::next_batch_async).
///
/// It forms a batch when it is polled and not before, so that nothing is lost with a future that is
/// dropped; a wake-up that it did not answer goes to another sleeper then, or after 10 ms. Polled again
/// after it was ready, it waits for another batch. A poll is blocking: it takes the forming lock. Its waker
/// is called without that lock, and should not wait for other threads that wait for a batch.
///
/// It needs no timer of its executor: a thread of the scheduler wakes it when its time is over or
/// a request is overdue. (Where no thread can be started, it notices when it is polled.) It keeps its
/// worker.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct NextBatch(Wait<Arc<Handle>>);

impl NextBatch {
    pub(super) fn new(handle: &Arc<Handle>, timeout: Option<Duration>) -> Self {
        Self(Wait::new(Arc::clone(handle), timeout, false))
    }

    /// Waits like [`Worker::next_batch_staying`](super::Worker::next_batch_staying).
    pub fn staying(mut self) -> Self {
        self.0.sleep.stays = true;
        self
    }

    /// As a poll that does not fall asleep: `None` while no batch may leave. It ends the sleep of an
    /// earlier poll, whose waker is then not called.
    pub fn try_next(&mut self) -> Option<Next> {
        match self.0.attempt(None) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Whether it sleeps until some time.
    #[cfg(test)]
    pub(super) fn has_alarm(&self) -> bool {
        self.0.sleep.place.is_some() && self.0.sleep.until != u64::MAX
    }
}

impl Future for NextBatch {
    type Output = Next;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.attempt(Some((context.waker().clone(), Timer::Alarm)))
    }
}
