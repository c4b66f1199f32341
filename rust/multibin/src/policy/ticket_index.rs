//! Where a ticket waits, so that a request can be taken out of the middle of a queue.

use std::collections::{BTreeMap, TryReserveError};

use super::former::Former;
use super::waiting::{Owner, Slab};
use crate::request::{Row, Ticket};

/// Positions that are added at a time.
const STEP: usize = 1024;

/// Positions in the slab, by ticket.
#[derive(Debug)]
pub(super) struct TicketIndex {
    /// Whether anybody asks; else there are no positions.
    asked: bool,
    /// One less than the number of positions, a power of two.
    mask: usize,
    /// At the ticket modulo the number of positions, of who entered last. As long as the greatest
    /// position so far: memory that was reserved is touched as far as it is used.
    last: Vec<u32>,
    /// A bit for each of these: whether that one waits.
    waits: Vec<u64>,
    /// Of tickets that wait although another one took their position.
    displaced: BTreeMap<Ticket, u32>,
}

impl TicketIndex {
    /// For at least so many tickets at a time, or 0, if there is so much memory.
    pub(super) fn new(tickets: usize) -> Result<Self, TryReserveError> {
        let mask = tickets.next_power_of_two() - 1;
        let (mut last, mut waits) = (Vec::new(), Vec::new());
        if tickets > 0 {
            last.try_reserve_exact((mask + 1).next_multiple_of(STEP))?;
            waits.try_reserve_exact((mask + 1).div_ceil(STEP) * (STEP / 64))?;
        }
        Ok(Self { asked: tickets > 0, mask, last, waits, displaced: BTreeMap::new() })
    }

    /// Makes `position`, whose request waits at `at`, one of those that there are.
    #[cold]
    fn grow(&mut self, position: usize, at: u32) {
        if !self.asked {
            return;
        }
        let positions = (position + 1).next_multiple_of(STEP);
        self.last.resize(positions, 0);
        self.waits.resize(positions / 64, 0);
        self.last[position] = at;
        self.waits[position / 64] |= 1 << (position % 64);
    }

    /// `ticket` entered at `at`. O(1) but where it displaces one that still waits.
    #[inline]
    pub(super) fn remember(&mut self, slab: &Slab, ticket: Ticket, at: u32) {
        let position = self.position(ticket);
        let Some(last) = self.last.get_mut(position) else { return self.grow(position, at) };
        let old = std::mem::replace(last, at);
        let (waits, bit) = (&mut self.waits[position / 64], 1 << (position % 64));
        if *waits & bit != 0 {
            self.displaced.extend(slab.ticket(old).map(|before| (before, old)));
        } else {
            *waits |= bit;
        }
    }

    /// `ticket`, which left its queue, waits no more. Nobody is remembered between the two.
    #[inline]
    pub(super) fn forget(&mut self, ticket: Ticket) {
        if self.displaced.is_empty() || self.displaced.remove(&ticket).is_none() {
            self.clear(ticket);
        }
    }

    /// [`TicketIndex::forget`] for the rows of a batch.
    #[inline]
    pub(super) fn forget_all(&mut self, rows: &[Row]) {
        if self.displaced.is_empty() {
            for row in rows {
                self.clear(row.ticket);
            }
        } else {
            for row in rows {
                self.forget(row.ticket);
            }
        }
    }

    /// No request waits at the position of `ticket`, if it is one.
    #[inline]
    fn clear(&mut self, ticket: Ticket) {
        let position = self.position(ticket);
        if let Some(waits) = self.waits.get_mut(position / 64) {
            *waits &= !(1 << (position % 64));
        }
    }

    #[inline]
    fn position(&self, ticket: Ticket) -> usize {
        ticket as usize & self.mask
    }

    /// Where `ticket` waits. O(1) until as many requests have come since as there are positions; then
    /// O(log of those that it happened to).
    pub(super) fn find(&self, slab: &Slab, ticket: Ticket) -> Option<u32> {
        let last = self.last.get(self.position(ticket)).copied();
        let last = last.filter(|&at| slab.ticket(at) == Some(ticket));
        last.or_else(|| self.displaced.get(&ticket).copied())
    }

    /// Who waited at `from` waits at `to`.
    pub(super) fn moved(&mut self, ticket: Ticket, from: u32, to: u32) {
        if !self.asked {
            return;
        }
        let position = self.position(ticket);
        if self.last[position] == from {
            self.last[position] = to;
        } else {
            self.displaced.insert(ticket, to);
        }
    }
}

