//! What waits: one slab of entries, linked into a queue per bin. Knows order, not policy.

mod heap;
mod queue;

use std::collections::TryReserveError;

use crate::request::{Row, Ticket};

pub(crate) use queue::Queue;

const NIL: u32 = u32::MAX;
/// In the place of a free entry's predecessor.
const FREE: u32 = u32::MAX - 1;

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
}

/// Leaves the top bit to those without a deadline.
const LAST: u64 = (1 << 63) - 1;

/// A waiting request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// How many entries into queues came before this one: the clock of the rules.
    pub(crate) order: u64,
    /// Passed over once more than this many rows have been served.
    pub(crate) due: u64,
    /// In a heap the next sibling.
    next: u32,
    /// In a heap the sibling before, or the parent.
    prev: u32,
}

impl Entry {
    pub(crate) fn new(row: Row, order: u64, due: u64) -> Self {
        Self { row, order, due, next: NIL, prev: NIL }
    }
}

/// Storage of all entries: reserved once, touched as far as requests ever waited, reused.
#[derive(Debug)]
pub(crate) struct Slab {
    entries: Vec<Entry>,
    /// First children by entry; of heaps alone.
    children: Vec<u32>,
    rank: Rank,
    /// Head of the list of free entries.
    free: u32,
}

impl Slab {
    /// Room for `capacity` entries, if there is so much memory.
    pub(crate) fn with_capacity(capacity: usize, rank: Rank) -> Result<Self, TryReserveError> {
        let (mut entries, mut children) = (Vec::new(), Vec::new());
        entries.try_reserve_exact(capacity)?;
        if rank != Rank::Ticket {
            children.try_reserve_exact(capacity)?;
        }
        Ok(Self { entries, children, rank, free: NIL })
    }

    #[inline]
    fn is_heap(&self) -> bool {
        self.rank != Rank::Ticket
    }

    #[inline]
    fn insert(&mut self, entry: Entry) -> u32 {
        if self.free == NIL {
            debug_assert!(self.entries.len() < self.entries.capacity());
            self.entries.push(entry);
            if self.is_heap() {
                self.children.push(NIL);
            }
            return (self.entries.len() - 1) as u32;
        }
        let at = self.free;
        let slot = &mut self.entries[at as usize];
        self.free = slot.next;
        *slot = entry;
        at
    }

    #[inline]
    fn remove(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        entry.next = self.free;
        entry.prev = FREE;
        self.free = at;
    }

    /// Whose entry this is, if it is in a queue.
    #[inline]
    pub(crate) fn ticket(&self, at: u32) -> Option<Ticket> {
        let entry = self.entries.get(at as usize).filter(|entry| entry.prev != FREE);
        entry.map(|entry| entry.row.ticket)
    }

    /// Whether the entry with this ticket is in a queue, at this place.
    pub(crate) fn holds(&self, at: u32, ticket: Ticket) -> bool {
        self.ticket(at) == Some(ticket)
    }

    /// The row of a live entry.
    #[inline]
    pub(crate) fn row(&self, at: u32) -> Row {
        self.entries[at as usize].row
    }

    /// The order of a live entry.
    pub(crate) fn order(&self, at: u32) -> u64 {
        self.entries[at as usize].order
    }

    /// Its place among the entries of one bin, then the ticket.
    #[inline]
    pub(crate) fn place(&self, entry: &Entry) -> u64 {
        if self.is_heap() { self.rank.of(&entry.row) } else { entry.order }
    }

    /// The head of a queue whose first entry is at `first`, which may be `NIL`.
    #[inline]
    fn head(&self, first: u32) -> Head {
        let Some(entry) = self.entries.get(first as usize) else { return Head::NONE };
        let rank = self.rank.of(&entry.row);
        Head {
            rank,
            place: self.place(entry),
            ticket: entry.row.ticket,
            due: entry.due,
            entered: entry.row.entered,
        }
    }
}

/// What the rules ask of a queue's head, copied here so that looking at all bins reads no entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its place among the heads of all bins.
    pub(crate) rank: u64,
    /// Its place among the heads of one bin's queues, then the ticket.
    pub(crate) place: u64,
    pub(crate) ticket: u64,
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
}
