//! Which requests may enter: tickets, the capacity, and closing.

use crate::request::Ticket;
use crate::sync::{AtomicU64, Ordering, order_for_loom};

const CLOSED: u64 = 1 << 63;
const QUEUED: u64 = 1 << 62;
const FLAGS: u64 = CLOSED | QUEUED;

/// Why no request was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// Counts the requests that were admitted and those that are gone; the difference waits or is
/// leased.
///
/// Dekker's protocol: a waiter for room sets the flag and then reads how many are gone. A call that
/// frees room counts its rows as gone and then reads the flag. Either the waiter sees the room, or
/// the call sees the waiter and serves it. All four accesses are `SeqCst`.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Admitted so far, which is the next ticket. The top bit is set once closed, the one below it
    /// while calls are in the line for room. Only the holder of the line's lock changes the latter,
    /// and admits requests while it is set.
    admitted: AtomicU64,
    /// Done, lost, expired or cancelled so far.
    released: AtomicU64,
    capacity: u64,
}

impl Admission {
    pub(crate) fn new(capacity: u64) -> Self {
        Self { admitted: AtomicU64::new(0), released: AtomicU64::new(0), capacity }
    }

    /// Admits up to `wanted` requests, at least one. Returns the first ticket and how many. Refuses
    /// while calls are in the line for room. Lock-free: it retries for long only while
    /// others succeed.
    #[inline]
    pub(crate) fn admit(&self, wanted: u64) -> Result<(Ticket, u64), Refused> {
        // Acquire: pairs with the exchange in `release`. A request that is gone left the slab
        // before; one that is admitted enters it after.
        self.admit_from(wanted, 1, FLAGS, Ordering::Acquire)
    }

    /// Admits `wanted` requests or none. Returns the first ticket.
    #[inline]
    pub(crate) fn admit_all(&self, wanted: u64) -> Result<Ticket, Refused> {
        self.admit_from(wanted, wanted, FLAGS, Ordering::Acquire).map(|(first, _)| first)
    }

    /// Admits up to `wanted` requests of a call in the line, under the lock of the line.
    pub(crate) fn admit_queued(&self, wanted: u64) -> Result<(Ticket, u64), Refused> {
        // SeqCst: pairs with the exchange in `release`.
        self.admit_from(wanted, 1, CLOSED, Ordering::SeqCst)
    }

    #[inline]
    fn admit_from(
        &self,
        wanted: u64,
        min: u64,
        refusing: u64,
        gone: Ordering,
    ) -> Result<(Ticket, u64), Refused> {
        let mut before = self.admitted.load(Ordering::Relaxed);
        loop {
            if before & refusing != 0 {
                return Err(if before & CLOSED == 0 { Refused::Full } else { Refused::Closed });
            }
            let ticket = before & !FLAGS;
            let live = ticket.saturating_sub(self.released.load(gone));
            let granted = wanted.min(self.capacity.saturating_sub(live));
            if granted < min {
                return Err(Refused::Full);
            }
            // Relaxed: the ticket orders nothing; the ring publishes the request.
            match self.admitted.compare_exchange_weak(
                before,
                before + granted,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok((ticket, granted)),
                Err(now) => before = now,
            }
        }
    }

    /// Counts `count` rows as gone. Returns true if calls are in the line for room: the caller then
    /// serves them. Wait-free.
    #[must_use]
    pub(crate) fn release(&self, count: u64) -> bool {
        // SeqCst: pairs with the exchange in `queue`, and with the load in `admit`.
        self.released.fetch_add(count, Ordering::SeqCst);
        order_for_loom();
        self.is_queued()
    }

    /// Reserves room for the calls in the line. The caller holds the lock of the line, and then
    /// tries to admit.
    pub(crate) fn queue(&self) {
        // SeqCst: pairs with the exchange in `release`.
        self.admitted.fetch_or(QUEUED, Ordering::SeqCst);
        order_for_loom();
    }

    /// Opens room to all calls: the line is empty. The caller holds the lock of the line.
    pub(crate) fn unqueue(&self) {
        // Relaxed: changed and tested under that lock alone.
        self.admitted.fetch_and(!QUEUED, Ordering::Relaxed);
    }

    /// Returns true if calls are in the line for room.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        // SeqCst: pairs with the exchange in `queue`.
        self.admitted.load(Ordering::SeqCst) & QUEUED != 0
    }

    /// Refuses all further requests. Returns false if it was closed before.
    pub(crate) fn close(&self) -> bool {
        // SeqCst: pairs with the load in `is_closed`.
        let before = self.admitted.fetch_or(CLOSED, Ordering::SeqCst);
        order_for_loom();
        before & CLOSED == 0
    }

    /// Returns true after [`Admission::close`].
    pub(crate) fn is_closed(&self) -> bool {
        // SeqCst: pairs with the exchange in `close`, for a call that changed something before.
        self.admitted.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// Returns true if all that were admitted are gone. Final once closed.
    pub(crate) fn is_empty(&self) -> bool {
        self.released.load(Ordering::Acquire) == self.admitted()
    }

    /// Returns how many were admitted so far.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed) & !FLAGS
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn grants_a_prefix_up_to_the_capacity() {
        let admission = Admission::new(5);
        assert_eq!(admission.admit(3), Ok((0, 3)));
        assert_eq!(admission.admit_all(3), Err(Refused::Full));
        assert_eq!(admission.admit(3), Ok((3, 2)));
        assert_eq!(admission.admit(1), Err(Refused::Full));
        assert!(!admission.release(1));
        assert_eq!(admission.admit_all(1), Ok(5));
        assert!(admission.close());
        assert!(!admission.close());
        assert_eq!(admission.admit(1), Err(Refused::Closed));
        assert_eq!(admission.admitted(), 6);
    }

    #[test]
    fn room_goes_to_calls_in_the_line_alone() {
        let admission = Admission::new(2);
        admission.queue();
        assert_eq!(admission.admit(1), Err(Refused::Full));
        assert_eq!(admission.admit_queued(3), Ok((0, 2)));
        assert_eq!(admission.admit_queued(1), Err(Refused::Full));
        assert!(admission.release(2));
        assert_eq!(admission.admitted(), 2);
        admission.unqueue();
        assert_eq!(admission.admit(1), Ok((2, 1)));
        admission.queue();
        admission.close();
        assert_eq!(admission.admit(1), Err(Refused::Closed));
        assert_eq!(admission.admit_queued(1), Err(Refused::Closed));
    }
}
