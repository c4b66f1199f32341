//! The scheduler's batch former with edges and a gate that follow the finished requests.

use super::clock::seconds;
use super::policy::{Policy, climb};
use super::records::TimedEvent;
use crate::adapt::{Adaptation, Adapter};
use crate::policy::{Formed, Former};
use crate::request::{Row, Submission, WorkerId};

/// A batch former that an adapter steers.
///
/// While the gate is closed, requests that arrive go to the first bin. Fitted edges are in use at
/// once: the milliseconds that a fit takes are not simulated.
pub(super) struct AdaptiveFormer {
    former: Former,
    adapter: Adapter,
    events: Vec<TimedEvent>,
}

impl AdaptiveFormer {
    pub(super) fn new(former: Former, adapter: Adapter) -> Self {
        Self { former, adapter, events: Vec::new() }
    }

    /// Moves the adapter's events into those of the simulation, with the time `now`.
    fn keep_events(&mut self, now: u64) {
        let time = seconds(now);
        let events = self.adapter.events().into_iter();
        self.events.extend(events.map(|event| TimedEvent { time, event }));
    }
}

impl Policy for AdaptiveFormer {
    fn arrive(&mut self, submission: Submission) -> bool {
        let bin = self.former.bin(submission.length);
        self.former.arrive(bin, |arrivals| arrivals.push(submission));
        self.former.arrival_matters(bin)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, max_new: usize) -> Option<Formed> {
        self.former.form(now, server, closed, max_new)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        climb(&mut self.former, row, server, admitted);
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, predicted: u32, actual: u32, now: u64) {
        let entered = || self.former.take_entered();
        if self.adapter.observe(predicted, actual, entered) {
            self.keep_events(now);
        }
        self.former.set_predicted(self.adapter.is_open());
        let Some(job) = self.adapter.job() else { return };
        if self.adapter.apply(job.run()) {
            self.keep_events(now);
            self.former.set_edges(self.adapter.edges().clone(), self.adapter.is_open());
        }
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        self.former.deadline(server)
    }

    fn take_events(&mut self) -> Vec<TimedEvent> {
        std::mem::take(&mut self.events)
    }

    fn adaptation(&self) -> Option<Adaptation> {
        Some(self.adapter.report())
    }
}
