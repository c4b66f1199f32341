//! Changes while requests flow, and the end of all work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Inner;
use super::alarm::Alarm;
use super::fork::Shared;
use super::park::{Timer, block_on};
use super::wakes::{Lock, WakeList};
use crate::config::Budget;
use crate::config::{Change, ConfigError};
use crate::policy::Rules;
use crate::sync::{AtomicU32, Ordering, fence};

impl Inner {
    pub(super) fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        let wakes = WakeList::new();
        let mut adapter = self.adapter(&wakes);
        let mut state = self.lock(&wakes);
        let config = state.config.changed(change);
        config.check_numbers()?;
        if let (None, Some(budget)) = (config.budget, change.budget) {
            return Err(ConfigError::NoBudget(budget));
        }
        let edges = change.edges.as_ref();
        config.check(edges.unwrap_or(state.former.edges()))?;
        let rules = Rules::new(&config);
        if let Some(edges) = edges {
            self.map.replace(edges, true);
        }
        // What is published was meant for the bins and the batches of before.
        state.drain_marked(&self.notifier);
        if let Some(edges) = edges {
            state.former.set_edges(edges.clone(), true);
        }
        if let Some(adapter) = adapter.as_deref_mut() {
            let resized = change.batch_size.is_some() || change.batch_sizes.is_some();
            adapter.reconfigure(edges, resized.then_some(rules.largest));
        }
        // Relaxed: a producer that reads the old one claimed before the bell is armed again.
        self.patience.store(rules.max_wait.unwrap_or(u64::MAX), Ordering::Relaxed);
        state.former.set_rules(rules, config.sizes(self.rings.len()));
        // Relaxed: see `check`.
        self.affordable.store(config.budget.map_or(u64::MAX, Budget::max), Ordering::Relaxed);
        state.config = config;
        // A bin may be full, or somebody overdue, that was not.
        self.pass_on(&mut state, self.now());
        Ok(())
    }

    /// Rows are done, lost, expired or taken back, and the caller just counted them as released.
    #[inline]
    pub(super) fn tell_drainers(&self, wakes: &WakeList) {
        // SeqCst, as the exchange in `release` that came before: both pair with the fence in
        // `Drain::attempt`. Either the drainer sees the release, or it is seen here.
        if self.drainers.count.load(Ordering::SeqCst) > 0 && self.admission.is_empty() {
            self.drainers.wake(wakes, |_| true);
        }
    }

    /// Lets what is past its deadline expire if any drainer waits, and wakes those whose time is over.
    pub(super) fn tick_drainers(&self, now: u64, wakes: &WakeList) {
        if self.drainers.are_there(wakes) {
            self.expire_due(wakes);
            self.drainers.set_alarm(self.earliest.get(), wakes);
        }
        self.drainers.wake(wakes, |drainer| drainer.timer == Timer::Alarm && drainer.end <= now);
    }
}

/// Who waits until nothing waits and nothing is leased.
#[derive(Debug)]
pub(super) struct Drainers {
    /// How many there are, for those who end leases.
    count: AtomicU32,
    list: Lock<List>,
}

#[derive(Debug)]
struct List {
    /// By their places.
    drainers: Vec<Drainer>,
    /// The place of the next one.
    next: u64,
    alarm: Alarm,
}

#[derive(Debug)]
struct Drainer {
    place: u64,
    /// When its time is over.
    end: u64,
    waker: Waker,
    timer: Timer,
}

impl List {
    fn set_alarm(&self) {
        let futures = self.drainers.iter().filter(|drainer| drainer.timer == Timer::Alarm);
        if let Some(end) = futures.map(|drainer| drainer.end).min() {
            self.alarm.set(end);
        }
    }
}

impl Drainers {
    pub(super) fn new(alarm: Alarm) -> Self {
        let list = List { drainers: Vec::new(), next: 0, alarm };
        Self { count: AtomicU32::new(0), list: Lock::new(list) }
    }

    fn enter(&self, end: u64, call: (Waker, Timer), wakes: &WakeList) -> u64 {
        let mut list = self.list.lock(wakes);
        let place = list.next;
        list.next += 1;
        list.drainers.push(Drainer { place, end, waker: call.0, timer: call.1 });
        list.set_alarm();
        // Relaxed: the fence that follows orders it.
        self.count.fetch_add(1, Ordering::Relaxed);
        place
    }

    fn are_there(&self, wakes: &WakeList) -> bool {
        !self.list.lock(wakes).drainers.is_empty()
    }

    /// Sees to it that drainers are told of what expires at `time`.
    pub(super) fn set_alarm(&self, time: u64, wakes: &WakeList) {
        let list = self.list.lock(wakes);
        if !list.drainers.is_empty() {
            list.alarm.set(time);
        }
    }

    fn leave(&self, place: u64, wakes: &WakeList) {
        let mut list = self.list.lock(wakes);
        if let Ok(at) = list.drainers.binary_search_by_key(&place, |drainer| drainer.place) {
            let drainer = list.drainers.remove(at);
            self.count.fetch_sub(1, Ordering::Relaxed);
            wakes.discard(drainer.waker);
        }
    }

