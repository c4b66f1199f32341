//! Requests that expired, until they are reported.

use crate::request::Expired;

/// At least so many may be unreported, two megabytes, whatever the capacity.
pub(crate) const REPORTS: usize = 1 << 16;

/// Requests that expired, until they are reported.
#[derive(Debug)]
pub(super) struct Expiry {
    unreported: Vec<Expired>,
    /// How many may be unreported.
    max: usize,
    /// How many expired so far.
    total: u64,
}

impl Expiry {
    pub(super) fn new(capacity: usize) -> Self {
        Self { unreported: Vec::new(), max: capacity.max(REPORTS), total: 0 }
    }

    /// Returns true if another one can be kept until it is reported.
    pub(super) fn has_room(&mut self) -> bool {
        self.unreported.len() < self.max && self.unreported.try_reserve(1).is_ok()
    }

    /// Adds a request that expired.
    pub(super) fn add(&mut self, expired: Expired) {
        self.unreported.push(expired);
        self.total += 1;
    }

    /// Returns how many expired so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Returns true if all that expired were reported.
    pub(super) fn is_reported(&self) -> bool {
        self.unreported.is_empty()
    }

    /// Takes the requests that expired and were not reported.
    pub(super) fn take(&mut self) -> Vec<Expired> {
        std::mem::take(&mut self.unreported)
    }
}
