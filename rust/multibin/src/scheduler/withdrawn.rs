//! Cancelled requests that are still in a ring.

use std::collections::BTreeMap;

use crate::request::Ticket;

/// Cancelled requests, with the bins of their rings. Each is behind a position that another
/// producer has claimed and not published. Its entry is dropped when it is collected.
#[derive(Debug, Default)]
pub(super) struct Withdrawn(BTreeMap<Ticket, usize>);

impl Withdrawn {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a request in the ring of `bin`. Returns false if it was cancelled before.
    pub(super) fn insert(&mut self, ticket: Ticket, bin: usize) -> bool {
        self.0.insert(ticket, bin).is_none()
    }

    /// Forgets `ticket`, whose entry was collected. Returns false if it was not cancelled.
    pub(super) fn forget(&mut self, ticket: Ticket) -> bool {
        self.0.remove(&ticket).is_some()
    }

    /// Counts the cancelled requests in the ring of `bin`.
    pub(super) fn in_ring(&self, bin: usize) -> u64 {
        self.0.values().filter(|&&at| at == bin).count() as u64
    }
}
