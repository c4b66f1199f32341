//! Waiters for a batch: parked threads and tasks of event loops, in order of arrival.

use std::collections::{BTreeSet, VecDeque};
use std::task::Waker;

use super::park::TimedBy;
use super::timer::TimerThread;
use crate::request::WorkerId;

/// Nanoseconds within which a waiter that was woken should ask for its batch; then another waiter
/// is woken, too. The event loop of the first one may be busy, or hang. The bound is longer than a
/// turn of a loop: a wake-up too many costs another waiter a turn.
pub(crate) const ANSWER_BOUND: u64 = 10_000_000;

/// Names a waiter; later ones are larger.
pub(crate) type WaiterId = u64;

#[derive(Debug)]
pub(crate) struct Waiter {
    id: WaiterId,
    worker: WorkerId,
    /// When it must be polled again; `u64::MAX`: never.
    deadline: u64,
    waker: Waker,
    timed_by: TimedBy,
}

impl Waiter {
    pub(crate) fn worker(&self) -> WorkerId {
        self.worker
    }

    pub(crate) fn into_waker(self) -> Waker {
        self.waker
    }
}

/// The waiters that were not woken, the longest-waiting first, and those that were woken and did
/// not ask yet.
#[derive(Debug)]
pub(crate) struct Waiters {
    queue: VecDeque<Waiter>,
    /// The finite deadlines of those in the queue.
    deadlines: BTreeSet<(u64, WaiterId)>,
    /// The waiters that were woken while others waited on, and by when each should ask. Both
    /// increase.
    woken: VecDeque<(u64, WaiterId)>,
    next: WaiterId,
    timer: TimerThread,
}

