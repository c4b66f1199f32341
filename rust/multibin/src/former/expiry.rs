//! Deadlines: who has not started by then is handed back unserved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Former;
use crate::request::Ticket;

/// Who may expire, and who did.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// Deadlines and whose; of some who left long ago, too.
    deadlines: BinaryHeap<Reverse<(u64, First)>>,
    /// Keys that the next batch hands back.
    expired: Vec<u64>,
}

/// A request's first entry into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct First {
    ticket: Ticket,
    /// Tells it from the same request's later entries.
    order: u64,
}

impl Expiry {
    /// `ticket` entered for the first time. O(log n) with a deadline.
    #[inline]
    pub(super) fn expect(&mut self, deadline: u64, ticket: Ticket, order: u64) {
        if deadline != u64::MAX {
            self.deadlines.push(Reverse((deadline, First { ticket, order })));
        }
    }
}

impl Former {
    /// Takes out whose deadline is `now` or before. Amortised O(log n) per request with a deadline.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some(&Reverse((deadline, first))) = self.expiry.deadlines.peek()
            && deadline <= now
        {
            self.expiry.deadlines.pop();
            if let Some(at) = self.still_at(first) {
                let row = self.unlink(at);
                self.expiry.expired.push(row.key);
            }
        }
        self.forget_who_left();
    }

    /// Where who entered then still waits.
    fn still_at(&self, First { ticket, order }: First) -> Option<u32> {
        let at = self.places.find(&self.slab, ticket);
        at.filter(|&at| self.slab.entry(at).order == order)
    }

    /// Keeps the deadlines at most about twice as many as those who wait.
    fn forget_who_left(&mut self) {
        if self.expiry.deadlines.len() <= 2 * self.fresh.waiting + 64 {
            return;
        }
        let mut deadlines = std::mem::take(&mut self.expiry.deadlines);
        deadlines.retain(|&Reverse((_, first))| self.still_at(first).is_some());
        self.expiry.deadlines = deadlines;
    }

    /// The next deadline, perhaps of somebody who left.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.expiry.deadlines.peek().map(|&Reverse((deadline, _))| deadline)
    }

    /// Whether some expired whose keys were not handed back.
    pub(super) fn has_expired(&self) -> bool {
        !self.expiry.expired.is_empty()
    }

    /// How many expired whose keys were not handed back.
    pub(crate) fn to_hand_back(&self) -> u64 {
        self.expiry.expired.len() as u64
    }

    /// The keys of those who expired, once.
    pub(super) fn expired(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.expiry.expired)
    }
}
