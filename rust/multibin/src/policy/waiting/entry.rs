//! A waiting request, and what orders the entries of a queue and the heads of all queues.

use crate::config::Order;
use crate::request::{Row, Ticket};

/// No place.
pub(super) const NIL: u32 = u32::MAX;
/// The order of an entry that left.
pub(super) const GONE: u64 = u64::MAX;

/// What orders the entries of a queue and the heads of all queues: the least rank is the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rank {
    /// By ticket; within a queue as they entered.
    Ticket,
    /// By arrival, put off by so many nanoseconds per step and priority.
    Aged(f64),
    /// By deadline; those without one come last, by ticket.
    Deadline,
}

impl Rank {
    /// Returns what orders a scheduler's entries; `ageing` in seconds per step.
    pub(crate) fn new(order: Order, ageing: Option<f64>) -> Self {
        match (order, ageing) {
            (_, Some(ageing)) => Self::Aged(ageing * 1e9),
            (Order::Deadline, None) => Self::Deadline,
            (_, None) => Self::Ticket,
        }
    }

    #[inline]
    pub(crate) fn of(self, row: &Row) -> u64 {
        match self {
            Self::Ticket => row.ticket,
            Self::Aged(per_step) => {
                let steps = f64::from(row.priority) * f64::from(row.length);
                #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
                let put_off = (per_step * steps) as u64;
                row.arrival.saturating_add(put_off).min(LAST)
            }
            Self::Deadline if row.deadline == u64::MAX => row.ticket | (LAST + 1),
            Self::Deadline => row.deadline.min(LAST),
        }
    }

    /// An entry's place among the entries of one bin, then the ticket.
    #[inline]
    pub(crate) fn place(self, entry: &Entry) -> u64 {
        if self == Self::Ticket { entry.order } else { self.of(&entry.row) }
    }
}

/// Leaves the top bit to those without a deadline.
const LAST: u64 = (1 << 63) - 1;

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// How many entries into queues came before this one: the clock of the rules.
    pub(crate) order: u64,
    /// Passed over once more than this many rows have been served, by itself: in its queue it is not
    /// due before those ahead of it.
    pub(crate) due: u64,
}

impl Entry {
    pub(super) const LEFT: Self = Self { row: Row::NONE, order: GONE, due: 0 };

    pub(super) fn waits(&self) -> bool {
        self.order != GONE
    }

    #[inline]
    pub(super) fn leave(&mut self) -> Row {
        self.order = GONE;
        self.row
    }
}

/// What the rules ask of a queue's head, copied here so that looking at all bins reads no entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its place among the heads of all bins.
    pub(crate) rank: u64,
    /// Its place among the heads of one bin's queues, then the ticket.
    pub(crate) place: u64,
    pub(crate) ticket: Ticket,
    pub(crate) due: u64,
    pub(crate) entered: u64,
}

impl Head {
    /// Of an empty queue: later than every other in every order.
    pub(crate) const NONE: Self = Self {
        rank: u64::MAX,
        place: u64::MAX,
        ticket: u64::MAX,
        due: u64::MAX,
        entered: u64::MAX,
    };

    #[inline]
    pub(super) fn of(entry: &Entry, due: u64, rank: Rank) -> Self {
        Self {
            rank: rank.of(&entry.row),
            place: rank.place(entry),
            ticket: entry.row.ticket,
            due,
            entered: entry.row.entered,
        }
    }
}
