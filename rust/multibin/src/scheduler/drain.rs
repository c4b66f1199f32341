//! Changes while requests flow, and the end of all work.

use std::time::Duration;

use super::Inner;
use super::wakes::WakeList;
use crate::config::{Change, ConfigError, Rules, nanoseconds};
use crate::load::Budget;
use crate::sync::{Ordering, fence};

const POISONED: &str = "nothing panics while a drainer falls asleep";

impl Inner {
    pub(super) fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        let wakes = WakeList::new();
        let mut adapter = self.adapter(&wakes);
        let mut state = self.lock(&wakes);
        let config = state.config.changed(change);
        let rules = Rules::new(&config)?;
        if let (None, Some(budget)) = (config.budget, change.budget) {
            return Err(ConfigError::Budget(budget));
        }
        let edges = change.edges.as_ref();
        config.check(edges.unwrap_or(state.former.edges()))?;
        if let Some(edges) = edges {
            self.map.replace(edges, true);
            state.former.set_edges(edges.clone(), true);
        }
        if let Some(adapter) = adapter.as_deref_mut() {
            let resized = change.batch_size.is_some() || change.batch_sizes.is_some();
            adapter.reconfigured(edges, resized.then_some(rules.largest));
        }
        // What is published was meant for the bins and the batches of before.
        state.drain_marked(&self.bell);
        state.former.set_rules(rules, config.sizes(self.rings.len()));
        // Relaxed: see `check`.
        self.affordable.store(config.budget.map_or(u64::MAX, Budget::most), Ordering::Relaxed);
        state.config = config;
        // A bin may be full, or somebody overdue, that was not.
        self.pass_on(&mut state, self.now());
        Ok(())
    }

    /// Rows are done, lost or taken back, after they were counted as released.
    pub(super) fn tell_drainers(&self) {
        // SeqCst: pairs with the fence in `wait_until_drained`: either the drainer sees the
        // release, or it is seen here.
        fence(Ordering::SeqCst);
        if self.drainers.load(Ordering::Relaxed) > 0 {
            drop(self.drain_lock.lock().expect(POISONED));
            self.drained.notify_all();
        }
    }

    pub(super) fn wait_until_drained(&self, timeout: Option<Duration>) -> bool {
        let end = timeout.map_or(u64::MAX, |wait| self.now().saturating_add(nanoseconds(wait)));
        let mut state = self.drain_lock.lock().expect(POISONED);
        self.drainers.fetch_add(1, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `tell_drainers`.
        fence(Ordering::SeqCst);
        while !self.admission.is_empty() && self.now() < end {
            state = if end == u64::MAX {
                self.drained.wait(state).expect(POISONED)
            } else {
                let left = self.clock.until(end);
                self.drained.wait_timeout(state, left).expect(POISONED).0
            };
        }
        self.drainers.fetch_sub(1, Ordering::Relaxed);
        self.admission.is_empty()
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
