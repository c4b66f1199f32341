//! Who waits for a batch: parked threads and tasks of event loops alike, each known by its waker.

use std::collections::VecDeque;
use std::task::Waker;

use super::State;
use super::wakes::Guard;
use crate::former::WorkerId;

/// Names a sleeper; later ones are larger.
pub(super) type Place = u64;

#[derive(Debug)]
struct Sleeper {
    place: Place,
    worker: WorkerId,
    /// For when it set its alarm.
    until: u64,
    waker: Waker,
}

/// Those who sleep and were not woken, the longest asleep first.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    queue: VecDeque<Sleeper>,
    places: Place,
}

impl Sleepers {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn enter(&mut self, worker: WorkerId, until: u64, waker: Waker) -> Place {
        let place = self.places;
        self.places += 1;
        self.queue.push_back(Sleeper { place, worker, until, waker });
        place
    }

    /// `None`: it was woken.
    fn leave(&mut self, place: Place) -> Option<Sleeper> {
        let at = self.queue.binary_search_by_key(&place, |sleeper| sleeper.place).ok()?;
        self.queue.remove(at)
    }

    /// Who sleeps at `place` sets its alarm anew.
    pub(super) fn set_alarm(&mut self, place: Place, until: u64) {
        if let Some(sleeper) = self.queue.iter_mut().rfind(|sleeper| sleeper.place == place) {
            sleeper.until = until;
        }
    }

    /// Whether the alarm of somebody goes off by `time`.
    pub(super) fn wakes_by(&self, time: u64) -> bool {
        self.alarm(|_| true) <= time
    }

    /// The earliest alarm among those that `whose` holds for.
    fn alarm(&self, whose: impl Fn(WorkerId) -> bool) -> u64 {
        let theirs = self.queue.iter().filter(|sleeper| whose(sleeper.worker));
        theirs.map(|sleeper| sleeper.until).min().unwrap_or(u64::MAX)
    }
}

impl State {
    /// A sleeper who would get a batch, or is to set an earlier alarm: the longest asleep.
    fn needed(&mut self, now: u64, closed: bool) -> Option<usize> {
        let shared = self.former.shared_deadline();
        if shared.is_some_and(|deadline| deadline < self.sleepers.alarm(|_| true)) {
            return Some(0);
        }
        // Without climbers, what one may take all may.
        let asked = if self.former.has_climbers() { usize::MAX } else { 1 };
        (0..self.sleepers.queue.len().min(asked)).find(|&at| {
            let worker = self.sleepers.queue[at].worker;
            self.former.offers(now, worker, closed) || self.is_late(worker)
        })
    }

    /// Whether a climber of `worker` becomes overdue before any alarm of it.
    fn is_late(&self, worker: WorkerId) -> bool {
        let own = self.former.own_deadline(worker);
        own.is_some_and(|deadline| deadline < self.sleepers.alarm(|other| other == worker))
    }
}

/// The forming lock, held.
pub(super) type Locked<'a> = Guard<'a, State>;

impl Guard<'_, State> {
    /// Wakes one sleeper who is needed; false if none is.
    pub(super) fn wake_needed(&mut self, now: u64, closed: bool) -> bool {
        let needed = self.needed(now, closed);
        let sleeper = needed.and_then(|at| self.sleepers.queue.remove(at));
        self.wake(sleeper);
        needed.is_some()
    }

    /// Wakes whoever is asleep longest.
    pub(super) fn wake_first(&mut self) {
        let first = self.sleepers.queue.pop_front();
        self.wake(first);
    }

    /// Wakes all sleepers that `whose` holds for.
    pub(super) fn wake_all(&mut self, whose: impl Fn(WorkerId) -> bool) {
        let sleepers = std::mem::take(&mut self.sleepers.queue);
        let (woken, others) = sleepers.into_iter().partition(|sleeper| whose(sleeper.worker));
        self.sleepers.queue = others;
        let woken: VecDeque<_> = woken;
        woken.into_iter().for_each(|sleeper| self.wake(Some(sleeper)));
    }

    fn wake(&self, sleeper: Option<Sleeper>) {
        if let Some(sleeper) = sleeper {
            self.wakes().wake(sleeper.waker);
        }
    }

    /// Forgets the sleeper at `place`, unless it was woken.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some(sleeper) = self.sleepers.leave(place) {
            self.wakes().discard(sleeper.waker);
        }
    }
}
