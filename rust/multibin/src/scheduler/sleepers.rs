//! Who waits for a batch: parked threads and tasks of event loops alike, each known by its waker.

use std::collections::{BTreeSet, VecDeque};
use std::task::Waker;

use super::alarm::Alarm;
use super::park::Timer;
use super::wakes::{Guard, WakeList};
use super::{Inner, State};
use crate::request::WorkerId;

/// Nanoseconds within which a sleeper that was woken should ask for its batch: then the wake-up
/// goes to another one as well. Its event loop may be busy, or stand still for ever. Longer than a loop
/// takes for a turn, as a further wake-up costs another one for nothing.
pub(super) const BOUND: u64 = 10_000_000;

/// Names a sleeper; later ones are larger.
pub(super) type Place = u64;

#[derive(Debug)]
struct Sleeper {
    place: Place,
    worker: WorkerId,
    /// For when it set its alarm.
    until: u64,
    waker: Waker,
    timer: Timer,
}

/// Those who sleep and were not woken, the longest asleep first; and those who were, and did not
/// ask yet.
#[derive(Debug)]
pub(super) struct Sleepers {
    queue: VecDeque<Sleeper>,
    /// Of those in the queue that have set one.
    alarms: BTreeSet<(u64, Place)>,
    /// Who was woken while others slept on, and until when it should ask, which is in this order.
    told: VecDeque<(u64, Place)>,
    places: Place,
    alarm: Alarm,
}

impl Sleepers {
    pub(super) fn new(alarm: Alarm) -> Self {
        let (queue, told) = (VecDeque::new(), VecDeque::new());
        Self { queue, alarms: BTreeSet::new(), told, places: 0, alarm }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn enter(
        &mut self,
        worker: WorkerId,
        until: u64,
        (waker, timer): (Waker, Timer),
    ) -> Place {
        let place = self.places;
        self.places += 1;
        self.queue.push_back(Sleeper { place, worker, until: u64::MAX, waker, timer });
        self.set_alarm(place, until);
        place
    }

    /// Who sleeps at `place` sets its alarm anew.
    pub(super) fn set_alarm(&mut self, place: Place, until: u64) {
        let Some(at) = self.find(place) else { return };
        let sleeper = &mut self.queue[at];
        let before = std::mem::replace(&mut sleeper.until, until);
        if sleeper.timer == Timer::Alarm {
            self.alarm.set(until);
        }
        self.alarms.remove(&(before, place));
        if until != u64::MAX {
            self.alarms.insert((until, place));
        }
    }

    fn find(&self, place: Place) -> Option<usize> {
        self.queue.binary_search_by_key(&place, |sleeper| sleeper.place).ok()
    }

    fn remove(&mut self, at: usize) -> Option<Sleeper> {
        let sleeper = self.queue.remove(at)?;
        self.alarms.remove(&(sleeper.until, sleeper.place));
        if self.queue.is_empty() {
            // No sleeper is left to which a wake-up could go on.
            self.told.clear();
        }
        Some(sleeper)
    }

    fn remove_all(&mut self, whose: impl Fn(WorkerId) -> bool) -> VecDeque<Sleeper> {
        let sleepers = std::mem::take(&mut self.queue);
        let (gone, others): (VecDeque<_>, _) =
            sleepers.into_iter().partition(|sleeper| whose(sleeper.worker));
        for sleeper in &gone {
            self.alarms.remove(&(sleeper.until, sleeper.place));
        }
        self.queue = others;
        if self.queue.is_empty() {
            self.told.clear();
        }
        gone
    }

    /// Forgets who came or gave up; its waker, unless it was woken.
    fn leave(&mut self, place: Place) -> Option<Waker> {
        if let Some(at) = self.find(place) {
            return self.remove(at).map(|sleeper| sleeper.waker);
        }
        if let Some(at) = self.told.iter().position(|&(_, told)| told == place) {
            self.told.remove(at);
        }
        None
    }

    /// The waker of a sleeper, who should ask soon.
    fn tell(&mut self, at: usize, now: u64) -> Option<Waker> {
        let sleeper = self.remove(at)?;
        if !self.queue.is_empty() {
            let until = now.saturating_add(BOUND);
            self.told.push_back((until, sleeper.place));
            self.alarm.set(until);
        }
        Some(sleeper.waker)
    }

    /// Forgets those who should have asked by `now` and did not; how many.
    fn forget_late(&mut self, now: u64) -> usize {
        let late = self.told.partition_point(|&(until, _)| until <= now);
        self.told.drain(..late).count()
    }

    /// Those whose alarm has come by `now` and who do not time themselves.
    fn due(&self, now: u64) -> Vec<Place> {
        let due = self.alarms.range(..=(now, Place::MAX)).map(|&(_, place)| place);
        due.filter(|&place| self.needs_alarm(place)).collect()
    }

    fn needs_alarm(&self, place: Place) -> bool {
        self.find(place).is_some_and(|at| self.queue[at].timer == Timer::Alarm)
    }

    /// Sets the alarm for the next of those told and those who do not time themselves.
    fn set_next_alarm(&self) {
        let told = self.told.front().map(|&(until, _)| until);
        let first = self.alarms.iter().find(|&&(_, place)| self.needs_alarm(place));
        let next = told.into_iter().chain(first.map(|&(until, _)| until)).min();
        if let Some(next) = next {
            self.alarm.set(next);
        }
    }

    /// Whether the alarm of somebody goes off by `time`.
    pub(super) fn wakes_by(&self, time: u64) -> bool {
        self.first_alarm() <= time
    }

    pub(super) fn first_alarm(&self) -> u64 {
        self.alarms.first().map_or(u64::MAX, |&(until, _)| until)
    }

    /// Returns true if a climber of this worker is overdue at `own`, before any alarm of it.
    fn is_late_for(&self, sleeper: &Sleeper, own: Option<u64>) -> bool {
        let own = own.filter(|&own| own < sleeper.until);
        own.is_some_and(|own| own < self.alarm_of(sleeper.worker))
    }

    /// The earliest alarm of a worker.
    fn alarm_of(&self, worker: WorkerId) -> u64 {
        let theirs = self.queue.iter().filter(|sleeper| sleeper.worker == worker);
        theirs.map(|sleeper| sleeper.until).min().unwrap_or(u64::MAX)
    }
}

impl State {
    /// Finds the sleeper that is asleep longest of those that would get a batch, or must set an
    /// earlier alarm. What one without climbers of its own may take, all of these may.
    fn needed(&mut self, now: u64, closed: bool) -> Option<usize> {
        if self.is_late() {
            return (!self.sleepers.is_empty()).then_some(0);
        }
        let shared = self.former.has_shared_batch(now, closed);
        if !self.former.has_pinned() {
            return shared.then_some(0).filter(|_| !self.sleepers.is_empty());
        }
        let Self { sleepers, former, .. } = self;
        sleepers.queue.iter().position(|sleeper| {
            if former.has_pinned_to(sleeper.worker) {
                former.has_pinned_batch(now, sleeper.worker, closed, shared)
                    || sleepers.is_late_for(sleeper, former.pinned_deadline(sleeper.worker))
            } else {
                shared
            }
        })
    }

