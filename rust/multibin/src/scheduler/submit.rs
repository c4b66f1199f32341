//! Submitting: requests are checked, admitted and published.

use super::admission::Refused;
use super::errors::SubmitError;
use super::inner::Inner;
use super::locks::{Panics, WakeList};
use crate::config::Budget;
use crate::request::{Options, Submission, Ticket};
use crate::sync::Ordering;

impl Inner {
    /// Admits a request and publishes it.
    ///
    /// The larger errors are made outside [`Inner::submit_checked`]. Moving a result that was just
    /// written, in wider pieces than it was written in, would wait for the writes.
    #[inline]
    pub(super) fn submit(&self, key: u64, length: u32) -> Result<Ticket, SubmitError> {
        if self.is_forked() {
            return Err(SubmitError::Forked);
        }
        if self.budget.is_some() {
            self.check(length, &Options::default())?;
        }
        self.submit_checked(key, length).map_err(|refused| self.refusal(refused, 1))
    }

    /// Submits a request without options. This is apart from [`Inner::submit_with`], so that
    /// nothing of the options is left when this is compiled.
    fn submit_checked(&self, key: u64, length: u32) -> Result<Ticket, Refused> {
        let (bin, now) = (self.bin_map.bin(length), self.now());
        let ticket = self.admit_all(1)?;
        self.publish_one(bin, Submission::new(key, ticket, now, length, &Options::default()));
        Ok(ticket)
    }

    pub(super) fn submit_with(
        &self,
        key: u64,
        length: u32,
        options: &Options,
    ) -> Result<Ticket, SubmitError> {
        if self.is_forked() {
            return Err(SubmitError::Forked);
        }
        self.check(length, options)?;
        let (bin, now) = (self.bin_map.bin(length), self.now());
        let ticket = self.admit_all(1).map_err(|refused| self.refusal(refused, 1))?;
        self.publish_one(bin, Submission::new(key, ticket, now, length, options));
        Ok(ticket)
    }

    #[inline]
    fn publish_one(&self, bin: usize, submission: Submission) {
        self.push(bin, submission, || self.wake_one(&WakeList::new()));
    }

    /// Accepts requests that were checked, or a prefix of them.
    pub(super) fn submit_many(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
    ) -> Result<Ticket, SubmitError> {
        let (now, wanted, panics) = (self.now(), keys.len() as u64, Panics::default());
        let refused = match self.submit_all(now, (keys, lengths, options), &panics) {
            Err(refused) => refused,
            Ok(first) => return Ok(first),
        };
        let admitted = if wanted == 0 { Err(refused) } else { self.admission.admit(wanted) };
        let (first, granted) = admitted.map_err(|refused| self.refusal(refused, wanted))?;
        let accepted = granted as usize;
        let rows = (&keys[..accepted], &lengths[..accepted], options);
        self.push_many(first, now, rows, || self.wake_now(&panics));
        if granted < wanted {
            return Err(self.full(accepted, Some(first), wanted - granted));
        }
        Ok(first)
    }

    /// Accepts all requests of a call, which were checked, or none.
    pub(super) fn submit_all(
        &self,
        called: u64,
        (keys, lengths, options): (&[u64], &[u32], &[Options]),
        panics: &Panics,
    ) -> Result<Ticket, Refused> {
        let wake = || self.wake_now(panics);
        if let ([key], [length]) = (keys, lengths) {
            let (options, bin) =
                (options.first().copied().unwrap_or_default(), self.bin_map.bin(*length));
            let (ticket, arrival) = (self.admit_all(1)?, self.now());
            let submission = Submission::new(*key, ticket, called, *length, &options);
            self.push(bin, Submission { arrival, ..submission }, wake);
            return Ok(ticket);
        }
        if keys.is_empty() {
            let closed = self.admission.is_closed();
            return if closed { Err(Refused::Closed) } else { Ok(self.admission.admitted()) };
        }
        let first = self.admit_all(keys.len() as u64)?;
        self.push_many(first, called, (keys, lengths, options), wake);
        Ok(first)
    }

    /// Admits `wanted` requests or none. Before it refuses for want of room, it frees the room of
    /// requests that expired.
    #[inline]
    pub(super) fn admit_all(&self, wanted: u64) -> Result<Ticket, Refused> {
        self.admission.admit_all(wanted).or_else(|refused| self.admit_after(refused, wanted))
    }

    #[cold]
    fn admit_after(&self, refused: Refused, wanted: u64) -> Result<Ticket, Refused> {
        let mut refused = refused;
        // Some thousands expire at a time.
        while refused == Refused::Full && self.expire_due(&WakeList::new()) {
            match self.admission.admit_all(wanted) {
                Ok(first) => return Ok(first),
                Err(again) => refused = again,
            }
        }
        Err(refused)
    }

    /// Checks the requests of a call.
    ///
    /// # Panics
    /// If `keys`, `lengths` and options that are not empty differ in length.
    pub(super) fn check_many(
        &self,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
    ) -> Result<(), SubmitError> {
        assert_eq!(keys.len(), lengths.len(), "keys and lengths differ in length");
        assert!([0, keys.len()].contains(&options.len()), "keys and options differ in length");
        if self.is_forked() {
            return Err(SubmitError::Forked);
        }
        if self.budget.is_none() && options.is_empty() {
            return Ok(());
        }
        let options_of = |i: usize| options.get(i).copied().unwrap_or_default();
        let mut requests = lengths.iter().enumerate();
        requests.try_for_each(|(i, &length)| self.check(length, &options_of(i)))
    }

    /// Checks the length and the options of a request.
    fn check(&self, length: u32, options: &Options) -> Result<(), SubmitError> {
        if options.priority > 0 && !self.ages {
            return Err(SubmitError::Priority(options.priority));
        }
        let Some(kind) = self.budget else { return Ok(()) };
        let cost = kind.cost_alone(length, options.cost.unwrap_or(length));
        // Relaxed: a request that comes while the budget is lowered meets the old or the new one.
        let budget = self.max_request_cost.load(Ordering::Relaxed);
        let padded = matches!(kind, Budget::Padded(_));
        if cost > budget { Err(SubmitError::Budget { cost, budget, padded }) } else { Ok(()) }
    }

    /// Returns the error of a call of which no request was admitted, and counts its `rows`.
    pub(super) fn refusal(&self, refused: Refused, rows: u64) -> SubmitError {
        match refused {
            Refused::Full => self.full(0, None, rows),
            Refused::Closed => SubmitError::Closed { accepted: 0, first: None },
        }
    }

    /// Returns the error of a call of which `rows` are refused for want of room, and counts these.
    pub(super) fn full(&self, accepted: usize, first: Option<Ticket>, rows: u64) -> SubmitError {
        self.refused.fetch_add(rows, Ordering::Relaxed);
        SubmitError::Full { capacity: self.capacity, accepted, first }
    }
}
