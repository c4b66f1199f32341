//! Room that requests hold whose time to live is over.

use super::wake::GLANCE;
use super::wakes::WakeList;
use super::{Inner, State};
use crate::request::Expired;
use crate::sync::{AtomicU64, Ordering, order_for_loom};

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
        // Acquire: pairs with the exchange in `lower`.
        self.0.swap(u64::MAX, Ordering::AcqRel);
    }
}

impl Inner {
    /// A request with this deadline is published.
    #[inline]
    pub(super) fn expect_expiry(&self, deadline: u64) {
        if deadline != u64::MAX && self.earliest.lower(deadline) {
            self.set_room_alarm();
        }
    }

    /// A waiter for room that queued before has set its alarm for a later time; one that queues
    /// afterwards reads the earlier one.
    #[cold]
    fn set_room_alarm(&self) {
        if self.admission.is_queued() {
            self.room.set_alarm(self.earliest.get(), &WakeList::new());
        }
    }

    /// Frees the room of requests whose deadline has passed, if there may be such. Returns true if it
    /// did. Takes the forming lock then.
    pub(super) fn expire_due(&self, wakes: &WakeList) -> bool {
        let now = self.now();
        if self.earliest.get() > now {
            return false;
        }
        let mut state = self.lock(wakes);
        let expired = self.expire(&mut state, now);
        // A worker may wait for what expired.
        self.pass_on(&mut state, now);
        drop(state);
        self.release(expired, wakes);
        expired > 0
    }

    /// Lets what is past its deadline expire; how many, for the caller to release.
    fn expire(&self, state: &mut State, now: u64) -> u64 {
        self.earliest.forget();
        let stalled = state.drain_marked(&self.bell);
        let expired = state.former.expire(now) as u64;
        state.expired += expired;
        let next = state.former.next_expiry().unwrap_or(u64::MAX);
        // Behind a producer that stalled may lie requests with deadlines.
        self.earliest.lower(if stalled { next.min(now.saturating_add(GLANCE)) } else { next });
        expired
    }

    /// Takes the expired requests that no batch has reported yet.
    pub(super) fn expired(&self) -> Vec<Expired> {
        let wakes = WakeList::new();
        let mut state = self.lock(&wakes);
        let now = self.now();
        let expired = self.expire(&mut state, now);
        let gone = state.former.take_expired();
        self.pass_on(&mut state, now);
        drop(state);
        self.release(expired, &wakes);
        gone
    }

    /// Frees the room of what expired by `now` for calls that are queued.
    pub(super) fn tick_room(&self, wakes: &WakeList) {
        if self.admission.is_queued() {
            self.expire_due(wakes);
            self.room.set_alarm(self.earliest.get(), wakes);
        }
    }
}