    /// Returns true if the sleeper at `at` would get a batch.
    fn offers_to(&mut self, at: usize, now: u64, closed: bool) -> bool {
        let worker = self.sleepers.queue[at].worker;
        self.former.has_batch(now, worker, closed)
    }

    /// Returns true if a request that all may take becomes overdue, or expires, before any alarm.
    pub(super) fn is_late(&self) -> bool {
        let shared = self.former.shared_deadline();
        shared.is_some_and(|deadline| deadline < self.sleepers.first_alarm())
    }
}

/// The forming lock, held.
pub(super) type Locked<'a> = Guard<'a, State>;

impl Guard<'_, State> {
    /// Wakes one sleeper who is needed; false if none is.
    pub(super) fn wake_needed(&mut self, now: u64, closed: bool) -> bool {
        let needed = self.needed(now, closed);
        needed.inspect(|&at| self.tell(at, now)).is_some()
    }

    /// Wakes whoever is asleep longest.
    pub(super) fn wake_first(&mut self, now: u64) {
        self.tell(0, now);
    }

    fn tell(&mut self, at: usize, now: u64) {
        if let Some(waker) = self.sleepers.tell(at, now) {
            self.wakes().wake(waker);
        }
    }

    /// Wakes all sleepers that `whose` holds for. None of them has to come, so their wake-ups
    /// are not passed on.
    pub(super) fn wake_all(&mut self, whose: impl Fn(WorkerId) -> bool) {
        for sleeper in self.sleepers.remove_all(whose) {
            self.wakes().wake(sleeper.waker);
        }
    }

    /// Forgets the sleeper at `place`, who came or gave up.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some(waker) = self.sleepers.leave(place) {
            self.wakes().discard(waker);
        }
    }
}

impl Inner {
    /// Wakes the futures whose alarm has come, and another one instead of those who were told and
    /// did not come.
    pub(super) fn tick_sleepers(&self, now: u64, wakes: &WakeList) {
        let mut state = self.lock(wakes);
        for place in state.sleepers.due(now) {
            if let Some(at) = state.sleepers.find(place) {
                state.tell(at, now);
            }
        }
        let late = state.sleepers.forget_late(now);
        if late > 0 {
            self.wake_others(&mut state, now, late);
        }
        state.sleepers.set_next_alarm();
    }

    /// Instead of those that are late, a thread that sleeps, which comes, and eight times as many as they
    /// if as many are needed: of a thousand tasks of a loop that stands still, not each costs the one
    /// behind them its 10 ms.
    fn wake_others(&self, state: &mut Locked<'_>, now: u64, late: usize) {
        state.drain_marked(&self.notifier);
        let closed = self.admission.is_closed();
        let thread = state.sleepers.queue.iter().position(|sleeper| sleeper.timer == Timer::Own);
        if let Some(at) = thread
            && state.offers_to(at, now, closed)
        {
            state.tell(at, now);
        }
        let _ = (1..8 * late).all(|_| state.wake_needed(now, closed));
        self.pass_on(state, now);
    }
}
