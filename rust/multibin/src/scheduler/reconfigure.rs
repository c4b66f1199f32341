//! Changes of edges, batch size and waits while requests flow.

use super::inner::{Inner, State};
use super::locks::WakeList;
use crate::config::{Budget, Change, Config, ConfigError};
use crate::policy::Rules;
use crate::sync::Ordering;

impl Inner {
    pub(super) fn reconfigure(&self, change: &Change) -> Result<(), ConfigError> {
        let wakes = WakeList::new();
        let mut adapter = self.adapter(&wakes);
        let mut state = self.lock(&wakes);
        let config = state.checked(change)?;
        let rules = Rules::new(&config);
        let edges = change.edges.as_ref();
        if let Some(edges) = edges {
            self.bin_map.replace(edges, true);
        }
        // Requests that are published chose their bins by the previous edges, and are collected by
        // the previous rules.
        state.collect(&self.notifier);
        if let Some(edges) = edges {
            state.former.set_edges(edges.clone(), true);
        }
        if let Some(adapter) = adapter.as_deref_mut() {
            let resized = change.batch_size.is_some() || change.batch_sizes.is_some();
            adapter.reconfigure(edges, resized.then_some(rules.max_batch_size));
        }
        self.set_rules(&mut state, rules, config);
        // A bin may be full, or a request overdue, that was not.
        self.notify_next(&mut state, self.now());
        Ok(())
    }

    fn set_rules(&self, state: &mut State, rules: Rules, config: Config) {
        // Relaxed: a producer that reads the old one claimed before the notifier is armed again.
        self.max_wait.store(rules.max_wait.unwrap_or(u64::MAX), Ordering::Relaxed);
        state.former.set_rules(rules, config.sizes(self.rings.len()));
        state.former.set_costs(config.costs.as_ref());
        let max_cost = config.budget.map_or(u64::MAX, Budget::max);
        // Relaxed: a request that comes meanwhile meets the old or the new one.
        self.max_request_cost.store(max_cost, Ordering::Relaxed);
        state.config = config;
    }
}

impl State {
    /// Returns the configuration after a change, if it is valid.
    fn checked(&self, change: &Change) -> Result<Config, ConfigError> {
        let config = self.config.changed(change);
        config.check_numbers()?;
        if let (None, Some(budget)) = (config.budget, change.budget) {
            return Err(ConfigError::NoBudget(budget));
        }
        config.check(change.edges.as_ref().unwrap_or(self.former.edges()))?;
        Ok(config)
    }
}
