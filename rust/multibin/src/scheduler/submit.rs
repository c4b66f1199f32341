//! The producers' side.

use super::wakes::{Panics, WakeList};
use super::{BLOCK, Inner, Refused, SubmitError};
use crate::config::Budget;
use crate::request::{Options, Submission, Ticket};
use crate::sync::Ordering;
use crate::time::nanoseconds;

impl Inner {
    /// Admits `wanted` requests or none; before it says that there is no room, it frees that of what
    /// expired.
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
                (options.first().copied().unwrap_or_default(), self.map.bin(*length));
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
        self.enqueue(first, called, (keys, lengths, options), wake);
        Ok(first)
    }

    /// Accepts requests that were checked, or the first ones of them.
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
        self.enqueue(first, now, rows, || self.wake_now(&panics));
        if granted < wanted {
            return Err(self.full(accepted, Some(first), wanted - granted));
        }
        Ok(first)
    }

    /// `rows` are refused.
    pub(super) fn refusal(&self, refused: Refused, rows: u64) -> SubmitError {
        match refused {
            Refused::Full => self.full(0, None, rows),
            Refused::Closed => SubmitError::Closed { accepted: 0, first: None },
        }
    }

    /// `rows` are refused for want of room, after others of the call were accepted.
    pub(super) fn full(&self, accepted: usize, first: Option<Ticket>, rows: u64) -> SubmitError {
        self.refused.fetch_add(rows, Ordering::Relaxed);
        SubmitError::Full { capacity: self.capacity, accepted, first }
    }

    /// The larger errors are made outside `enter`: to move a result that was just written, in wider
    /// pieces than it was written in, is to wait for the writes.
    #[inline]
    pub(super) fn submit(&self, key: u64, length: u32) -> Result<Ticket, SubmitError> {
        if self.is_forked() {
            return Err(SubmitError::Forked);
        }
        if self.budget.is_some() {
            self.check(length, &Options::default())?;
        }
        self.enter(key, length).map_err(|refused| self.refusal(refused, 1))
    }

    /// Apart from `submit_with`, so that nothing of the options is left when this is compiled.
    fn enter(&self, key: u64, length: u32) -> Result<Ticket, Refused> {
        let (bin, now) = (self.map.bin(length), self.now());
        let ticket = self.admit_all(1)?;
        self.submitted(bin, Submission::new(key, ticket, now, length, &Options::default()));
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
        let (bin, now) = (self.map.bin(length), self.now());
        let ticket = self.admit_all(1).map_err(|refused| self.refusal(refused, 1))?;
        self.submitted(bin, Submission::new(key, ticket, now, length, options));
        Ok(ticket)
    }

    /// Whether a request may have this length and these options.
    pub(super) fn check(&self, length: u32, options: &Options) -> Result<(), SubmitError> {
        if options.priority > 0 && !self.ages {
            return Err(SubmitError::Priority(options.priority));
        }
        let Some(kind) = self.budget else { return Ok(()) };
        let cost = kind.cost_alone(length, options.cost.unwrap_or(length));
        // Relaxed: who comes while the budget is lowered meets the old one or the new one.
        let budget = self.affordable.load(Ordering::Relaxed);
        let padded = matches!(kind, Budget::Padded(_));
        if cost > budget { Err(SubmitError::Budget { cost, budget, padded }) } else { Ok(()) }
    }

    #[inline]
    fn submitted(&self, bin: usize, submission: Submission) {
        self.push(bin, submission, || self.wake_one(&WakeList::new()));
    }

    /// Publishes, and calls `wake` if that may make a batch possible.
    #[inline]
    pub(super) fn push(&self, bin: usize, submission: Submission, wake: impl Fn()) {
        let (end, quiet) = loop {
            match self.rings[bin].push_looking(submission, || self.notifier.look(bin)) {
                Some(pushed) => break pushed,
                None => self.make_room(bin),
            }
        };
        self.expect_expiry(submission.deadline);
        let due = || self.due(submission.arrival, submission.deadline);
        if self.notifier.rings(end, quiet, due) {
            wake();
        }
    }

    /// Wakes a sleeper that a batch or an alarm waits for, before the call goes on.
    #[cold]
    pub(super) fn wake_now(&self, panics: &Panics) {
        let wakes = WakeList::new();
        self.wake_one(&wakes);
        panics.keep(wakes.fire());
    }

    /// When a request that has not left is overdue by `max_wait`, or expires.
    fn due(&self, arrival: u64, deadline: u64) -> u64 {
        // Relaxed: see `reconfigure`.
        deadline.min(arrival.saturating_add(self.patience.load(Ordering::Relaxed)))
    }

    /// Sorts the rows by bin, block by block, publishes each bin's at once, and calls `wake` if that
    /// may make a batch possible. Times to live count from `called`.
    pub(super) fn enqueue(
        &self,
        first: Ticket,
        called: u64,
        (keys, lengths, options): (&[u64], &[u32], &[Options]),
        wake: impl Fn(),
    ) {
        let arrival = self.now();
        let first_ttl = options.iter().filter_map(|options| options.ttl).min();
        let deadline = first_ttl.map_or(u64::MAX, |ttl| called.saturating_add(nanoseconds(ttl)));
        let due = || self.due(arrival, deadline);
        for (block, lengths) in lengths.chunks(BLOCK).enumerate() {
            let row = |i: u16| {
                let at = block * BLOCK + i as usize;
                let ticket = first + at as u64;
                let new = |options: &_| {
                    let length = lengths[i as usize];
                    Submission {
                        arrival,
                        ..Submission::new(keys[at], ticket, called, length, options)
                    }
                };
                options.get(at).map_or_else(|| new(&Options::default()), new)
            };
            let (sorted, starts) = self.sort(lengths);
            for (bin, bounds) in starts.windows(2).enumerate() {
                let rows = &sorted[bounds[0]..bounds[1]];
                self.push_block(bin, rows.len(), due, |i| row(rows[i]), &wake);
            }
        }
        self.expect_expiry(deadline);
    }

    /// A counting sort of a block: positions of one bin lie together and in order. Returns them, and
    /// where each bin starts.
    fn sort(&self, lengths: &[u32]) -> (Vec<u16>, Vec<usize>) {
        let bins = self.map.bins(lengths);
        let mut starts = vec![0; self.rings.len() + 1];
        for &bin in &bins {
            starts[bin as usize + 1] += 1;
        }
        for bin in 1..starts.len() {
            starts[bin] += starts[bin - 1];
        }
        let (mut sorted, mut next) = (vec![0; bins.len()], starts.clone());
        for (i, &bin) in (0..).zip(&bins) {
            let at = &mut next[bin as usize];
            sorted[*at] = i;
            *at += 1;
        }
        (sorted, starts)
    }

    /// Publishes `count` rows of one bin, the first of which is due at `due`.
    fn push_block(
        &self,
        bin: usize,
        count: usize,
        due: impl Fn() -> u64,
        row: impl Fn(usize) -> Submission,
        wake: impl Fn(),
    ) {
        let mut start = 0;
        while start < count {
            let (look, row) = (|| self.notifier.look(bin), |i| row(start + i));
            let pushed = self.rings[bin].push_block_looking(count - start, row, look);
            let Some((pushed, end, quiet)) = pushed else {
                self.make_room(bin);
                continue;
            };
            start += pushed;
            if self.notifier.rings(end, quiet, &due) {
                wake();
            }
        }
    }

    /// Empties a full ring; if a stalled producer is in the way, gives it time.
    #[cold]
    fn make_room(&self, bin: usize) {
        if self.lock(&WakeList::new()).drain_one(bin).0 == 0 {
            std::thread::yield_now();
        }
    }
}
