//! Changes while requests flow, and the end of all work.

use std::time::Duration;

use super::Inner;
use super::form::POISONED;
use crate::config::{Change, ConfigError, Rules, nanoseconds};
use crate::sync::{Ordering, fence};

impl Inner {
    pub(super) fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        let mut state = self.lock();
        let config = state.config.changed(change);
        let rules = Rules::new(&config)?;
        let edges = change.edges.as_ref();
        config.check(edges.unwrap_or(state.former.edges()))?;
        if let Some(edges) = edges {
            if edges.bins() > self.rings.len() {
                let (bins, most) = (edges.bins(), self.rings.len());
                return Err(ConfigError::Bins { bins, most });
            }
            self.map.replace(edges);
            state.former.set_edges(edges.clone());
        }
        // What is published was meant for the bins and the batches of before.
        state.drain();
        state.former.set_rules(rules);
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
            drop(self.lock());
            self.drained.notify_all();
        }
    }

    pub(super) fn wait_until_drained(&self, timeout: Option<Duration>) -> bool {
        let end = timeout.map_or(u64::MAX, |wait| self.now().saturating_add(nanoseconds(wait)));
        let mut state = self.state.lock().expect(POISONED);
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
