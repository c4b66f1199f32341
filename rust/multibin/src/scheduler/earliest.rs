//! When the next request expires, for calls that do not hold the forming lock.

use crate::sync::{AtomicU64, Ordering, order_for_loom};

/// The earliest deadline of a request that waits, or an earlier time. A full scheduler whose
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

    /// Lowers it to the deadline of a request that is published. Returns true if that is the
    /// earliest.
    pub(super) fn lower(&self, deadline: u64) -> bool {
        // Relaxed: an earlier one is there, whatever else is seen.
        let lowers = deadline < self.0.load(Ordering::Relaxed)
            // SeqCst: it releases what was published to `forget`; pairs with the load in `get`.
            && deadline < self.0.fetch_min(deadline, Ordering::SeqCst);
        order_for_loom();
        lowers
    }

    /// Forgets it. The caller then looks at all that is published, and lowers it again.
    pub(super) fn forget(&self) {
        // SeqCst: pairs with the exchange in `lower`; the rings are read afterwards.
        self.0.swap(u64::MAX, Ordering::SeqCst);
        order_for_loom();
    }
}
