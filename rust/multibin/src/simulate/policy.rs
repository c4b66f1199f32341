//! What the event loop asks of a policy, and the scheduler's batch former as one.

use super::records::TimedEvent;
use crate::adapt::Adaptation;
use crate::policy::{Formed, Former};
use crate::request::{Row, Submission, WorkerId};

/// Forms batches: the scheduler's batch former, or a baseline. Each server is a worker.
pub(super) trait Policy {
    /// Adds a request that arrives; its ticket is its position in the workload. Returns true if a
    /// batch may leave now that could not before.
    fn arrive(&mut self, submission: Submission) -> bool;

    /// Returns the next batch for `server`, if one may leave now. At most `max_new` of its rows are
    /// new. `closed`: no more requests will arrive.
    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed>;

    /// Puts an unfinished row of `server`'s last batch back; `admitted` requests have arrived.
    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64);

    /// Observes a request that finished at `now` after `actual` steps.
    fn observe(&mut self, _predicted: u32, _actual: u32, _now: u64) {}

    /// Returns when a batch for `server` may become possible without another event.
    fn deadline(&self, server: WorkerId) -> Option<u64>;

    /// Takes the events of adaptation so far.
    fn take_events(&mut self) -> Vec<TimedEvent> {
        Vec::new()
    }

    /// Returns the counters of adaptation, if there is any.
    fn adaptation(&self) -> Option<Adaptation> {
        None
    }
}

impl Policy for Former {
    #[inline]
    fn arrive(&mut self, submission: Submission) -> bool {
        let bin = self.bin(submission.length);
        Former::arrive(self, bin, |arrivals| arrivals.push(submission));
        self.arrival_matters(bin)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed> {
        Former::form(self, now, server, closed, max_new)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        if !self.has_worker(server) {
            self.add_worker(server);
        }
        Former::climb(self, row, Some(server), admitted);
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        Former::deadline(self, server)
    }
}
