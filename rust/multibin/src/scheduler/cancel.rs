//! Takes back requests that wait, wherever they are.

use std::collections::BTreeMap;
use std::ops::Range;

use super::notifier::Notifier;
use super::wakes::WakeList;
use super::{Inner, State};
use crate::request::Ticket;

/// Tickets that are taken back under one hold of the forming lock.
const BLOCK: u64 = 256;

/// Cancelled requests that still lie in a ring, behind a position that another producer has claimed
/// and not published. Their entries are dropped when the ring is drained that far.
#[derive(Debug, Default)]
pub(super) struct Withdrawn(BTreeMap<Ticket, usize>);

impl Withdrawn {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets `ticket`, whose entry has come; false: it was not cancelled.
    pub(super) fn forget(&mut self, ticket: Ticket) -> bool {
        self.0.remove(&ticket).is_some()
    }

    /// Counts the cancelled requests that lie in the ring of `bin`.
    pub(super) fn in_ring(&self, bin: usize) -> u64 {
        self.0.values().filter(|&&at| at == bin).count() as u64
    }
}

impl State {
    /// Takes a request out of its queue, or marks it in its ring; false if it waits in neither.
    fn take_back(&mut self, notifier: &Notifier, ticket: Ticket) -> bool {
        let found = self.former.remove(ticket).is_some() || self.withdraw(notifier, ticket);
        self.cancelled += u64::from(found);
        found
    }

    /// Looks for `ticket` behind positions that are claimed and not published. What a drain leaves
    /// keeps its bin's mark, so that other rings need no look.
    fn withdraw(&mut self, notifier: &Notifier, ticket: Ticket) -> bool {
        let Self { drains, withdrawn, former, .. } = self;
        let mut found = None;
        notifier.marked(|bin| {
            let drain = &drains[bin];
            let lies = drain.find(|submission| submission.ticket == ticket).is_some();
            found = found.or(lies.then_some(bin));
            !drain.is_empty()
        });
        let new = found.is_some_and(|bin| withdrawn.0.insert(ticket, bin).is_none());
        if new {
            former.count_withdrawn();
        }
        new
    }
}

impl Inner {
    /// Takes back one request: true if it will not be delivered.
    pub(super) fn cancel(&self, ticket: Ticket) -> bool {
        let wakes = WakeList::new();
        let found = self.cancel_all(ticket..ticket.saturating_add(1), &wakes) > 0;
        self.serve_queued(&wakes);
        found
    }

    /// Takes back those of `tickets` that wait; returns how many did. The caller serves the calls that
    /// are queued for room.
    pub(super) fn cancel_all(&self, tickets: Range<Ticket>, wakes: &WakeList) -> u64 {
        let starts = tickets.clone().step_by(BLOCK as usize);
        let block =
            |start| self.cancel_block(start..tickets.end.min(start.saturating_add(BLOCK)), wakes);
        starts.map(block).sum()
    }

    fn cancel_block(&self, tickets: Range<Ticket>, wakes: &WakeList) -> u64 {
        let mut state = self.lock(wakes);
        state.drain_marked(&self.notifier);
        let found =
            tickets.filter(|&ticket| state.take_back(&self.notifier, ticket)).count() as u64;
        self.pass_on(&mut state, self.now());
        drop(state);
        let _ = self.admission.release(found);
        self.tell_drainers(wakes);
        found
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use crate::request::Submission;
    use crate::{Config, Edges, Fill, Options, Scheduler};

    /// Runs `check` while a producer of key 0 has claimed a position and not published.
    fn beside_a_stalled_producer(capacity: usize, check: impl FnOnce(&Scheduler)) -> Scheduler {
        let config = Config { capacity, fill: Fill::Elastic, ..Config::new(2) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
        let inner = &scheduler.0;
        let ticket = inner.admit_all(1).unwrap();
        let submission = Submission::new(0, ticket, inner.now(), 5, &Options::default());
        let stalls = || {
            inner.notifier.look(0);
            check(&scheduler);
        };
        inner.rings[0].push_looking(submission, stalls).unwrap();
        scheduler
    }

    fn keys(scheduler: &Scheduler) -> Vec<u64> {
        let (worker, mut keys) = (scheduler.worker(), Vec::new());
        while let Ok(batch) = worker.next_batch(Some(Duration::ZERO)) {
            keys.extend(batch.rows().iter().map(|row| row.key));
            batch.done();
        }
        keys
    }

    #[test]
    fn finds_requests_behind_a_stalled_producer() {
        let scheduler = beside_a_stalled_producer(8, |scheduler| {
            let tickets = [1, 2, 3].map(|key| scheduler.submit(key, 5).unwrap());
            assert!(scheduler.cancel(tickets[1]));
            assert!(!scheduler.cancel(tickets[1]), "cancelled before");
            let snapshot = scheduler.snapshot();
            assert_eq!((snapshot.totals.waiting, snapshot.bins[0].waiting), (3, 3));
            assert!(!scheduler.cancel(99));
        });
        assert_eq!(keys(&scheduler), [0, 1, 3]);
        let stats = scheduler.stats();
        assert_eq!((stats.submitted, stats.cancelled, stats.waiting, stats.leased), (4, 1, 0, 0));
        assert!(scheduler.drain(Some(Duration::ZERO)));
    }

    #[test]
    fn frees_the_room_at_once() {
        let scheduler = beside_a_stalled_producer(2, |scheduler| {
            let cancelled = scheduler.submit(1, 5).unwrap();
            assert!(scheduler.submit(2, 5).is_err());
            assert!(scheduler.cancel(cancelled));
        });
        scheduler.submit(2, 5).unwrap();
        assert_eq!(keys(&scheduler), [0, 2]);
    }
}
