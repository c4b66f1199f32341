//! A producer: submits its half of the requests, cancels, and changes the scheduler.

use std::ops::Range;
use std::thread;

use multibin::{Options, SubmitError};

use crate::account::{Account, Tally, fail};
use crate::cases;
use crate::random::Random;
use crate::round::{End, PRODUCERS, Round, WORKERS};

/// The most requests that one call submits.
const BULK: u32 = 64;

struct Produce<'a> {
    round: &'a Round<'a>,
    random: Random,
    tally: Tally,
    /// All of them.
    mine: Range<u32>,
    /// Where it closes the scheduler.
    closes: Option<u32>,
}

/// Submits until nothing is left or the scheduler is closed.
pub fn produce(round: &Round<'_>, producer: u32) -> Tally {
    let half = round.requests / PRODUCERS;
    let last = producer + 1 == PRODUCERS;
    let mine = producer * half..if last { round.requests } else { (producer + 1) * half };
    let mut random = round.random(u64::from(producer));
    let closes = (last && round.end == End::Close)
        .then(|| mine.start + half / 4 + random.below(half / 2 + 1));
    let mut produce = Produce { round, random, tally: Tally::default(), mine, closes };
    produce.run();
    produce.tally
}

impl Produce<'_> {
    fn run(&mut self) {
        let mut at = self.mine.start;
        while at < self.mine.end {
            let bulk = if self.random.one_in(16) { 1 + self.random.below(BULK) } else { 1 };
            let wanted = at..self.mine.end.min(at + bulk);
            let outcome = if bulk == 1 { self.submit(at) } else { self.submit_many(wanted) };
            let accepted = outcome.unwrap_or_else(|error| self.refused(error, at));
            at += accepted;
            self.tally.accepted += u64::from(accepted);
            if accepted == 0 {
                if self.round.scheduler.is_closed() {
                    return;
                }
                // And nothing else: a call that takes the lock would heal a lost wake-up.
                thread::yield_now();
            } else {
                self.meddle(at);
            }
        }
    }

    fn submit(&self, request: u32) -> Result<u32, SubmitError> {
        let account = self.round.account;
        let (key, options) = (account.key(request), account.options(account.key(request)));
        let length = Account::length(key);
        let ticket = if options == Options::default() {
            self.round.scheduler.submit(key, length)?
        } else {
            self.round.scheduler.submit_with(key, length, &options)?
        };
        account.accept(request, Some(ticket));
        Ok(1)
    }

    fn submit_many(&self, requests: Range<u32>) -> Result<u32, SubmitError> {
        let account = self.round.account;
        let keys: Vec<u64> = requests.clone().map(|request| account.key(request)).collect();
        let lengths: Vec<u32> = keys.iter().map(|&key| Account::length(key)).collect();
        let options: Vec<Options> = keys.iter().map(|&key| account.options(key)).collect();
        let first = self.round.scheduler.submit_many_with(&keys, &lengths, &options)?;
        for (ticket, request) in (first..).zip(requests) {
            account.accept(request, Some(ticket));
        }
        Ok(keys.len() as u32)
    }

    /// How many were accepted from `at` on all the same; their tickets are not told.
    fn refused(&self, error: SubmitError, at: u32) -> u32 {
        let accepted = match error {
            SubmitError::Full { accepted, .. } | SubmitError::Closed { accepted, .. } => {
                accepted as u32
            }
            _ => fail(&error.to_string()),
        };
        (at..at + accepted).for_each(|request| self.round.account.accept(request, None));
        accepted
    }

    /// Now and then something else than to submit; all before `at` are submitted.
    fn meddle(&mut self, at: u32) {
        if self.closes.is_some_and(|closes| at >= closes) {
            self.round.scheduler.close();
        }
        if self.random.one_in(32) {
            self.cancel(at);
        }
        if self.random.one_in(1 << 12) {
            let change = cases::change(&self.round.case.config, &mut self.random);
            let outcome = self.round.scheduler.reconfigure(&change);
            outcome.unwrap_or_else(|error| fail(&error.to_string()));
        }
        if self.random.one_in(1 << 13) {
            self.round.close_worker(self.random.below(WORKERS as u32) as usize);
        }
    }

    /// One of the last, or of those at the same place of the other half.
    fn cancel(&mut self, at: u32) {
        let back = 1 + self.random.below(self.round.case.recent());
        let half = self.round.requests / PRODUCERS * self.random.below(PRODUCERS);
        let request = (at + half).wrapping_sub(back) % self.round.requests;
        self.round.try_cancel(request, &mut self.random, &mut self.tally);
    }
}
