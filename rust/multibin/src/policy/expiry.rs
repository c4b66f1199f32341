//! Times to live: a request that has not started when its own is over is not served.

use super::former::Former;
use crate::request::{Expired, Row};

/// The most requests that expire under one hold of the lock.
const AT_ONCE: usize = 4096;

/// As many may at least be unreported, a megabyte, whatever the capacity.
pub(crate) const REPORTS: usize = 1 << 16;

/// What expired.
#[derive(Debug)]
pub(super) struct Expiry {
    unreported: Vec<Expired>,
    /// How many may be unreported.
    most: usize,
    /// How many expired so far.
    total: u64,
}

impl Expiry {
    pub(super) fn new(capacity: usize) -> Self {
        Self { unreported: Vec::new(), most: capacity.max(REPORTS), total: 0 }
    }

    /// Whether another one can be kept until it is reported.
    fn has_room(&mut self) -> bool {
        self.unreported.len() < self.most && self.unreported.try_reserve(1).is_ok()
    }
}

impl Former {
    /// Takes out requests whose deadline is `now` or before, at most some thousands, and keeps them
    /// until they are reported; returns how many. While as many as the capacity, and 65,536, are
    /// unreported, others stay where they are and are not served. O(log of those with deadlines) for each.
    pub(crate) fn expire(&mut self, now: u64) -> usize {
        let mut count = 0;
        while count < AT_ONCE
            && let Some(at) = self.past_deadline(now)
            && self.expiry.has_room()
        {
            let Row { key, ticket, .. } = self.unlink(at);
            self.expiry.unreported.push(Expired { key, ticket });
            count += 1;
        }
        self.expiry.total += count as u64;
        count
    }

    /// The place of a request whose deadline is `now` or before.
    pub(super) fn past_deadline(&self, now: u64) -> Option<u32> {
        let (deadline, at) = self.slab.first_deadline()?;
        (deadline <= now).then_some(at)
    }

    /// How many requests expired so far; the room of each is free from then on.
    pub(crate) fn expired(&self) -> u64 {
        self.expiry.total
    }

    /// The requests that expired and were not reported, which they are hereby.
    pub(crate) fn take_unreported(&mut self) -> Vec<Expired> {
        std::mem::take(&mut self.expiry.unreported)
    }

    /// Whether a batch would report requests that expired, or keep others from being served.
    pub(super) fn has_expired(&self, now: u64) -> bool {
        !self.expiry.unreported.is_empty() || self.past_deadline(now).is_some()
    }

    /// The next deadline of a request that waits.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.slab.first_deadline().map(|(deadline, _)| deadline)
    }
}
