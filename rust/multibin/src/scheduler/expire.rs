//! Requests expire whose time to live is over, and free the room that they hold.

use super::inner::{Inner, Locked, State};
use super::locks::{Panics, WakeList};
use super::wake::STALL_RECHECK;
use crate::request::Expired;

/// Nanoseconds after which freeing room is tried again, if it is not possible now.
const RETRY: u64 = 10_000_000;
/// How long a call that takes the forming lock many times leaves it to others in between. A mutex
/// goes to the thread that is awake, and the threads that wait for it get a turn meanwhile.
pub(super) const TURN: std::time::Duration = std::time::Duration::from_micros(50);

impl Inner {
    /// Frees the room of requests whose deadline has passed, if there may be such. Returns true if
    /// it did. Takes the forming lock then.
    pub(super) fn expire_due(&self, wakes: &WakeList) -> bool {
        if self.earliest.get() > self.now() {
            return false;
        }
        let mut state = self.lock(wakes);
        let expired = self.expire(&mut state, wakes);
        drop(state);
        self.serve_after_expiry(wakes);
        expired
    }

    /// Serves the line with the room that expired requests left. A call that entered the line while
    /// the earliest deadline was looked for set no timer: it is set here.
    fn serve_after_expiry(&self, wakes: &WakeList) {
        if self.admission.is_queued() {
            self.serve(wakes);
            self.room.tick_by(self.earliest.get(), wakes);
        }
    }

    /// Lets requests expire whose deadline has passed. Returns true if any did.
    fn expire(&self, state: &mut Locked<'_>, wakes: &WakeList) -> bool {
        let now = self.now();
        self.earliest.forget();
        let stalled = state.collect(&self.notifier);
        state.former.expire(now);
        let expired = self.release_expired(state, wakes) > 0;
        self.earliest.lower(state.former.next_expiry().map_or(u64::MAX, |next| {
            // So many are unreported that no more can expire, until a worker asks.
            if next <= now && !expired { now.saturating_add(RETRY) } else { next }
        }));
        if stalled {
            // Behind a stalled producer there may be requests with deadlines.
            self.earliest.lower(now.saturating_add(STALL_RECHECK));
        }
        // A worker may wait for the requests that expired.
        self.notify_next(state, now);
        expired
    }

    /// Frees the room of the requests that expired since this was last called. Returns how many
    /// there were. The caller serves the line for room once it has released the lock.
    pub(super) fn release_expired(&self, state: &mut State, wakes: &WakeList) -> u64 {
        let expired = state.former.expired() - state.expired;
        if expired > 0 {
            state.expired += expired;
            let _ = self.admission.release(expired);
            self.notify_drain_waiters(wakes);
        }
        expired
    }

    /// Takes the expired requests that no batch has reported yet.
    pub(super) fn take_expired(&self) -> Vec<Expired> {
        let (panics, mut expired) = (Panics::default(), Vec::new());
        loop {
            let wakes = WakeList::new();
            let more = {
                let mut state = self.lock(&wakes);
                let more = self.expire(&mut state, &wakes);
                expired.append(&mut state.former.take_unreported());
                more
            };
            self.serve_after_expiry(&wakes);
            panics.keep(wakes.fire());
            if !more {
                self.record_expired(&expired);
                return expired;
            }
            if self.earliest.get() <= self.now() {
                std::thread::sleep(TURN);
            }
        }
    }
}
