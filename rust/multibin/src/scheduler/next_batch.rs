//! Waiting for a batch: in a thread that parks, or in a future.

use std::borrow::Borrow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::batch::Batch;
use super::errors::NextError;
use super::inner::{Inner, Locked};
use super::locks::WakeList;
use super::waiters::{TimedBy, WaiterId, block_on};
use super::wake::STALL_RECHECK;
use super::worker_handle::WorkerHandle;
use crate::policy::Formed;
use crate::request::WorkerId;

/// One wait for a batch.
#[derive(Debug)]
struct Wait {
    worker: WorkerId,
    /// When the timeout is over.
    end: u64,
    /// When it must be polled again; at `end` at the latest.
    deadline: u64,
    /// Its id among the waiters, also after it was woken.
    waiter: Option<WaiterId>,
    /// True if it also waits for rows that open batches of the worker may resubmit.
    stays: bool,
}

/// A wait that leaves the list of waiters when it is dropped. That of a thread borrows the handle:
/// to count one more owner costs as much as some rows.
#[derive(Debug)]
struct OwnedWait<H: Borrow<Arc<WorkerHandle>>> {
    handle: H,
    wait: Wait,
}

type Next = Result<Batch, NextError>;

impl Inner {
    /// Returns a batch or why there is none; else begins to wait, if there is a waker.
    fn attempt(
        &self,
        worker: &WorkerHandle,
        wait: &mut Wait,
        call: Option<(Waker, TimedBy)>,
        wakes: &WakeList,
    ) -> Poll<Result<(Formed, u64), NextError>> {
        let mut state = self.lock(wakes);
        let now = self.now();
        self.leave(&mut state, wait);
        // A worker looks at every dirty ring before it waits.
        state.collect(&self.notifier);
        let outcome = self.try_form(&mut state, now, worker, (wait.end, wait.stays), wakes);
        match (outcome, call) {
            (None, Some(call)) => self.begin(&mut state, wait, now, call),
            (outcome, call) => {
                if let Some((waker, _)) = call {
                    wakes.discard(waker);
                }
                self.notify_next(&mut state, now);
                if let Some(outcome) = outcome {
                    return Poll::Ready(outcome.map(|formed| (formed, now)));
                }
            }
        }
        Poll::Pending
    }

    /// Enters the list of waiters.
    fn begin(&self, state: &mut Locked<'_>, wait: &mut Wait, now: u64, call: (Waker, TimedBy)) {
        wait.deadline = state.former.deadline(wait.worker).unwrap_or(u64::MAX).min(wait.end);
        let waiter = state.waiters.enter(wait.worker, wait.deadline, call);
        wait.waiter = Some(waiter);
        if self.wake_or_arm(state, now, true) {
            wait.deadline = wait.deadline.min(now.saturating_add(STALL_RECHECK));
            state.waiters.set_deadline(waiter, wait.deadline);
        }
    }

    /// Leaves the list of waiters.
    fn leave(&self, state: &mut Locked<'_>, wait: &mut Wait) {
        let Some(waiter) = wait.waiter.take() else { return };
        state.forget_waiter(waiter);
        if state.waiters.is_empty() {
            self.notifier.disarm();
        }
    }

    /// Ends a wait without a batch. If it was woken, the wake-up goes to another waiter.
    fn give_up(&self, wait: &mut Wait) {
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        self.leave(&mut state, wait);
        state.collect(&self.notifier);
        self.notify_next(&mut state, self.now());
    }
}

impl<H: Borrow<Arc<WorkerHandle>>> OwnedWait<H> {
    fn new(handle: H, timeout: Option<Duration>, stays: bool) -> Self {
        let WorkerHandle { id, scheduler, .. } = &**handle.borrow();
        let end = scheduler.end_of(timeout);
        let wait = Wait { worker: *id, end, deadline: u64::MAX, waiter: None, stays };
        Self { handle, wait }
    }

