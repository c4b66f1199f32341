//! Waiters for the end of all work: nothing waits and nothing is leased.

use std::task::Waker;

use super::super::locks::{Lock, WakeList};
use super::park::TimedBy;
use super::timer::TimerThread;
use crate::sync::{AtomicU32, Ordering};

#[derive(Debug)]
pub(crate) struct DrainWaiters {
    /// How many there are, for the calls that end leases.
    count: AtomicU32,
    list: Lock<List>,
}

#[derive(Debug)]
struct List {
    /// In order of their ids.
    waiters: Vec<DrainWaiter>,
    next: u64,
    timer: TimerThread,
}

#[derive(Debug)]
struct DrainWaiter {
    id: u64,
    deadline: u64,
    waker: Waker,
    timed_by: TimedBy,
}

impl List {
    /// Sets the timer for the next deadline that it serves.
    fn set_timer(&self) {
        let futures = self.waiters.iter().filter(|waiter| waiter.timed_by == TimedBy::TimerThread);
        if let Some(deadline) = futures.map(|waiter| waiter.deadline).min() {
            self.timer.tick_by(deadline);
        }
    }
}

impl DrainWaiters {
    pub(crate) fn new(timer: TimerThread) -> Self {
        let list = List { waiters: Vec::new(), next: 0, timer };
        Self { count: AtomicU32::new(0), list: Lock::new(list) }
    }

    /// Adds a waiter and returns its id. The caller then passes a `SeqCst` fence and checks whether
    /// all work has ended.
    pub(crate) fn enter(&self, deadline: u64, call: (Waker, TimedBy), wakes: &WakeList) -> u64 {
        let mut list = self.list.lock(wakes);
        let id = list.next;
        list.next += 1;
        list.waiters.push(DrainWaiter { id, deadline, waker: call.0, timed_by: call.1 });
        list.set_timer();
        // Relaxed: the fence that follows orders it.
        self.count.fetch_add(1, Ordering::Relaxed);
        id
    }

    /// Returns true if a waiter has entered, for a call that ended a lease before.
    #[inline]
    pub(crate) fn are_seen(&self) -> bool {
        // SeqCst, as the exchange in `Admission::release` that came before: both pair with the
        // fence in `Drain::attempt`. Either the waiter sees the release, or it is seen here.
        self.count.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn is_empty(&self, wakes: &WakeList) -> bool {
        self.list.lock(wakes).waiters.is_empty()
    }

    /// Ticks at `time`, when requests expire, if a waiter is there.
    pub(crate) fn tick_by(&self, time: u64, wakes: &WakeList) {
        let list = self.list.lock(wakes);
        if !list.waiters.is_empty() {
            list.timer.tick_by(time);
        }
    }

    pub(crate) fn leave(&self, id: u64, wakes: &WakeList) {
        let mut list = self.list.lock(wakes);
        if let Ok(at) = list.waiters.binary_search_by_key(&id, |waiter| waiter.id) {
            let waiter = list.waiters.remove(at);
            self.count.fetch_sub(1, Ordering::Relaxed);
            wakes.discard(waiter.waker);
        }
    }

    pub(crate) fn wake_all(&self, wakes: &WakeList) {
        self.wake(wakes, |_| true);
    }

    /// Wakes the futures whose deadline has passed by `now`.
    pub(crate) fn wake_due(&self, now: u64, wakes: &WakeList) {
        self.wake(wakes, |waiter| {
            waiter.timed_by == TimedBy::TimerThread && waiter.deadline <= now
        });
    }

    fn wake(&self, wakes: &WakeList, mut wanted: impl FnMut(&DrainWaiter) -> bool) {
        let mut list = self.list.lock(wakes);
        for waiter in list.waiters.extract_if(.., |waiter| wanted(waiter)) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            wakes.wake(waiter.waker);
        }
        list.set_timer();
    }
}
