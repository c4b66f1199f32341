//! The shipped former with what follows the traffic.

use super::clock::seconds;
use super::records::TimedEvent;
use super::run::Policy;
use crate::adapt::{Adaptation, Adapter};
use crate::policy::{Formed, Former};
use crate::request::WorkerId;
use crate::request::{Row, Submission};

/// While the gate is closed, a request that arrives goes to the first bin; fitted edges are in use at
/// once, without the milliseconds that a fit takes.
pub(super) struct Adaptive {
    former: Former,
    adapter: Adapter,
    events: Vec<TimedEvent>,
}

impl Adaptive {
    pub(super) fn new(former: Former, adapter: Adapter) -> Self {
        Self { former, adapter, events: Vec::new() }
    }

    /// Keeps what the adapter did at `now`, before it forgets it.
    fn keep_events(&mut self, now: u64) {
        let time = seconds(now);
        let events = self.adapter.events().into_iter();
        self.events.extend(events.map(|event| TimedEvent { time, event }));
    }
}

impl Policy for Adaptive {
    fn arrive(&mut self, submission: Submission) -> bool {
        let bin = self.former.bin(submission.length);
        self.former.arrive(bin, |arrivals| arrivals.push(submission));
        self.former.arrival_matters(bin)
    }

    fn form(&mut self, now: u64, server: WorkerId, closed: bool, starts: usize) -> Option<Formed> {
        self.former.form(now, server, closed, starts)
    }

    fn climb(&mut self, row: Row, server: WorkerId, admitted: u64) {
        Policy::climb(&mut self.former, row, server, admitted);
    }

    fn finished(&mut self, predicted: u32, actual: u32, now: u64) {
        let entered = || self.former.take_entered();
        if self.adapter.observe(predicted, actual, entered) {
            self.keep_events(now);
        }
        self.former.set_predicted(self.adapter.is_open());
        let Some(job) = self.adapter.job() else { return };
        if self.adapter.fitted(job.run()) {
            self.keep_events(now);
            self.former.set_edges(self.adapter.edges().clone(), self.adapter.is_open());
        }
    }

    fn deadline(&self, server: WorkerId) -> Option<u64> {
        self.former.deadline(server)
    }

    fn events(&mut self) -> Vec<TimedEvent> {
        std::mem::take(&mut self.events)
    }

    fn adaptation(&self) -> Option<Adaptation> {
        Some(self.adapter.so_far())
    }
}
