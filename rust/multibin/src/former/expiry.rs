//! Deadlines: who has not started by then is handed back unserved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Former;
use crate::request::{Expired, Row, Ticket};

/// Who may expire.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// Deadlines and whose; of some who left long ago, too.
    deadlines: BinaryHeap<Reverse<(u64, First)>>,
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
    /// Takes out whose deadline is `now` or before: their keys. Amortised O(log n) per request with a
    /// deadline.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Expired> {
        let mut keys = Vec::new();
        while let Some(at) = self.first_expired(now) {
            let Row { key, ticket, .. } = self.unlink(at);
            keys.push(Expired { key, ticket });
        }
        self.forget_who_left();
        keys
    }

    /// Whether somebody's deadline is `now` or before. Until a batch hands it back, it waits.
    pub(super) fn expires(&mut self, now: u64) -> bool {
        self.first_expired(now).is_some()
    }

    fn first_expired(&mut self, now: u64) -> Option<u32> {
        while let Some(&Reverse((deadline, first))) = self.expiry.deadlines.peek()
            && deadline <= now
        {
            let at = self.still_at(first);
            if at.is_some() {
                return at;
            }
            self.expiry.deadlines.pop();
        }
        None
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
}
