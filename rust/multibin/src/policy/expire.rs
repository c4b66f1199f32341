//! Times to live: a request that has not started when its own is over expires.

use super::former::Former;
use crate::request::{Expired, Row};

/// The most requests that expire under one hold of the lock.
const MAX_AT_ONCE: usize = 4096;

impl Former {
    /// Takes out requests whose deadline is `now` or before, some thousands at most. Keeps them
    /// until they are reported, and returns how many. O(log of the entries with deadlines) each.
    ///
    /// If as many as the capacity, and 65,536, are unreported, others stay where they are. They are
    /// not served.
    pub(crate) fn expire(&mut self, now: u64) -> usize {
        let mut count = 0;
        while count < MAX_AT_ONCE
            && let Some(position) = self.past_deadline(now)
            && self.expiry.has_room()
        {
            let Row { key, ticket, arrival, length, .. } = self.unlink(position);
            self.expiry.add(Expired { key, ticket, arrival, length });
            count += 1;
        }
        count
    }

    /// Returns the position of a request whose deadline is `now` or before.
    pub(super) fn past_deadline(&self, now: u64) -> Option<u32> {
        let (deadline, position) = self.slab.first_deadline()?;
        (deadline <= now).then_some(position)
    }

    /// Returns how many requests expired so far; the room of each is free from then on.
    pub(crate) fn expired(&self) -> u64 {
        self.expiry.total()
    }

    /// Takes the requests that expired and were not reported, to report them.
    pub(crate) fn take_unreported(&mut self) -> Vec<Expired> {
        self.expiry.take()
    }

    /// Returns true if a batch would report requests that expired, or some that cannot expire yet
    /// keep others from being served.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        !self.expiry.is_reported() || self.past_deadline(now).is_some()
    }

    /// Returns the next deadline of a request that waits.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.slab.first_deadline().map(|(deadline, _)| deadline)
    }
}