    /// Wakes those that `whose` holds for.
    fn wake(&self, wakes: &WakeList, mut whose: impl FnMut(&Drainer) -> bool) {
        let mut list = self.list.lock(wakes);
        for drainer in list.drainers.extract_if(.., |drainer| whose(drainer)) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            wakes.wake(drainer.waker);
        }
        list.set_alarm();
    }
}

/// Whether all work ended in time, as a future: of [`Scheduler::drain_async`](super::Scheduler::drain_async).
///
/// It needs no timer of its executor, but as [`NextBatch`](super::NextBatch) says.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Drain {
    scheduler: Shared,
    /// When the time is over.
    end: u64,
    /// Its place among the drainers, unless it was woken.
    place: Option<u64>,
}

impl Drain {
    pub(super) fn new(scheduler: Shared, timeout: Option<Duration>) -> Self {
        let end = scheduler.end_of(timeout);
        Self { scheduler, end, place: None }
    }

    /// As a poll that does not wait: `None` while it is not known.
    ///
    /// # Panics
    /// In a child of the process that made the scheduler.
    pub fn try_now(&mut self) -> Option<bool> {
        self.attempt(None)
    }

    /// Waits in this thread.
    pub(super) fn wait(mut self) -> bool {
        let scheduler = self.scheduler.clone();
        block_on(&scheduler.clock, |call| self.attempt(call).ok_or(self.end))
    }

    fn attempt(&mut self, call: Option<(Waker, Timer)>) -> Option<bool> {
        let inner = &*self.scheduler;
        inner.assert_not_forked();
        let wakes = WakeList::new();
        if let Some(place) = self.place.take() {
            inner.drainers.leave(place, &wakes);
        }
        if let Some(call) = call {
            self.place = Some(inner.drainers.enter(self.end, call, &wakes));
            // SeqCst: pairs with the exchange in `release` and the load in `tell_drainers`.
            fence(Ordering::SeqCst);
            inner.expire_due(&wakes);
            inner.drainers.set_alarm(inner.earliest.get(), &wakes);
        }
        let drained = inner.admission.is_empty();
        let outcome = (drained || inner.now() >= self.end).then_some(drained);
        if outcome.is_some()
            && let Some(place) = self.place.take()
        {
            inner.drainers.leave(place, &wakes);
        }
        outcome
    }
}

impl Future for Drain {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let call = (context.waker().clone(), Timer::Alarm);
        self.attempt(Some(call)).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if let Some(place) = self.place.take()
            && !self.scheduler.is_beyond_use()
        {
            self.scheduler.drainers.leave(place, &WakeList::new());
        }
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p multibin --profile loom --lib loom`.
#[cfg(all(test, loom))]
mod loom_tests {
    use loom::thread;

    use crate::{Batch, Config, Edges, Scheduler};

    /// A scheduler, and batches of one row each. The checker panics when all threads sleep.
    fn leased<const N: usize>() -> (Scheduler, [Batch; N]) {
        let config = Config { capacity: N, ..Config::new(1) };
        let scheduler = Scheduler::new(Edges::new(&[0, 1]).unwrap(), config).unwrap();
        let worker = scheduler.worker();
        let batches = std::array::from_fn(|key| {
            scheduler.submit(key as u64, 0).unwrap();
            worker.next_batch(None).unwrap()
        });
        (scheduler, batches)
    }

    /// Three threads in all.
    fn check(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    /// Whoever ends the lease finds the drainer, or the drainer finds nothing left.
    #[test]
    fn the_end_of_the_lease_wakes_the_drainer() {
        loom::model(|| {
            let (scheduler, [batch]) = leased();
            let finisher = thread::spawn(move || batch.done());
            assert!(scheduler.drain(None));
            finisher.join().unwrap();
        });
    }

    /// What waits, and is taken back, is gone too.
    #[test]
    fn cancelling_the_last_request_wakes_the_drainer() {
        loom::model(|| {
            let (scheduler, [batch]) = leased();
            drop(batch);
            let ticket = scheduler.submit(2, 0).unwrap();
            let other = scheduler.clone();
            let canceller = thread::spawn(move || assert!(other.cancel(ticket)));
            assert!(scheduler.drain(None));
            canceller.join().unwrap();
        });
    }

    /// Of two that end leases, at least the last one finds the drainer.
    #[test]
    fn the_last_of_two_leases_wakes_the_drainer() {
        check(|| {
            let (scheduler, batches) = leased::<2>();
            let finishers = batches.map(|batch| thread::spawn(move || batch.done()));
            assert!(scheduler.drain(None));
            finishers.into_iter().for_each(|finisher| finisher.join().unwrap());
        });
    }

    /// One end of a lease is enough for two drainers.
    #[test]
    fn every_drainer_is_woken() {
        check(|| {
            let (scheduler, [batch]) = leased();
            let other = scheduler.clone();
            let drainer = thread::spawn(move || assert!(other.drain(None)));
            let finisher = thread::spawn(move || batch.done());
            assert!(scheduler.drain(None));
            drainer.join().unwrap();
            finisher.join().unwrap();
        });
    }
}
