//! Cancelling requests that wait, in a queue or in a ring.

use std::ops::Range;

use super::inner::{Inner, State};
use super::locks::WakeList;
use super::notifier::Notifier;
use crate::request::{Row, Ticket};

/// Tickets that are cancelled under one hold of the forming lock.
const TICKETS: u64 = 256;

impl State {
    /// Takes a request out of its queue, or withdraws it from its ring. Returns it; `None` if it
    /// waits in neither.
    fn take_back(&mut self, notifier: &Notifier, ticket: Ticket) -> Option<Row> {
        let found = self.former.remove(ticket).or_else(|| self.withdraw(notifier, ticket));
        self.cancelled += u64::from(found.is_some());
        found
    }

    /// Looks for `ticket` behind positions that are claimed and not published. A bin whose ring
    /// holds such entries is dirty, so other rings are not searched.
    fn withdraw(&mut self, notifier: &Notifier, ticket: Ticket) -> Option<Row> {
        let Self { consumers, withdrawn, former, .. } = self;
        let mut found = None;
        notifier.take_dirty(|bin| {
            let consumer = &consumers[bin];
            let here = consumer.find(|submission| submission.ticket == ticket);
            found = found.or(here.map(|submission| (bin, submission)));
            !consumer.is_empty()
        });
        let (_, submission) = found.filter(|&(bin, _)| withdrawn.insert(ticket, bin))?;
        former.count_withdrawn();
        Some(submission.into())
    }
}

impl Inner {
    /// Cancels the requests of `tickets` that wait. Returns how many there were. The caller then
    /// serves the line for room.
    pub(super) fn cancel_all(&self, tickets: Range<Ticket>, wakes: &WakeList) -> u64 {
        let starts = tickets.clone().step_by(TICKETS as usize);
        let block =
            |start| self.cancel_block(start..tickets.end.min(start.saturating_add(TICKETS)), wakes);
        starts.map(block).sum()
    }

    fn cancel_block(&self, tickets: Range<Ticket>, wakes: &WakeList) -> u64 {
        let mut state = self.lock(wakes);
        state.collect(&self.notifier);
        let mut rows = Vec::new();
        let taken = tickets.filter_map(|ticket| state.take_back(&self.notifier, ticket));
        let found = taken.inspect(|row| self.keep_for_record(&mut rows, row)).count() as u64;
        self.notify_next(&mut state, self.now());
        drop(state);
        self.record_cancelled(&rows);
        let _ = self.admission.release(found);
        self.notify_drain_waiters(wakes);
        found
    }

    /// Wakes the drain waiters if all work has ended. Is called after rows were counted as gone.
    #[inline]
    pub(super) fn notify_drain_waiters(&self, wakes: &WakeList) {
        if self.drain_waiters.are_seen() && self.admission.is_empty() {
            self.drain_waiters.wake_all(wakes);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use crate::request::Submission;
    use crate::{Config, Edges, Fill, Options, Scheduler};

    /// Calls `check` while the producer of key 0 has claimed a position and not published.
    fn beside_a_stalled_producer(capacity: usize, check: impl FnOnce(&Scheduler)) -> Scheduler {
        let config = Config { capacity, fill: Fill::Elastic, ..Config::new(2) };
        let scheduler = Scheduler::new(Edges::new(&[0, 10]).unwrap(), config).unwrap();
        let inner = &scheduler.0;
        let ticket = inner.admit_all(1).unwrap();
        let submission = Submission::new(0, ticket, inner.now(), 5, &Options::default());
        let stalls = || {
            inner.notifier.check(0);
            check(&scheduler);
        };
        inner.rings[0].push_with(submission, stalls).unwrap();
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
