//! Batches of the shipped scheduler, compared with those of the reference.

use std::time::Duration;

use super::entry::{Entry, Leaves};
use super::run::Run;
use crate::{Batch, Fill, NextError, Options, Reason, Row};

/// What identifies a row: key, ticket, length, progress.
type Seen = (u64, u64, u32, u32);

impl Run {
    /// Asks for a batch, and compares it with the one that the rules name.
    pub(super) fn next(&mut self, worker: usize) {
        let Some(handle) = &self.workers[worker] else { return };
        let got = handle.next_batch(Some(Duration::ZERO));
        let left = self.expire();
        let expired = std::mem::take(&mut self.unreported);
        if left {
            // So many are unreported that others cannot expire yet: they are not served.
            self.check_report(&got.unwrap(), &expired);
            return;
        }
        self.record_overdue();
        match (got, self.reference.next(worker)) {
            (Ok(batch), Some(leaves)) => {
                self.check_batch(&batch, &leaves);
                assert_eq!(reported(&batch), expired);
                self.starvation.check(&leaves.0);
                self.reference.take(&leaves.0);
                self.ledger.leave(&batch);
                self.open.push((worker, batch));
            }
            (Ok(batch), None) => {
                assert!(!expired.is_empty());
                self.check_report(&batch, &expired);
            }
            (Err(error @ (NextError::Closed | NextError::Timeout)), None) => {
                assert!(expired.is_empty());
                assert_eq!(error == NextError::Closed, self.reference.closed);
            }
            (got, want) => panic!("got {got:?}, the rules say {want:?}"),
        }
    }

    /// Checks a batch that only reports requests that expired.
    fn check_report(&mut self, batch: &Batch, expired: &[(u64, u64)]) {
        assert_eq!((batch.rows(), batch.reason()), (&[][..], Reason::Expired));
        assert_eq!(reported(batch), expired);
        self.ledger.leave(batch);
    }

    /// Records which requests are overdue before a batch leaves. With climbers or ranks a head may
    /// wait behind others that are not overdue.
    fn record_overdue(&mut self) {
        let reference = &self.reference;
        let bounded = reference.config.fill == Fill::Elastic
            && !reference.is_ranked()
            && reference.waiting.iter().all(|entry| !entry.started);
        if bounded {
            let overdue = reference.waiting.iter().filter(|entry| reference.is_overdue(entry));
            self.starvation.record(&overdue.map(|entry| entry.ticket).collect());
        } else {
            self.starvation.clear();
        }
    }

    fn check_batch(&self, batch: &Batch, (rows, bin, reason, limit): &Leaves) {
        let seen = |row: &Row| (row.key, row.ticket, row.length, row.progress);
        let wanted = |entry: &Entry| (entry.key, entry.ticket, entry.length, entry.progress);
        let mut got: Vec<Seen> = batch.rows().iter().map(seen).collect();
        let mut want: Vec<Seen> = rows.iter().map(wanted).collect();
        if *reason == Reason::LightLoad && self.reference.is_ranked() {
            // Rows of a heap come in any order.
            got.sort_unstable();
            want.sort_unstable();
        }
        assert_eq!(got, want);
        assert_eq!((batch.bin(), batch.reason(), batch.limit()), (*bin, *reason, *limit));
    }

    /// Resubmits the rows of `mask` with more progress, and ends the batch.
    pub(super) fn resubmit(&mut self, batch: usize, mask: &[bool], by: u32, anywhere: bool) {
        if self.open.is_empty() {
            return;
        }
        let (worker, batch) = self.open.swap_remove(batch % self.open.len());
        let picked = |row: &usize| mask.get(*row).copied().unwrap_or(false);
        let rows: Vec<(usize, u32)> = (0..batch.rows().len())
            .filter(picked)
            .map(|row| (row, batch.rows()[row].progress + by))
            .collect();
        batch.resubmit(&rows, anywhere).unwrap();
        let alive = self.workers[worker].is_some();
        for &(row, progress) in &rows {
            let progress = if anywhere || alive { progress } else { 0 };
            let owner = (!anywhere && alive).then_some(worker);
            let parked = anywhere || alive;
            let row = Row { progress, ..batch.rows()[row] };
            self.reference.enter(&Entry { owner, parked, ..resubmitted(&row) });
        }
        self.live -= batch.rows().len() - rows.len();
        batch.done();
        assert!(batch.resubmit(&[], false).is_err());
    }

    /// Ends a batch by `end`.
    pub(super) fn end(&mut self, batch: usize, end: impl Fn(&Batch)) {
        if self.open.is_empty() {
            return;
        }
        let (_, batch) = self.open.swap_remove(batch % self.open.len());
        end(&batch);
        self.live -= batch.rows().len();
    }
}

/// Returns the entry of a row that was in a batch, without its queue.
fn resubmitted(row: &Row) -> Entry {
    let &Row { key, ticket, length, progress, arrival, cost, priority, deadline, .. } = row;
    let ttl = (deadline != u64::MAX).then(|| Duration::from_nanos(deadline - arrival));
    Entry {
        key,
        ticket,
        length,
        progress,
        bin: 0,
        sequence: 0,
        bypass_bound: 0,
        owner: None,
        parked: false,
        started: true,
        arrival,
        entered: 0,
        options: Options { cost: Some(cost), priority, ttl },
    }
}

fn reported(batch: &Batch) -> Vec<(u64, u64)> {
    batch.expired().iter().map(|expired| (expired.key, expired.ticket)).collect()
}
