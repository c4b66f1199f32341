//! What the timer thread does.

use super::inner::Inner;
use super::locks::WakeList;
use super::waiters::Tick;

impl Tick for Inner {
    fn tick(&self, now: u64) {
        let wakes = WakeList::new();
        self.tick_waiters(now, &wakes);
        self.tick_drain_waiters(now, &wakes);
        self.tick_room(&wakes);
        self.retries.wake(&wakes);
    }
}

impl Inner {
    /// Lets requests expire if a drain waiter is there, and wakes those whose deadline has passed.
    fn tick_drain_waiters(&self, now: u64, wakes: &WakeList) {
        if !self.drain_waiters.is_empty(wakes) {
            self.expire_due(wakes);
            self.drain_waiters.tick_by(self.earliest.get(), wakes);
        }
        self.drain_waiters.wake_due(now, wakes);
    }

    /// Lets requests expire if calls wait for their room.
    fn tick_room(&self, wakes: &WakeList) {
        if self.room.has_line(wakes) {
            self.expire_due(wakes);
            self.room.tick_by(self.earliest.get(), wakes);
        }
    }
}
