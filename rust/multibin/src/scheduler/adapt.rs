//! Finished requests: the gate turns and edges change while requests flow.

use std::sync::Arc;
use std::thread;

use super::Inner;
use crate::adapt::{Adapter, Fit, Job};
use crate::config::{Config, ConfigError, Rules};
use crate::edges::Edges;
use crate::sync::MutexGuard;

/// Pairs that are judged under one hold of the mutex.
const BLOCK: usize = 1_000;

pub(super) fn adapter(config: &Config, edges: &Edges) -> Result<Option<Adapter>, ConfigError> {
    let rules = Rules::new(config)?;
    let queues = config.queues(edges);
    Ok(config.adapt.map(|adapt| Adapter::new(adapt, edges.clone(), queues, &rules)))
}

impl Inner {
    pub(super) fn adapter(&self) -> Option<MutexGuard<'_, Adapter>> {
        let adapter = self.adapter.as_ref()?;
        Some(adapter.lock().expect("an earlier panic while finished requests were judged"))
    }

    pub(super) fn observe(this: &Arc<Self>, predicted: &[u32], actual: &[u32]) {
        for (predicted, actual) in predicted.chunks(BLOCK).zip(actual.chunks(BLOCK)) {
            if let Some(job) = this.judge(predicted, actual) {
                Self::fit(this, job);
            }
        }
    }

    /// Whether a fit is due afterwards.
    fn judge(&self, predicted: &[u32], actual: &[u32]) -> Option<Job> {
        let (mut adapter, mut turned) = (self.adapter()?, false);
        for (&predicted, &actual) in predicted.iter().zip(actual) {
            if adapter.observe(predicted, actual) {
                self.put_to_use(&adapter);
                turned = true;
            }
        }
        let job = adapter.job();
        drop(adapter);
        if turned {
            self.wake_one();
        }
        job
    }

    /// Fits on a thread of its own: who observes may be an event loop, which a fit would hold up for
    /// some milliseconds. A thread for each fit has no life to be managed: between fits there is none,
    /// and it keeps no scheduler alive.
    fn fit(this: &Arc<Self>, job: Job) {
        let scheduler = Arc::downgrade(this);
        let fit = move || {
            let fit = job.run();
            if let Some(scheduler) = scheduler.upgrade() {
                scheduler.adopt(fit);
            }
        };
        let started = thread::Builder::new().name("multibin-fit".to_owned()).spawn(fit);
        if let (Err(_), Some(mut adapter)) = (started, this.adapter()) {
            // No thread is to be had now: the next fit is due as if this had been done.
            adapter.give_up();
        }
    }

    fn adopt(&self, fit: Fit) {
        let Some(mut adapter) = self.adapter() else { return };
        if adapter.fitted(fit) {
            self.put_to_use(&adapter);
            // A waker may wait for a lock whose holder waits for the adapter.
            drop(adapter);
            self.wake_one();
        }
    }

    /// What waits stays in its queue. With strict fill that may be a batch now: [`Inner::wake_one`]
    /// follows, without the adapter.
    fn put_to_use(&self, adapter: &Adapter) {
        let (edges, pays) = (adapter.edges(), adapter.pays());
        let mut state = self.lock();
        self.map.replace(edges, pays);
        // What is published was meant for the bins of before.
        state.drain();
        state.former.set_edges(edges.clone(), pays);
    }
}
