//! Finished requests: the gate turns and edges change while requests flow.

use std::thread;

use super::Inner;
use super::fork::Shared;
use super::wakes::{Guard, WakeList};
use crate::adapt::{Adapter, Fit, Job};
use crate::config::Config;
use crate::edges::Edges;
use crate::policy::Rules;

/// Pairs that are judged under one hold of the mutex.
const BLOCK: usize = 1_000;

pub(super) fn adapter(config: &Config, edges: &Edges) -> Option<Adapter> {
    let rules = Rules::new(config);
    let queues = config.queues(edges);
    config.adapt.map(|adapt| Adapter::new(adapt, edges.clone(), queues, &rules))
}

impl Inner {
    pub(super) fn adapter<'a>(&'a self, wakes: &'a WakeList) -> Option<Guard<'a, Adapter>> {
        self.assert_not_forked();
        self.adapter.as_ref().map(|adapter| adapter.lock(wakes))
    }

    pub(super) fn observe(this: &Shared, predicted: &[u32], actual: &[u32]) {
        for (predicted, actual) in predicted.chunks(BLOCK).zip(actual.chunks(BLOCK)) {
            if let Some(job) = this.judge(predicted, actual) {
                Self::fit(this, job);
            }
        }
    }

    /// Whether a fit is due afterwards.
    fn judge(&self, predicted: &[u32], actual: &[u32]) -> Option<Job> {
        let wakes = WakeList::new();
        let mut adapter = self.adapter(&wakes)?;
        for (&predicted, &actual) in predicted.iter().zip(actual) {
            let entered = || self.lock(&wakes).former.take_entered();
            if adapter.observe(predicted, actual, entered) {
                self.put_to_use(&adapter, &wakes);
            }
        }
        adapter.job()
    }

    /// Fits on a thread of its own: who observes may be an event loop, which a fit would hold up for
    /// some milliseconds. A thread for each fit has no life to be managed: between fits there is none,
    /// and it keeps no scheduler alive.
    fn fit(this: &Shared, job: Job) {
        let scheduler = this.downgrade();
        let fit = move || {
            let fit = job.run();
            if let Some(scheduler) = scheduler.upgrade() {
                scheduler.adopt(fit);
            }
        };
        let started = thread::Builder::new().name("multibin-fit".to_owned()).spawn(fit);
        let wakes = WakeList::new();
        if let (Err(_), Some(mut adapter)) = (started, this.adapter(&wakes)) {
            // No thread is to be had now: the next fit is due as if this had been done.
            adapter.abandon();
        }
    }

    fn adopt(&self, fit: Fit) {
        let wakes = WakeList::new();
        let Some(mut adapter) = self.adapter(&wakes) else { return };
        if adapter.apply(fit) {
            self.put_to_use(&adapter, &wakes);
        }
    }

    /// What waits stays in its queue; with strict fill that may be a batch now.
    fn put_to_use(&self, adapter: &Adapter, wakes: &WakeList) {
        let (edges, is_open) = (adapter.edges(), adapter.is_open());
        let mut state = self.lock(wakes);
        self.map.replace(edges, is_open);
        // What is published was meant for the bins of before.
        state.drain_marked(&self.notifier);
        state.former.set_edges(edges.clone(), is_open);
        self.pass_on(&mut state, self.now());
    }
}
