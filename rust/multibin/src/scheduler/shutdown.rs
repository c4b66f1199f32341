//! Closing, and waiting for the end of all work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::handle::Shared;
use super::inner::Inner;
use super::locks::WakeList;
use super::waiters::{TimedBy, block_on};
use crate::sync::{Ordering, fence};

impl Inner {
    pub(super) fn close(&self) {
        self.assert_not_forked();
        if self.admission.close() {
            let wakes = WakeList::new();
            self.room.close(&self.admission, &wakes);
            // Under the lock no worker is between reading the flag and waiting.
            self.lock(&wakes).wake_all(|_| true);
        }
    }
}

/// A future that waits for the end of all work: of
/// [`Scheduler::drain_async`](super::Scheduler::drain_async).
///
/// It returns true once no request waits or is leased, and false at its timeout. It needs no timer
/// of its executor: a thread of the scheduler wakes it at its timeout. Where no thread can be
/// started, it must be polled to notice that.
///
/// ```
/// use std::time::Duration;
/// use multibin::{Config, Edges, Scheduler};
///
/// let scheduler = Scheduler::new(Edges::new(&[0, 10])?, Config::new(1))?;
/// scheduler.submit(7, 3)?;
/// let mut drain = scheduler.drain_async(Some(Duration::from_secs(60)));
/// assert_eq!(drain.try_now(), None);
/// scheduler.worker().next_batch(None)?.done();
/// assert_eq!(drain.try_now(), Some(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Drain {
    scheduler: Shared,
    /// When the timeout is over.
    end: u64,
    /// Its id among the drain waiters, unless it was woken.
    waiter: Option<u64>,
}

impl Drain {
    pub(super) fn new(scheduler: Shared, timeout: Option<Duration>) -> Self {
        let end = scheduler.end_of(timeout);
        Self { scheduler, end, waiter: None }
    }

    /// Returns the result, or `None` while it is not known. Does not wait. It ends the wait of an
    /// earlier poll, whose waker is then not called.
    ///
    /// ```
    /// let edges = multibin::Edges::new(&[0, 10])?;
    /// let scheduler = multibin::Scheduler::new(edges, multibin::Config::new(1))?;
    /// assert_eq!(scheduler.drain_async(None).try_now(), Some(true));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn try_now(&mut self) -> Option<bool> {
        self.attempt(None)
    }

    /// Waits in this thread.
    pub(super) fn wait(mut self) -> bool {
        let scheduler = self.scheduler.clone();
        block_on(&scheduler.clock, |call| self.attempt(call).ok_or(self.end))
    }

    fn attempt(&mut self, call: Option<(Waker, TimedBy)>) -> Option<bool> {
        let inner = &*self.scheduler;
        inner.assert_not_forked();
        let wakes = WakeList::new();
        if let Some(waiter) = self.waiter.take() {
            inner.drain_waiters.leave(waiter, &wakes);
        }
        if let Some(call) = call {
            self.waiter = Some(inner.drain_waiters.enter(self.end, call, &wakes));
            // SeqCst: pairs with the exchange in `Admission::release` and the load in
            // `DrainWaiters::are_seen`.
            fence(Ordering::SeqCst);
            inner.expire_due(&wakes);
            inner.drain_waiters.tick_by(inner.earliest.get(), &wakes);
        }
        let drained = inner.admission.is_empty();
        let outcome = (drained || inner.now() >= self.end).then_some(drained);
        if outcome.is_some()
            && let Some(waiter) = self.waiter.take()
        {
            inner.drain_waiters.leave(waiter, &wakes);
        }
        outcome
    }
}

impl Future for Drain {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let call = (context.waker().clone(), TimedBy::TimerThread);
        self.attempt(Some(call)).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take()
            && !self.scheduler.is_unusable()
        {
            self.scheduler.drain_waiters.leave(waiter, &WakeList::new());
        }
    }
}
