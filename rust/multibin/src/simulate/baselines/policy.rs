//! A baseline's rule as a policy of the event loop.

use super::rule::Rule;
use crate::policy::Formed;
use crate::request::{Row, Submission, WorkerId};
use crate::simulate::policy::Policy;
use crate::simulate::workload::Workload;

/// Turns the requests that a rule chooses into the rows of a batch.
pub(super) struct RulePolicy<'a, R> {
    rule: R,
    workload: &'a Workload,
    arrivals: Vec<u64>,
    /// Scratch space.
    batch: Vec<u32>,
}

impl<'a, R: Rule> RulePolicy<'a, R> {
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

impl<R: Rule> Policy for RulePolicy<'_, R> {
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
