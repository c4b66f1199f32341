//! A worker: takes batches, resubmits rows, ends leases soon, late or not at all.

use std::time::Duration;

use multibin::{Batch, NextError, Reason, ResubmitError};

use crate::account::{Tally, fail, require};
use crate::random::Random;
use crate::round::Round;
use crate::word::{Owner, State};

/// The most leases that it leaves open while it asks for another batch.
const OPEN: usize = 3;
/// The most steps of a row that climbs again.
const CLIMBS_TO: u32 = 100;

pub struct Work<'a> {
    round: &'a Round<'a>,
    desk: usize,
    random: Random,
    tally: Tally,
    /// The number of the worker that works here now.
    number: Owner,
    /// Leases not ended, and whose.
    open: Vec<(Batch, Owner)>,
}

impl<'a> Work<'a> {
    pub fn new(round: &'a Round<'a>, desk: usize) -> Self {
        let random = round.random(100 + desk as u64);
        let number = round.number_worker();
        Self { round, desk, random, tally: Tally::default(), number, open: Vec::new() }
    }

    /// Until the scheduler is closed and nothing waits, or the round is stopped.
    pub fn run(mut self) -> Tally {
        loop {
            let worker = self.round.worker(self.desk);
            match worker.next_batch(self.patience()) {
                Ok(batch) => self.take(batch),
                Err(NextError::WorkerClosed) => {
                    if self.round.is_stopped() {
                        break;
                    }
                    self.replace();
                }
                Err(NextError::Closed) if self.open.is_empty() => break,
                // What is resubmitted may come back.
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

    /// With leases open it does not sleep, as they may be all that the capacity allows.
    fn patience(&mut self) -> Option<Duration> {
        let short = Some(Duration::from_micros(u64::from(self.random.below(2)) * 50));
        match () {
            () if !self.open.is_empty() => short,
            () if self.round.case.patient => None,
            () if self.random.one_in(4) => short,
            () => None,
        }
    }

    /// Another worker works here. The one before is closed, or dropped.
    fn replace(&mut self) {
        self.number = self.round.number_worker();
        self.round.replace_worker(self.desk);
        if self.round.is_stopped() {
            self.round.close_worker(self.desk);
        }
    }

    fn take(&mut self, batch: Batch) {
        self.round.beat();
        self.tally.batches[batch.reason() as usize] += 1;
        let empty = batch.rows().is_empty();
        let alone = batch.reason() == Reason::Expired && !batch.expired().is_empty();
        require(empty == (batch.reason() == Reason::Expired) && (!empty || alone), || {
            format!("a batch for nobody: {batch:?}")
        });
        for expired in batch.expired() {
            self.round.account.expire(expired.key);
        }
        self.tally.expired += batch.expired().len() as u64;
        for row in batch.rows() {
            let anew = self.round.account.deliver(row, self.number);
            self.tally.restarted += u64::from(anew);
        }
        self.tally.delivered += batch.rows().len() as u64;
        self.cancel(&batch);
        self.open.push((batch, self.number));
        let keeps = self.open.len() <= OPEN && self.random.one_in(8);
        if !keeps {
            self.end_all();
        }
    }

    /// Who is in a batch cannot be cancelled; others can.
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
        let back = self.climb(&batch, number);
        let lost = self.random.one_in(16);
        let end = if lost { State::Lost } else { State::Done };
        let mut kept = 0;
        for (row, _) in batch.rows().iter().zip(&back).filter(|(_, back)| !**back) {
            self.round.account.end(row, end);
            kept += 1;
        }
        if lost {
            self.tally.lost += kept;
            drop(batch);
        } else {
            self.tally.done += kept;
            batch.done();
            self.end_again(&batch);
        }
    }

    /// A lease that is over stays so.
    fn end_again(&mut self, batch: &Batch) {
        if self.random.one_in(256) && !batch.rows().is_empty() {
            batch.done();
            batch.abandon();
            let outcome = batch.resubmit(&[(0, u32::MAX)], true);
            require(outcome == Err(ResubmitError::Done), || format!("done, and {outcome:?}"));
        }
    }

    /// Resubmits some rows; says which.
    fn climb(&mut self, batch: &Batch, number: Owner) -> Vec<bool> {
        let mut back = vec![false; batch.rows().len()];
        let mut rows = Vec::new();
        for (at, row) in batch.rows().iter().enumerate() {
            if row.progress < CLIMBS_TO && self.random.one_in(self.round.case.climbs) {
                rows.push((at, row.progress + 1 + self.random.below(40)));
                back[at] = true;
            }
        }
        let anywhere = self.random.one_in(3);
        for &(at, progress) in &rows {
            let owner = if anywhere { 0 } else { number };
            self.round.account.climb(&batch.rows()[at], progress, owner);
        }
        self.tally.resubmitted += rows.len() as u64;
        resubmit(batch, &rows, anywhere);
        back
    }
}

fn resubmit(batch: &Batch, rows: &[(usize, u32)], anywhere: bool) {
    let Some(&(first, progress)) = rows.first() else { return };
    batch.resubmit(rows, anywhere).unwrap_or_else(|error| fail(&error.to_string()));
    if batch.rows()[first].ticket.is_multiple_of(64) {
        let twice = batch.resubmit(&[(first, progress)], anywhere);
        require(twice == Err(ResubmitError::Twice(first)), || format!("twice, and {twice:?}"));
    }
}
