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

    /// Returns true if [`Policy::observe`] does something.
    fn observes(&self) -> bool {
        false
    }

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

/// The scheduler's batch former with edges that stay.
pub(super) struct FixedFormer {
    former: Former,
    /// The bins of the shortest lengths: looked up, where the edges search.
    bins: Vec<u32>,
}

impl FixedFormer {
    /// Lengths whose bins are looked up.
    const LENGTHS: u32 = 2048;

    pub(super) fn new(former: Former) -> Self {
        let bins = (0..Self::LENGTHS).map(|length| former.bin(length) as u32).collect();
        Self { former, bins }
    }

    #[inline]
    fn bin(&self, length: u32) -> usize {
        let known = self.bins.get(length as usize);
        known.map_or_else(|| self.former.bin(length), |&bin| bin as usize)
    }
}

impl Policy for FixedFormer {
    #[inline]
    fn arrive(&mut self, submission: Submission) -> bool {
        let bin = self.bin(submission.length);
        self.former.arrive(bin, |arrivals| arrivals.push(submission));
        self.former.arrival_matters(bin)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed> {
        self.former.form(now, server, closed, max_new)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        climb(&mut self.former, row, server, admitted);
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        self.former.deadline(server)
    }
}

/// Puts an unfinished row of `server`'s last batch back.
pub(super) fn climb(former: &mut Former, row: Row, server: WorkerId, admitted: u64) {
    if !former.has_worker(server) {
        former.add_worker(server);
    }
    former.climb(row, Some(server), admitted);
}
