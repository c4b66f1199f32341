//! Room that requests hold whose time to live is over.

use super::Inner;
use super::form::TURN;
use super::sleepers::Locked;
use super::wake::GLANCE;
use super::wakes::{Panics, WakeList};
use crate::request::Expired;
use crate::sync::{AtomicU64, Ordering, order_for_loom};

/// Nanoseconds after which it is tried again to free room that cannot be freed now.
const RETRY: u64 = 10_000_000;

/// The earliest deadline of a request that waits, or an earlier time; so a full scheduler whose
/// requests have no deadlines pays one load.
#[derive(Debug)]
pub(super) struct Earliest(AtomicU64);

impl Earliest {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    pub(super) fn get(&self) -> u64 {
        // SeqCst: pairs with the exchange in `lower`, for waiters for room.
        self.0.load(Ordering::SeqCst)
    }

    /// A request with this deadline is published. Returns true if it is the earliest.
    fn lower(&self, deadline: u64) -> bool {
        // Relaxed: an earlier one is there, whatever else is seen.
        let lowers = deadline < self.0.load(Ordering::Relaxed)
            // SeqCst: it releases what was published to `forget`; pairs with the load in `get`.
            && deadline < self.0.fetch_min(deadline, Ordering::SeqCst);
        order_for_loom();
        lowers
    }

    /// The caller then looks at all that is published, and lowers it again.
    fn forget(&self) {
        // SeqCst: pairs with the exchange in `lower`; the rings are looked at afterwards.
        self.0.swap(u64::MAX, Ordering::SeqCst);
        order_for_loom();
    }
}

impl Inner {
    /// A request with this deadline is published.
    #[inline]
    pub(super) fn expect_expiry(&self, deadline: u64) {
        if deadline != u64::MAX && self.earliest.lower(deadline) {
            self.set_waiters_alarms();
        }
    }

    /// A waiter for room, or for the end, that came before has set its alarm for a later time; one that
    /// comes afterwards reads the earlier one.
    #[cold]
    fn set_waiters_alarms(&self) {
        let wakes = WakeList::new();
        if self.admission.is_queued() {
            self.room.set_alarm(self.earliest.get(), &wakes);
        }
        if self.admission.is_closed() {
            self.drainers.set_alarm(self.earliest.get(), &wakes);
        }
    }

    /// Frees the room of requests whose deadline has passed, if there may be such. Returns true if it
    /// did. Takes the forming lock then.
    pub(super) fn expire_due(&self, wakes: &WakeList) -> bool {
        if self.earliest.get() > self.now() {
            return false;
        }
        let mut state = self.lock(wakes);
        let expired = self.expire(&mut state, wakes);
        drop(state);
        self.serve_waiters(wakes);
        expired
    }

    /// Gives room that what expired left to queued calls. One that queued while the earliest deadline
    /// was looked for set no alarm: it is set here.
    fn serve_waiters(&self, wakes: &WakeList) {
        if self.admission.is_queued() {
            self.serve(wakes);
            self.room.set_alarm(self.earliest.get(), wakes);
        }
    }

    /// Lets what is past its deadline expire; true if anything did.
    fn expire(&self, state: &mut Locked<'_>, wakes: &WakeList) -> bool {
        let now = self.now();
        self.earliest.forget();
        let stalled = state.drain_marked(&self.notifier);
        state.former.expire(now);
        let expired = self.release_expired(state, wakes) > 0;
        self.earliest.lower(state.former.next_expiry().map_or(u64::MAX, |next| {
            // So many are unreported that no more can expire, until a worker asks.
            if next <= now && !expired { now.saturating_add(RETRY) } else { next }
        }));
        if stalled {
            // Behind a producer that stalled may lie requests with deadlines.
            self.earliest.lower(now.saturating_add(GLANCE));
        }
        // A worker may wait for what expired.
        self.pass_on(state, now);
        expired
    }

    /// Takes the expired requests that no batch has reported yet.
    pub(super) fn expired(&self) -> Vec<Expired> {
        let (panics, mut expired) = (Panics::default(), Vec::new());
        loop {
            let wakes = WakeList::new();
            let more = {
                let mut state = self.lock(&wakes);
                let more = self.expire(&mut state, &wakes);
                expired.append(&mut state.former.take_unreported());
                more
            };
            self.serve_waiters(&wakes);
            panics.keep(wakes.fire());
            if !more {
                return expired;
            }
            if self.earliest.get() <= self.now() {
                std::thread::sleep(TURN);
            }
        }
    }

    /// Frees the room of what expired by `now` for calls that are queued.
    pub(super) fn tick_room(&self, wakes: &WakeList) {
        if self.room.has_queue(wakes) {
            self.expire_due(wakes);
            self.room.set_alarm(self.earliest.get(), wakes);
        }
    }
}
