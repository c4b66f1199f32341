//! Who may enter: tickets, the capacity, and the end of both.

use crate::request::Ticket;
use crate::sync::{AtomicU64, Ordering};

const CLOSED: u64 = 1 << 63;

/// Why nobody was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// Counts who came and who is gone; the difference waits or is leased.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Admitted so far, which is the next ticket; the top bit says closed.
    admitted: AtomicU64,
    /// Done or lost so far.
    released: AtomicU64,
    capacity: u64,
}

impl Admission {
    pub(crate) fn new(capacity: u64) -> Self {
        Self { admitted: AtomicU64::new(0), released: AtomicU64::new(0), capacity }
    }

    /// Admits up to `wanted`, at least one: the first ticket and how many. Lock-free: an exchange
    /// fails for long only while others succeed.
    #[inline]
    pub(crate) fn admit(&self, wanted: u64) -> Result<(Ticket, u64), Refused> {
        let mut ticket = self.admitted.load(Ordering::Relaxed);
        loop {
            if ticket & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            // Acquire: pairs with the Release in `release`: who is gone left the slab before, and
            // who comes enters it after.
            let live = ticket.saturating_sub(self.released.load(Ordering::Acquire));
            let granted = wanted.min(self.capacity.saturating_sub(live));
            if granted == 0 {
                return Err(Refused::Full);
            }
            // Relaxed: the ticket orders nothing; the ring publishes the request.
            match self.admitted.compare_exchange_weak(
                ticket,
                ticket + granted,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok((ticket, granted)),
                Err(now) => ticket = now,
            }
        }
    }

    /// `count` rows are done or lost. Wait-free.
    pub(crate) fn release(&self, count: u64) {
        // Release: pairs with the Acquire in `admit`.
        self.released.fetch_add(count, Ordering::Release);
    }

    /// Admits nobody from now on; false if that was so before.
    pub(crate) fn close(&self) -> bool {
        self.admitted.fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.admitted.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Whether all who came are gone. Meaningful once closed.
    pub(crate) fn is_empty(&self) -> bool {
        self.released.load(Ordering::Acquire) == self.admitted()
    }

    /// Admitted so far.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed) & !CLOSED
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn grants_a_prefix_up_to_the_capacity() {
        let admission = Admission::new(5);
        assert_eq!(admission.admit(3), Ok((0, 3)));
        assert_eq!(admission.admit(3), Ok((3, 2)));
        assert_eq!(admission.admit(1), Err(Refused::Full));
        admission.release(1);
        assert_eq!(admission.admit(1), Ok((5, 1)));
        assert!(admission.close());
        assert!(!admission.close());
        assert_eq!(admission.admit(1), Err(Refused::Closed));
        assert_eq!(admission.admitted(), 6);
    }
}
