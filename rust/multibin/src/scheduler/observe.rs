//! Finished requests are observed: the gate opens and closes, and the edges follow.

use std::thread;

use super::handle::Shared;
use super::inner::Inner;
use super::locks::WakeList;
use crate::adapt::{Adapter, Fit, Job};

/// Pairs that are observed under one hold of the adapter's lock.
const PAIRS: usize = 1_000;

impl Shared {
    /// Observes finished requests, and starts the fits of edges that are due.
    pub(super) fn observe(&self, predicted: &[u32], actual: &[u32]) {
        for (predicted, actual) in predicted.chunks(PAIRS).zip(actual.chunks(PAIRS)) {
            if let Some(job) = self.adapt(predicted, actual) {
                self.start_fit(job);
            }
        }
    }

    /// Fits edges on a separate thread. The caller may be an event loop, which a fit would block
    /// for some milliseconds. With a thread for each fit, none has to be managed between fits, and
    /// none keeps a scheduler alive.
    fn start_fit(&self, job: Job) {
        let scheduler = self.downgrade();
        let fit = move || {
            let fit = job.run();
            if let Some(scheduler) = scheduler.upgrade() {
                scheduler.adopt(fit);
            }
        };
        let started = thread::Builder::new().name("multibin-fit".to_owned()).spawn(fit);
        let wakes = WakeList::new();
        if let (Err(_), Some(mut adapter)) = (started, self.adapter(&wakes)) {
            // No thread can be started: the next fit is due as if this one had been done.
            adapter.abandon();
        }
    }
}

impl Inner {
    /// Observes pairs under one hold of the adapter's lock. Returns a fit that is due.
    fn adapt(&self, predicted: &[u32], actual: &[u32]) -> Option<Job> {
        let wakes = WakeList::new();
        let mut adapter = self.adapter(&wakes)?;
        for (&predicted, &actual) in predicted.iter().zip(actual) {
            let entered = || self.lock(&wakes).former.take_entered();
            if adapter.observe(predicted, actual, entered) {
                self.use_edges(&adapter, &wakes);
            }
        }
        adapter.job()
    }

    /// Takes the result of a fit.
    fn adopt(&self, fit: Fit) {
        let wakes = WakeList::new();
        let Some(mut adapter) = self.adapter(&wakes) else { return };
        if adapter.apply(fit) {
            self.use_edges(&adapter, &wakes);
        }
    }

    /// Puts the adapter's edges and gate to use. Requests that wait stay in their queues, where
    /// with strict fill there may be a batch afterwards.
    fn use_edges(&self, adapter: &Adapter, wakes: &WakeList) {
        let (edges, is_open) = (adapter.edges(), adapter.is_open());
        let mut state = self.lock(wakes);
        self.bin_map.replace(edges, is_open);
        // Requests that are published chose their bins by the previous edges.
        state.collect(&self.notifier);
        state.former.set_edges(edges.clone(), is_open);
        self.notify_next(&mut state, self.now());
    }
}
