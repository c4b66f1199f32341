//! A waiting request, and the copy of a queue's head that the rules read.

use super::ranking::Ranking;
use crate::request::{Row, Ticket};

/// No position.
pub(super) const NIL: u32 = u32::MAX;
/// The sequence number of an entry that left.
pub(super) const GONE: u64 = u64::MAX;

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// How many entries into queues came before this one: the clock of the rules.
    pub(crate) sequence: u64,
    /// The entry counts as bypassed once more rows than this have been taken. This is its own
    /// bound: in a FIFO queue the bounds of the entries ahead of it apply too.
    pub(crate) bypass_bound: u64,
}

impl Entry {
    pub(super) const LEFT: Self = Self { row: Row::NONE, sequence: GONE, bypass_bound: 0 };

    pub(super) fn waits(&self) -> bool {
        self.sequence != GONE
    }

    /// Returns the ticket of the request that waits here.
    #[inline]
    pub(super) fn waiting_ticket(&self) -> Option<Ticket> {
        self.waits().then_some(self.row.ticket)
    }

    /// Marks the entry as gone; returns its row.
    #[inline]
    pub(super) fn leave(&mut self) -> Row {
        self.sequence = GONE;
        self.row
    }
}

/// What the rules ask of a queue's head, copied here so that a scan of all bins reads no entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its rank among the heads of all bins.
    pub(crate) rank: u64,
    /// Its rank among the heads of one bin's queues; the ticket decides between equal ones.
    pub(crate) rank_in_bin: u64,
    pub(crate) ticket: Ticket,
    pub(crate) bypass_bound: u64,
    pub(crate) entered: u64,
}

impl Head {
    /// The head of an empty queue, behind every other in every order.
    pub(crate) const NONE: Self = Self {
        rank: u64::MAX,
        rank_in_bin: u64::MAX,
        ticket: u64::MAX,
        bypass_bound: u64::MAX,
        entered: u64::MAX,
    };

    #[inline]
    pub(super) fn new(entry: &Entry, bypass_bound: u64, ranking: Ranking) -> Self {
        Self {
            rank: ranking.rank(&entry.row),
            rank_in_bin: ranking.rank_in_bin(&entry.row, entry.sequence),
            ticket: entry.row.ticket,
            bypass_bound,
            entered: entry.row.entered,
        }
    }
}