    fn attempt(&mut self, call: Option<(Waker, TimedBy)>) -> Poll<Next> {
        let Self { handle, wait } = self;
        let handle: &Arc<WorkerHandle> = (*handle).borrow();
        let inner = &*handle.scheduler;
        if inner.is_forked() {
            return Poll::Ready(Err(NextError::Forked));
        }
        let wakes = WakeList::new();
        let outcome = inner.attempt(handle, wait, call, &wakes);
        // The drop-order rule: the batch is made before the list calls its wakers.
        let outcome = outcome.map_ok(|(formed, now)| {
            inner.record_expired(&formed.expired);
            Batch::new(formed, now, Arc::clone(handle))
        });
        // Requests that expired have freed room.
        inner.serve_line(&wakes);
        drop(wakes);
        outcome
    }
}

impl<H: Borrow<Arc<WorkerHandle>>> Drop for OwnedWait<H> {
    fn drop(&mut self) {
        let inner = &*self.handle.borrow().scheduler;
        if self.wait.waiter.is_some() && !inner.is_unusable() {
            inner.give_up(&mut self.wait);
        }
    }
}

/// Returns the next batch for a worker; waits in this thread.
pub(super) fn next(handle: &Arc<WorkerHandle>, timeout: Option<Duration>, stays: bool) -> Next {
    let mut wait = OwnedWait::new(handle, timeout, stays);
    block_on(&handle.scheduler.clock, |call| match wait.attempt(call) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(wait.wait.deadline),
    })
}

/// A future that waits for a batch: of
/// [`Worker::next_batch_async`](super::Worker::next_batch_async).
///
/// It forms a batch when it is polled and not before, so that no batch is lost with a future that
/// is dropped. If it was woken and is dropped, another waiter is woken; if it does not ask, that
/// happens after 10 ms. Polled again after it was ready, it waits for another batch. It keeps its
/// worker alive.
///
/// A poll is blocking: it takes the forming lock. Wakers are called without that lock. They should
/// not wait for other threads that wait for a batch.
///
/// It needs no timer of its executor. A thread of the scheduler wakes it at its timeout, and when a
/// request is overdue. Where no thread can be started, it must be polled to notice these.
///
/// ```
/// use std::time::Duration;
/// use multibin::{Config, Edges, NextError, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(4))?;
/// let worker = scheduler.worker();
/// let mut next = worker.next_batch_async(Some(Duration::ZERO));
/// assert_eq!(next.try_next().unwrap().unwrap_err(), NextError::Timeout);
/// scheduler.submit(7, 3)?;
/// assert_eq!(next.try_next().unwrap()?.rows()[0].key, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct NextBatch(OwnedWait<Arc<WorkerHandle>>);

impl NextBatch {
    pub(super) fn new(handle: &Arc<WorkerHandle>, timeout: Option<Duration>) -> Self {
        Self(OwnedWait::new(Arc::clone(handle), timeout, false))
    }

    /// Lets it wait for rows that open batches of the worker may resubmit, also once the scheduler
    /// is closed; see [`Worker::next_batch_staying`](super::Worker::next_batch_staying).
    ///
    /// ```
    /// use multibin::{Config, Edges, NextError, Overrun, Scheduler};
    ///
    /// let config = Config { overrun: Overrun::Climb, ..Config::new(1) };
    /// let scheduler = Scheduler::new(Edges::new(&[0, 10, 20])?, config)?;
    /// let worker = scheduler.worker();
    /// scheduler.submit(7, 3)?;
    /// let batch = worker.next_batch(None)?;
    /// scheduler.close();
    /// let mut next = worker.next_batch_async(None).staying();
    /// assert!(next.try_next().is_none(), "the batch may resubmit its row");
    /// batch.done();
    /// assert_eq!(next.try_next().unwrap().unwrap_err(), NextError::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn staying(mut self) -> Self {
        self.0.wait.stays = true;
        self
    }

    /// Returns the next batch, or `None` while no batch may leave. Does not wait. It ends the wait
    /// of an earlier poll, whose waker is then not called.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[0, 10])?;
    /// let scheduler = multibin::Scheduler::new(edges, multibin::Config::new(4))?;
    /// assert!(scheduler.worker().next_batch_async(None).try_next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_next(&mut self) -> Option<Next> {
        match self.0.attempt(None) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Returns true if it waits and has a deadline.
    #[cfg(test)]
    pub(super) fn has_deadline(&self) -> bool {
        self.0.wait.waiter.is_some() && self.0.wait.deadline != u64::MAX
    }
}

impl Future for NextBatch {
    type Output = Next;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.attempt(Some((context.waker().clone(), TimedBy::TimerThread)))
    }
}