impl Waiters {
    pub(crate) fn new(timer: TimerThread) -> Self {
        let (queue, woken) = (VecDeque::new(), VecDeque::new());
        Self { queue, deadlines: BTreeSet::new(), woken, next: 0, timer }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a waiter at the end of the queue.
    pub(crate) fn enter(
        &mut self,
        worker: WorkerId,
        deadline: u64,
        (waker, timed_by): (Waker, TimedBy),
    ) -> WaiterId {
        let id = self.next;
        self.next += 1;
        self.queue.push_back(Waiter { id, worker, deadline: u64::MAX, waker, timed_by });
        self.set_deadline(id, deadline);
        id
    }

    /// Replaces the deadline of a waiter.
    pub(crate) fn set_deadline(&mut self, id: WaiterId, deadline: u64) {
        let Some(at) = self.find(id) else { return };
        let waiter = &mut self.queue[at];
        let before = std::mem::replace(&mut waiter.deadline, deadline);
        if waiter.timed_by == TimedBy::TimerThread {
            self.timer.tick_by(deadline);
        }
        self.deadlines.remove(&(before, id));
        if deadline != u64::MAX {
            self.deadlines.insert((deadline, id));
        }
    }

    /// Returns the position of a waiter in the queue, unless it was woken or has left.
    pub(crate) fn find(&self, id: WaiterId) -> Option<usize> {
        self.queue.binary_search_by_key(&id, |waiter| waiter.id).ok()
    }

    /// Returns the position of the longest-waiting waiter that `wanted` accepts.
    pub(crate) fn position(&self, wanted: impl FnMut(&Waiter) -> bool) -> Option<usize> {
        self.queue.iter().position(wanted)
    }

    /// Returns the position of the longest-waiting thread.
    pub(crate) fn first_thread(&self) -> Option<usize> {
        self.position(|waiter| waiter.timed_by == TimedBy::Itself)
    }

    pub(crate) fn worker_at(&self, at: usize) -> WorkerId {
        self.queue[at].worker
    }

    fn remove(&mut self, at: usize) -> Option<Waiter> {
        let waiter = self.queue.remove(at)?;
        self.deadlines.remove(&(waiter.deadline, waiter.id));
        if self.queue.is_empty() {
            // No waiter is left to which a wake-up could go on.
            self.woken.clear();
        }
        Some(waiter)
    }

    /// Removes the waiters of the workers that `wanted` accepts. Their wake-ups need no answer.
    pub(crate) fn remove_all(&mut self, wanted: impl Fn(WorkerId) -> bool) -> VecDeque<Waiter> {
        let waiters = std::mem::take(&mut self.queue);
        let (gone, others): (VecDeque<_>, _) =
            waiters.into_iter().partition(|waiter| wanted(waiter.worker));
        for waiter in &gone {
            self.deadlines.remove(&(waiter.deadline, waiter.id));
        }
        self.queue = others;
        if self.queue.is_empty() {
            self.woken.clear();
        }
        gone
    }

    /// Forgets a waiter that asks or gives up. Returns its waker, unless it was woken.
    pub(crate) fn leave(&mut self, id: WaiterId) -> Option<Waker> {
        if let Some(at) = self.find(id) {
            return self.remove(at).map(Waiter::into_waker);
        }
        if let Some(at) = self.woken.iter().position(|&(_, woken)| woken == id) {
            self.woken.remove(at);
        }
        None
    }

    /// Takes the waker of a waiter, which should ask within [`ANSWER_BOUND`].
    pub(crate) fn take_waker(&mut self, at: usize, now: u64) -> Option<Waker> {
        let waiter = self.remove(at)?;
        if !self.queue.is_empty() {
            let answer_by = now.saturating_add(ANSWER_BOUND);
            self.woken.push_back((answer_by, waiter.id));
            self.timer.tick_by(answer_by);
        }
        Some(waiter.waker)
    }

    /// Forgets the waiters that should have asked by `now` and did not. Returns how many there
    /// were.
    pub(crate) fn forget_late(&mut self, now: u64) -> usize {
        let late = self.woken.partition_point(|&(answer_by, _)| answer_by <= now);
        self.woken.drain(..late).count()
    }

    /// Returns the waiters whose deadline the timer thread serves and has passed by `now`.
    pub(crate) fn due(&self, now: u64) -> Vec<WaiterId> {
        let due = self.deadlines.range(..=(now, WaiterId::MAX)).map(|&(_, id)| id);
        due.filter(|&id| self.needs_timer(id)).collect()
    }

    fn needs_timer(&self, id: WaiterId) -> bool {
        self.find(id).is_some_and(|at| self.queue[at].timed_by == TimedBy::TimerThread)
    }

    /// Sets the timer for the next answer that is due and the next deadline that it serves.
    pub(crate) fn set_timer(&self) {
        let answer_by = self.woken.front().map(|&(answer_by, _)| answer_by);
        let first = self.deadlines.iter().find(|&&(_, id)| self.needs_timer(id));
        let next = answer_by.into_iter().chain(first.map(|&(deadline, _)| deadline)).min();
        if let Some(next) = next {
            self.timer.tick_by(next);
        }
    }

    /// Returns the earliest deadline of a waiter; `u64::MAX`: none.
    pub(crate) fn first_deadline(&self) -> u64 {
        self.deadlines.first().map_or(u64::MAX, |&(deadline, _)| deadline)
    }

    /// Returns true if `overdue`, when a climber of the waiter's worker is overdue, comes before
    /// all deadlines of that worker's waiters.
    pub(crate) fn misses(&self, waiter: &Waiter, overdue: Option<u64>) -> bool {
        let overdue = overdue.filter(|&overdue| overdue < waiter.deadline);
        overdue.is_some_and(|overdue| overdue < self.deadline_of(waiter.worker))
    }

    /// Returns the earliest deadline of a worker's waiters.
    fn deadline_of(&self, worker: WorkerId) -> u64 {
        let theirs = self.queue.iter().filter(|waiter| waiter.worker == worker);
        theirs.map(|waiter| waiter.deadline).min().unwrap_or(u64::MAX)
    }
}
