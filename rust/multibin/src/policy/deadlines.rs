//! When time alone makes a batch possible: a request becomes overdue, or expires.

use super::bins::Bins;
use super::former::Former;
use crate::request::WorkerId;

impl Former {
    /// Returns when the first request that `worker` may take becomes overdue by `max_wait`, or
    /// expires.
    pub(crate) fn deadline(&self, worker: WorkerId) -> Option<u64> {
        self.earliest(&self.queues.climbers(Some(worker)))
    }

    /// Returns when the first request that any worker may take becomes overdue by `max_wait`, or
    /// expires.
    pub(crate) fn shared_deadline(&self) -> Option<u64> {
        self.earliest(&[None, Some(self.queues.shared())])
    }

    /// Returns when the first climber that `worker` alone may take becomes overdue by `max_wait`.
    pub(crate) fn pinned_deadline(&self, worker: WorkerId) -> Option<u64> {
        self.overdue_from(self.queues.pinned(worker)?.first_entered())
    }

    /// Returns the first deadline of new requests and these climbers.
    fn earliest(&self, climbers: &[Option<&Bins>; 2]) -> Option<u64> {
        let entered = climbers.iter().flatten().map(|bins| bins.first_entered());
        let overdue = self.overdue_from(entered.fold(self.heads.entered.min(), u64::min));
        [overdue, self.next_expiry()].into_iter().flatten().min()
    }

    /// Returns when a request that `entered` a queue then becomes overdue by `max_wait`.
    /// `u64::MAX`: none did.
    fn overdue_from(&self, entered: u64) -> Option<u64> {
        let max_wait = self.rules.max_wait.filter(|_| entered != u64::MAX)?;
        Some(entered.saturating_add(max_wait))
    }
}
