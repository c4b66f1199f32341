//! The rank that orders the entries of a queue and the heads of all queues.

use crate::config::Order;
use crate::request::Row;

/// What orders the entries of a queue and the heads of all queues: the lowest rank is the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ranking {
    /// By ticket; inside a bin by sequence number.
    Ticket,
    /// By arrival, delayed by so many nanoseconds for each predicted step and unit of priority.
    Aged(f64),
    /// By deadline; requests without one come last, by ticket.
    Deadline,
}

impl Ranking {
    /// Returns what orders a scheduler's entries; `ageing` in seconds per step.
    pub(crate) fn new(order: Order, ageing: Option<f64>) -> Self {
        match (order, ageing) {
            (_, Some(ageing)) => Self::Aged(ageing * 1e9),
            (Order::Deadline, None) => Self::Deadline,
            (_, None) => Self::Ticket,
        }
    }

    /// Returns true if the entries of a bin leave in the order in which they entered. Otherwise its
    /// queue is a heap.
    #[inline]
    pub(crate) fn is_fifo(self) -> bool {
        self == Self::Ticket
    }

    /// Returns the rank of a row among the rows of all bins.
    #[inline]
    pub(crate) fn rank(self, row: &Row) -> u64 {
        match self {
            Self::Ticket => row.ticket,
            Self::Aged(per_step) => {
                let steps = f64::from(row.priority) * f64::from(row.length);
                #[expect(clippy::cast_sign_loss, reason = "no factor is negative")]
                let delay = (per_step * steps) as u64;
                row.arrival.saturating_add(delay).min(LAST)
            }
            Self::Deadline if row.deadline == u64::MAX => row.ticket | (LAST + 1),
            Self::Deadline => row.deadline.min(LAST),
        }
    }

    /// Returns the rank of an entry among the entries of its bin. The ticket decides between equal
    /// ones.
    #[inline]
    pub(crate) fn rank_in_bin(self, row: &Row, sequence: u64) -> u64 {
        if self.is_fifo() { sequence } else { self.rank(row) }
    }
}

/// The highest rank of a deadline or arrival: the top bit marks requests without a deadline.
const LAST: u64 = (1 << 63) - 1;
