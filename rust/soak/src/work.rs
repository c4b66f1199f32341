//! A worker thread: takes batches, resubmits rows, ends leases soon, late or not at all.

use std::time::Duration;

use multibin::{Batch, NextError, Reason, ResubmitError};

use crate::failure::{fail, require};
use crate::random::Random;
use crate::record::{Owner, State};
use crate::round::Round;
use crate::tally::Tally;

/// The most leases that the thread leaves open while it asks for another batch.
const MAX_OPEN: usize = 3;
/// A row climbs only while its progress is below this.
const MAX_PROGRESS: u32 = 100;

struct WorkerThread<'a> {
    round: &'a Round<'a>,
    thread: usize,
    random: Random,
    tally: Tally,
    /// The number of the worker that the thread uses.
    number: Owner,
    /// Leases that have not ended, and the workers that took them.
    open: Vec<(Batch, Owner)>,
}

/// Works until the scheduler is closed and empty, or the round is stopped.
pub fn work(round: &Round<'_>, thread: usize) -> Tally {
    let random = round.random(100 + thread as u64);
    let number = round.number_worker();
    WorkerThread { round, thread, random, tally: Tally::default(), number, open: Vec::new() }.run()
}

impl WorkerThread<'_> {
    fn run(mut self) -> Tally {
        loop {
            let worker = self.round.worker(self.thread);
            match worker.next_batch(self.timeout()) {
                Ok(batch) => self.take(batch),
                Err(NextError::WorkerClosed) => {
                    if self.round.is_stopped() {
                        break;
                    }
                    self.replace();
                }
                Err(NextError::Closed) if self.open.is_empty() => break,
                // A row that is resubmitted may be delivered again.
                Err(NextError::Timeout | NextError::Closed) => self.end_all(),
                Err(error) => fail(&error.to_string()),
            }
            if self.random.one_in(4096) && !self.round.is_stopped() {
                drop(worker);
                self.replace();
            }
        }
        self.end_all();
        self.tally
    }

    /// Returns how long to wait for a batch.
    ///
    /// With leases open the wait is short, because they may hold all the capacity.
    fn timeout(&mut self) -> Option<Duration> {
        let short = Some(Duration::from_micros(u64::from(self.random.below(2)) * 50));
        match () {
            () if !self.open.is_empty() => short,
            () if self.round.case.untimed => None,
            () if self.random.one_in(4) => short,
            () => None,
        }
    }

    /// Uses another worker. The one before is closed, or dropped.
    fn replace(&mut self) {
        self.number = self.round.number_worker();
        self.round.replace_worker(self.thread);
        if self.round.is_stopped() {
            self.round.close_worker(self.thread);
        }
    }

    fn take(&mut self, batch: Batch) {
        self.round.note_activity();
        self.tally.batches[batch.reason() as usize] += 1;
        self.take_expired(&batch);
        for row in batch.rows() {
            let restarted = self.round.account.deliver(row, self.number);
            self.tally.restarted += u64::from(restarted);
        }
        self.tally.delivered += batch.rows().len() as u64;
        self.cancel(&batch);
        self.open.push((batch, self.number));
        let keeps = self.open.len() <= MAX_OPEN && self.random.one_in(8);
        if !keeps {
            self.end_all();
        }
    }

    /// Records what the batch reports as expired. A batch without rows must report something.
    fn take_expired(&mut self, batch: &Batch) {
        let empty = batch.rows().is_empty();
        let reports = batch.reason() == Reason::Expired && !batch.expired().is_empty();
        require(empty == (batch.reason() == Reason::Expired) && (!empty || reports), || {
            format!("a batch of nothing: {batch:?}")
        });
        for expired in batch.expired() {
            self.round.account.expire(expired.key);
        }
        self.tally.expired += batch.expired().len() as u64;
    }

    /// Tries to cancel a row of the batch, which must fail, and another request.
    fn cancel(&mut self, batch: &Batch) {
        let Some(row) = batch.rows().first() else { return };
        let request = row.key as u32;
        if self.random.one_in(256) {
            let cancelled = self.round.scheduler.cancel(row.ticket);
            require(!cancelled, || format!("request {request} was cancelled in a batch"));
        }
        if self.random.one_in(32) {
            let other =
                (request + self.random.below(self.round.case.recent())) % self.round.requests;
            self.round.try_cancel(other, &mut self.random, &mut self.tally);
        }
    }

    fn end_all(&mut self) {
        while !self.open.is_empty() {
            let any = self.random.below(self.open.len() as u32) as usize;
            let (batch, number) = self.open.swap_remove(any);
            self.end(batch, number);
        }
    }

    fn end(&mut self, batch: Batch, number: Owner) {
        let climbed = self.climb(&batch, number);
        let lost = self.random.one_in(16);
        let end = if lost { State::Lost } else { State::Done };
        let mut ended = 0;
        for (row, _) in batch.rows().iter().zip(&climbed).filter(|(_, climbed)| !**climbed) {
            self.round.account.end(row, end);
            ended += 1;
        }
        if lost {
            self.tally.lost += ended;
            drop(batch);
        } else {
            self.tally.done += ended;
            batch.done();
            self.end_again(&batch);
        }
    }

    /// Checks now and then that a lease that has ended stays so.
    fn end_again(&mut self, batch: &Batch) {
        if self.random.one_in(256) && !batch.rows().is_empty() {
            batch.done();
            batch.abandon();
            let outcome = batch.resubmit(&[(0, u32::MAX)], true);
            require(outcome == Err(ResubmitError::Done), || format!("done, and {outcome:?}"));
        }
    }

    /// Resubmits some rows. Returns by row true if it climbed.
    fn climb(&mut self, batch: &Batch, number: Owner) -> Vec<bool> {
        let mut climbed = vec![false; batch.rows().len()];
        let mut rows = Vec::new();
        for (index, row) in batch.rows().iter().enumerate() {
            if row.progress < MAX_PROGRESS && self.random.one_in(self.round.case.climbs) {
                rows.push((index, row.progress + 1 + self.random.below(40)));
                climbed[index] = true;
            }
        }
        let anywhere = self.random.one_in(3);
        for &(index, progress) in &rows {
            let owner = if anywhere { 0 } else { number };
            self.round.account.climb(&batch.rows()[index], progress, owner);
        }
        self.tally.resubmitted += rows.len() as u64;
        resubmit(batch, &rows, anywhere);
        climbed
    }
}

/// Resubmits rows, and now and then checks that a second time is refused.
fn resubmit(batch: &Batch, rows: &[(usize, u32)], anywhere: bool) {
    let Some(&(first, progress)) = rows.first() else { return };
    batch.resubmit(rows, anywhere).unwrap_or_else(|error| fail(&error.to_string()));
    if batch.rows()[first].ticket.is_multiple_of(64) {
        let twice = batch.resubmit(&[(first, progress)], anywhere);
        require(twice == Err(ResubmitError::Twice(first)), || format!("twice, and {twice:?}"));
    }
}
