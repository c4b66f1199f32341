//! The producers' side.

use super::wakes::WakeList;
use super::{BLOCK, Inner, Refused, SubmitError};
use crate::load::Budget;
use crate::request::{Options, Submission, Ticket};
use crate::sync::Ordering;

impl Inner {
    pub(super) fn admit(&self, wanted: u64) -> Result<(Ticket, u64), SubmitError> {
        self.admission.admit(wanted).map_err(|refused| self.refusal(refused))
    }

    fn refusal(&self, refused: Refused) -> SubmitError {
        match refused {
            Refused::Full => {
                SubmitError::Full { capacity: self.capacity, accepted: 0, first: None }
            }
            Refused::Closed => SubmitError::Closed,
        }
    }

    /// The larger errors are made outside `enter`: to move a result that was just written, in wider
    /// pieces than it was written in, is to wait for the writes.
    #[inline]
    pub(super) fn submit(&self, key: u64, length: u32) -> Result<Ticket, SubmitError> {
        if self.budget.is_some() {
            self.check(length, &Options::default())?;
        }
        self.enter(key, length).map_err(|refused| self.refusal(refused))
    }

    /// Apart from `submit_with`, so that nothing of the options is left when this is compiled.
    fn enter(&self, key: u64, length: u32) -> Result<Ticket, Refused> {
        let (bin, now) = (self.map.bin(length), self.now());
        let (ticket, _) = self.admission.admit(1)?;
        self.push(bin, Submission::new(key, ticket, now, length, &Options::default()));
        Ok(ticket)
    }

    pub(super) fn submit_with(
        &self,
        key: u64,
        length: u32,
        options: &Options,
    ) -> Result<Ticket, SubmitError> {
        self.check(length, options)?;
        let (bin, now) = (self.map.bin(length), self.now());
        let (ticket, _) = self.admit(1)?;
        self.push(bin, Submission::new(key, ticket, now, length, options));
        Ok(ticket)
    }

    /// Whether a request may have this length and these options.
    pub(super) fn check(&self, length: u32, options: &Options) -> Result<(), SubmitError> {
        if options.priority > 0 && !self.ages {
            return Err(SubmitError::Priority(options.priority));
        }
        let Some(kind) = self.budget else { return Ok(()) };
        let cost = kind.alone(length, options.cost.unwrap_or(length));
        // Relaxed: who comes while the budget is lowered meets the old one or the new one.
        let budget = self.affordable.load(Ordering::Relaxed);
        let padded = matches!(kind, Budget::Padded(_));
        if cost > budget { Err(SubmitError::Budget { cost, budget, padded }) } else { Ok(()) }
    }

    /// Publishes, and wakes a sleeper if that makes a batch possible.
    #[inline]
    fn push(&self, bin: usize, submission: Submission) {
        let (end, quiet) = loop {
            match self.rings[bin].push_looking(submission, || self.bell.look(bin)) {
                Some(pushed) => break pushed,
                None => self.make_room(bin),
            }
        };
        // A deadline may be earlier than a sleeper's alarm.
        let end = if submission.deadline == u64::MAX { end } else { u64::MAX };
        if self.bell.rings(end, quiet) {
            self.wake_one();
        }
    }

    /// Sorts the rows by bin, block by block, and publishes each bin's at once.
    pub(super) fn enqueue(
        &self,
        first: Ticket,
        keys: &[u64],
        lengths: &[u32],
        options: &[Options],
    ) {
        let arrival = self.now();
        let urgent = options.iter().any(|options| options.ttl.is_some());
        for (block, lengths) in lengths.chunks(BLOCK).enumerate() {
            let row = |i: u16| {
                let at = block * BLOCK + i as usize;
                let new = |options: &_| {
                    Submission::new(
                        keys[at],
                        first + at as u64,
                        arrival,
                        lengths[i as usize],
                        options,
                    )
                };
                options.get(at).map_or_else(|| new(&Options::default()), new)
            };
            let (sorted, starts) = self.sort(lengths);
            for (bin, bounds) in starts.windows(2).enumerate() {
                let rows = &sorted[bounds[0]..bounds[1]];
                self.push_block(bin, rows.len(), urgent, |i| row(rows[i]));
            }
        }
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

    /// `count` rows of one bin. `urgent`: a deadline may be earlier than a sleeper's alarm.
    fn push_block(
        &self,
        bin: usize,
        count: usize,
        urgent: bool,
        row: impl Fn(usize) -> Submission,
    ) {
        let mut start = 0;
        while start < count {
            let (look, row) = (|| self.bell.look(bin), |i| row(start + i));
            let pushed = self.rings[bin].push_block_looking(count - start, row, look);
            let Some((pushed, end, quiet)) = pushed else {
                self.make_room(bin);
                continue;
            };
            start += pushed;
            if self.bell.rings(if urgent { u64::MAX } else { end }, quiet) {
                self.wake_one();
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
