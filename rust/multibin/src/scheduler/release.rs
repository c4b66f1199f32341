//! Leases end: their rows are counted, and the room that they held is freed.

use super::inner::Inner;
use super::locks::WakeList;
use crate::sync::Ordering;

impl Inner {
    /// Ends the lease of rows that are finished.
    pub(super) fn finish(&self, rows: u64, wakes: &WakeList) {
        self.done.fetch_add(rows, Ordering::Relaxed);
        self.release(rows, wakes);
    }

    /// Ends the lease of rows that are lost.
    pub(super) fn lose(&self, rows: u64, wakes: &WakeList) {
        self.lost.fetch_add(rows, Ordering::Relaxed);
        self.release(rows, wakes);
    }

    fn release(&self, rows: u64, wakes: &WakeList) {
        let queued = self.admission.release(rows);
        self.notify_drain_waiters(wakes);
        if queued {
            self.serve(wakes);
        }
    }
}
