//! Wakers that failed and are called again by the timer thread.

use std::task::Waker;

use super::super::locks::{Lock, WakeList};
use super::timer::TimerThread;

#[derive(Debug)]
pub(crate) struct Retries(Lock<(Vec<Waker>, TimerThread)>);

impl Retries {
    pub(crate) fn new(timer: TimerThread) -> Self {
        Self(Lock::new((Vec::new(), timer)))
    }

    /// Lets the timer thread call the waker at once.
    pub(crate) fn push(&self, waker: Waker) {
        let wakes = WakeList::new();
        let mut list = self.0.lock(&wakes);
        list.0.push(waker);
        list.1.tick_by(0);
    }

    /// Wakes all that were pushed.
    pub(crate) fn wake(&self, wakes: &WakeList) {
        for waker in std::mem::take(&mut self.0.lock(wakes).0) {
            wakes.wake(waker);
        }
    }
}
