//! Publishing: admitted requests enter the rings of their bins, and a waiter is woken if needed.

use super::bin_map::BLOCK;
use super::inner::Inner;
use super::locks::{Panics, WakeList};
use crate::request::{Options, Submission, Ticket};
use crate::sync::Ordering;
use crate::time::nanoseconds;

impl Inner {
    /// Publishes a request, and calls `wake` if that may make a batch possible.
    #[inline]
    pub(super) fn push(&self, bin: usize, submission: Submission, wake: impl Fn()) {
        let (end, wake_after) = loop {
            match self.rings[bin].push_with(submission, || self.notifier.check(bin)) {
                Some(pushed) => break pushed,
                None => self.empty_ring(bin),
            }
        };
        self.expect_expiry(submission.deadline);
        let due = || self.due(submission.arrival, submission.deadline);
        if self.notifier.should_wake(end, wake_after, due) {
            wake();
        }
    }

    /// Publishes requests: sorts them by bin, block by block, and claims the slots of each bin in
    /// one step. Calls `wake` if that may make a batch possible. Times to live count from `called`.
    pub(super) fn push_many(
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
            let (sorted, starts) = self.bin_map.sort(lengths);
            for (bin, bounds) in starts.windows(2).enumerate() {
                let rows = &sorted[bounds[0]..bounds[1]];
                self.push_block(bin, rows.len(), due, |i| row(rows[i]), &wake);
            }
        }
        self.expect_expiry(deadline);
    }

    /// Publishes `count` requests of one bin, the first of which is due at `due`.
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
            let (check, row) = (|| self.notifier.check(bin), |i| row(start + i));
            let pushed = self.rings[bin].push_block_with(count - start, row, check);
            let Some((pushed, end, wake_after)) = pushed else {
                self.empty_ring(bin);
                continue;
            };
            start += pushed;
            if self.notifier.should_wake(end, wake_after, &due) {
                wake();
            }
        }
    }

    /// Empties a full ring; if a stalled producer prevents that, gives it time.
    #[cold]
    fn empty_ring(&self, bin: usize) {
        if self.lock(&WakeList::new()).collect_bin(bin).0 == 0 {
            std::thread::yield_now();
        }
    }

    /// Wakes a waiter that needs it, before the call goes on.
    #[cold]
    pub(super) fn wake_now(&self, panics: &Panics) {
        let wakes = WakeList::new();
        self.wake_one(&wakes);
        panics.keep(wakes.fire());
    }

    /// Returns when a request that still waits is overdue by `max_wait`, or expires.
    fn due(&self, arrival: u64, deadline: u64) -> u64 {
        // Relaxed: see `reconfigure`.
        deadline.min(arrival.saturating_add(self.max_wait.load(Ordering::Relaxed)))
    }

    /// Takes note of the deadline of a request that is published.
    #[inline]
    fn expect_expiry(&self, deadline: u64) {
        if deadline != u64::MAX && self.earliest.lower(deadline) {
            self.tick_by_expiry();
        }
    }

    /// Sets the timer for the waiters that profit from an expiry: those for room and those for the
    /// end of all work. A waiter that came before has set the timer for a later time; one that
    /// comes afterwards reads the earlier time.
    #[cold]
    fn tick_by_expiry(&self) {
        let wakes = WakeList::new();
        if self.admission.is_queued() {
            self.room.tick_by(self.earliest.get(), &wakes);
        }
        if self.admission.is_closed() {
            self.drain_waiters.tick_by(self.earliest.get(), &wakes);
        }
    }
}