impl Former {
    /// Takes the request with this ticket out of its queue, if it waits in one. O(batch size),
    /// in a heap O(log n), too.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Row> {
        let at = self.places.find(&self.slab, ticket)?;
        Some(self.unlink(at))
    }

    /// Counts a request as come and gone that was taken back before it came here.
    pub(crate) fn count_withdrawn(&mut self) {
        self.removed += 1;
    }

    /// Takes a row out of the middle of its queue.
    pub(super) fn unlink(&mut self, at: u32) -> Row {
        let home = self.slab.home(at);
        let full = self.full(home.bin);
        let slab = &mut self.slab;
        let bins = match home.owner {
            Owner::Fresh => &mut self.fresh,
            Owner::Anyone => &mut self.anyones,
            Owner::Worker(worker) => {
                let own = self.own.get_mut(&worker).or_else(|| self.retired.get_mut(&worker));
                own.expect("its worker lives or retires")
            }
        };
        let places = &mut self.places;
        let moved = |ticket, from, to| places.moved(ticket, from, to);
        let row = bins.edit(home.bin, |queue| queue.unlink(slab, at, moved));
        bins.find_full(slab, home.bin, full);
        self.places.forget(row.ticket);
        self.removed += 1;
        self.changed.insert(home.bin);
        if home.owner == Owner::Fresh {
            self.update(home.bin);
        } else {
            self.parked -= 1;
        }
        row
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::super::rules::Rules;
    use super::super::waiting::Slab;
    use crate::policy::Former;
    use crate::request::{Options, Submission};
    use crate::{Config, Edges, Fill, Overrun, Scheduler};

    const BINS: u32 = 8;
    const ROWS: u32 = 500;
    /// Two batches, and one left in each bin.
    const CAPACITY: usize = 2 * ROWS as usize + BINS as usize;

    /// Strict, with a worker 0.
    fn former(config: Config) -> Former {
        let config = Config { capacity: CAPACITY, fill: Fill::Strict, ..config };
        let bounds: Vec<u32> = (0..=BINS).collect();
        let (edges, rules) = (Edges::new(&bounds).unwrap(), Rules::new(&config));
        let slab = Slab::new(CAPACITY, BINS as usize, rules.rank).unwrap();
        let sizes = config.sizes(BINS as usize);
        let mut former = Former::new(rules, sizes, edges, slab, CAPACITY).unwrap();
        former.add_worker(0);
        former
    }

    /// `count` requests enter the bin of this length; the first ticket after theirs.
    fn enter(former: &mut Former, length: u32, first: u64, count: u32) -> u64 {
        let bin = former.bin(length);
        let tickets = first..first + u64::from(count);
        former.arrive(bin, |arrivals| {
            for ticket in tickets.clone() {
                let options = Options::new();
                arrivals.push(Submission::new(ticket, ticket, 0, length, &options));
            }
        });
        tickets.end
    }

    /// In bin after bin a batch leaves, one waits behind it, and behind that one most were
    /// cancelled: what these had is used again.
    fn places_are_as_many_as_ever_waited(config: Config) {
        let (mut former, mut first) = (former(config), 0);
        for length in 0..BINS {
            let end = enter(&mut former, length, first, 2 * ROWS - 1);
            let kept = first + u64::from(ROWS);
            assert!((kept + 1..end).all(|ticket| former.remove(ticket).is_some()));
            assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), ROWS as usize);
            first = end;
        }
        assert_eq!(former.waiting(Some(0)), BINS as usize);
        let places = former.slab.places();
        assert!(places <= 2 * CAPACITY + 64 * BINS as usize, "{places}");
    }

    #[test]
    fn batches_leave_no_more_holes_than_wait() {
        places_are_as_many_as_ever_waited(Config::new(ROWS));
    }

    #[test]
    fn batches_within_a_budget_leave_no_more_holes_than_wait() {
        let budget = Some(crate::Budget::Sum(u64::MAX));
        places_are_as_many_as_ever_waited(Config { budget, ..Config::new(ROWS) });
    }

    #[test]
    fn workers_that_come_and_go_use_the_same_places() {
        let mut former = former(Config::new(1));
        for worker in 1..100 {
            former.add_worker(worker);
            let admitted = enter(&mut former, 0, worker, 1);
            let batch = former.form(0, worker, false, usize::MAX).unwrap();
            former.climb(batch.rows[0], Some(worker), admitted);
            assert!(former.retire_worker(worker));
            assert_eq!(former.hand_back(worker, 9, 0, admitted), (1, false));
            assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), 1);
        }
        // A block of the bin, and one of the last worker.
        assert_eq!(former.slab.places(), 64);
    }

    /// Who moves when holes are closed, displaced or not, is found where it is then.
    #[test]
    fn who_moves_is_found() {
        let mut former = former(Config::new(ROWS));
        let kept = enter(&mut former, 0, 0, 300);
        // These share their positions with those before.
        let first = former.places.mask as u64 + 1;
        enter(&mut former, 1, first, 300);
        let middle = |ticket: &u64| (1..kept - 20).contains(&(ticket % first));
        let tickets = || (0..kept).chain(first..first + kept);
        let ends = |ticket: &u64| !middle(ticket);
        for ticket in tickets().filter(middle).chain(tickets().filter(ends)) {
            let at = former.places.find(&former.slab, ticket);
            assert_eq!(at.and_then(|at| former.slab.ticket(at)), Some(ticket));
            assert_eq!(former.remove(ticket).map(|row| row.ticket), Some(ticket));
        }
        assert_eq!(former.waiting(Some(0)), 0);
    }

    /// Tickets 0 and 2 of a capacity of 2 share a position, and lose their worker together.
    #[test]
    fn who_share_a_position_start_anew_and_are_found() {
        let config = Config { capacity: 2, overrun: Overrun::Climb, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 9]).unwrap(), config).unwrap();
        let worker = scheduler.worker();
        let next = || worker.next_batch(Some(Duration::ZERO)).unwrap();
        let tickets = [0, 1].map(|key| scheduler.submit(key, 5).unwrap());
        let (first, other) = (next(), next());
        other.done();
        let last = scheduler.submit(2, 5).unwrap();
        for batch in [first, next()] {
            batch.resubmit(&[(0, 1)], false).unwrap();
            batch.done();
        }
        worker.close();
        assert!(scheduler.cancel(tickets[0]) && scheduler.cancel(last));
        assert!(!scheduler.cancel(tickets[1]));
    }
}
