//! What a baseline is asked, and the shell that lets the event loop ask it.

use super::super::run::Policy;
use super::super::workload::Workload;
use crate::policy::Formed;
use crate::request::WorkerId;
use crate::request::{Reason, Row, Submission};

/// Forms batches. Requests are positions in the workload and arrive in its order.
pub(super) trait Rule {
    /// A request arrives, at a time in nanoseconds.
    fn arrive(&mut self, request: u32, arrival: u64);
    /// The next batch: its requests into the empty `batch`, its bin, and why it leaves. `None` if
    /// nothing waits. `closed`: nothing more will arrive.
    fn form(&mut self, now: u64, closed: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)>;
}

/// A rule in the place of the shipped former.
pub(super) struct Played<'a, R> {
    rule: R,
    workload: &'a Workload,
    arrivals: Vec<u64>,
    batch: Vec<u32>,
}

impl<'a, R: Rule> Played<'a, R> {
    pub(super) fn new(rule: R, workload: &'a Workload) -> Self {
        let arrivals = Vec::with_capacity(workload.arrivals.len());
        Self { rule, workload, arrivals, batch: Vec::new() }
    }

    fn row(&self, request: u32) -> Row {
        let arrival = self.arrivals[request as usize];
        Row {
            key: u64::from(request),
            ticket: u64::from(request),
            arrival,
            entered: arrival,
            length: self.workload.predicted[request as usize],
            progress: 0,
            cost: self.workload.predicted[request as usize],
            priority: 0,
            deadline: u64::MAX,
        }
    }
}

impl<R: Rule> Policy for Played<'_, R> {
    #[inline]
    fn arrive(&mut self, submission: Submission) -> bool {
        self.arrivals.push(submission.arrival);
        self.rule.arrive(submission.ticket as u32, submission.arrival);
        true
    }

    fn form(&mut self, now: u64, _: WorkerId, closed: bool, _: usize) -> Option<Formed> {
        self.batch.clear();
        let (bin, reason) = self.rule.form(now, closed, &mut self.batch)?;
        let rows = self.batch.iter().map(|&request| self.row(request)).collect();
        Some(Formed::new(rows, None, bin, reason))
    }

    fn climb(&mut self, _: Row, _: WorkerId, _: u64) {
        unreachable!("without a limit rows run to their end");
    }

    fn deadline(&self, _: WorkerId) -> Option<u64> {
        None
    }
}

/// Whether so few wait that they leave together whatever their lengths: rule 1 of what ships.
pub(super) fn light_load(waiting: usize, batch_size: usize, closed: bool) -> bool {
    !closed && 5 * waiting < 8 * batch_size
}

/// Why a batch leaves that holds as many as it can, or all that wait.
pub(super) fn reason(full: bool) -> Reason {
    if full { Reason::Full } else { Reason::Elastic }
}
