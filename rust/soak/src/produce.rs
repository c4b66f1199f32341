//! A producer: submits its half of the requests, cancels, and changes the scheduler.

use std::ops::Range;
use std::thread;

use multibin::{Options, SubmitError};

use crate::account::Account;
use crate::cases;
use crate::failure::fail;
use crate::random::Random;
use crate::round::{End, PRODUCERS, Round, WORKERS};
use crate::tally::Tally;

/// The most requests that one call submits.
const MAX_BULK: u32 = 64;

struct Producer<'a> {
    round: &'a Round<'a>,
    random: Random,
    tally: Tally,
    /// All requests that it submits.
    requests: Range<u32>,
    /// The request at which it closes the scheduler.
    closes_at: Option<u32>,
}

/// Submits until no request is left or the scheduler is closed.
pub fn produce(round: &Round<'_>, number: u32) -> Tally {
    let half = round.requests / PRODUCERS;
    let last = number + 1 == PRODUCERS;
    let requests = number * half..if last { round.requests } else { (number + 1) * half };
    let mut random = round.random(u64::from(number));
    let closes_at = (last && round.end == End::Close)
        .then(|| requests.start + half / 4 + random.below(half / 2 + 1));
    let mut producer = Producer { round, random, tally: Tally::default(), requests, closes_at };
    producer.run();
    producer.tally
}

impl Producer<'_> {
    fn run(&mut self) {
        let mut next = self.requests.start;
        while next < self.requests.end {
            let bulk = if self.random.one_in(16) { 1 + self.random.below(MAX_BULK) } else { 1 };
            let accepted = self.submit(next, bulk);
            next += accepted;
            self.tally.accepted += u64::from(accepted);
            if accepted == 0 {
                if self.round.scheduler.is_closed() {
                    return;
                }
                // Only that: a call that takes the forming lock would repair a lost wake-up.
                thread::yield_now();
            } else {
                self.interfere(next);
            }
        }
    }

    /// Submits up to `bulk` requests from `next` on, and returns how many were accepted.
    fn submit(&self, next: u32, bulk: u32) -> u32 {
        let outcome = match bulk {
            1 => self.submit_one(next),
            _ => self.submit_many(next..self.requests.end.min(next + bulk)),
        };
        outcome.unwrap_or_else(|error| self.accept_part(&error, next))
    }

    fn submit_one(&self, request: u32) -> Result<u32, SubmitError> {
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

    /// Records the requests that a refused call accepted, without their tickets. Returns how many.
    fn accept_part(&self, error: &SubmitError, next: u32) -> u32 {
        let accepted = match error {
            SubmitError::Full { accepted, .. } | SubmitError::Closed { accepted, .. } => {
                *accepted as u32
            }
            _ => fail(&error.to_string()),
        };
        (next..next + accepted).for_each(|request| self.round.account.accept(request, None));
        accepted
    }

    /// Closes, cancels or reconfigures now and then. All requests before `next` are submitted.
    fn interfere(&mut self, next: u32) {
        if self.closes_at.is_some_and(|closes_at| next >= closes_at) {
            self.round.scheduler.close();
        }
        if self.random.one_in(32) {
            self.cancel(next);
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

    /// Cancels one of its last requests, or of those as far along in the other half.
    fn cancel(&mut self, next: u32) {
        let back = 1 + self.random.below(self.round.case.recent());
        let half = self.round.requests / PRODUCERS * self.random.below(PRODUCERS);
        let request = (next + half).wrapping_sub(back) % self.round.requests;
        self.round.try_cancel(request, &mut self.random, &mut self.tally);
    }
}
