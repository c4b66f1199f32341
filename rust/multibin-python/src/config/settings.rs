//! Edges and the core's configuration, checked together.

use multibin::{Budget, Config, Edges, Fill, Overrun};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{show, words};
use crate::interpreter::errors;

/// How a scheduler behaves.
#[derive(Clone)]
pub struct Settings {
    pub edges: Edges,
    pub config: Config,
    /// The length from which the edges were made, if they were.
    pub longest: Option<u32>,
}

impl PartialEq for Settings {
    /// Compares edges by their bounds alone, also those made from `longest`.
    fn eq(&self, other: &Self) -> bool {
        self.edges == other.edges && self.config == other.config
    }
}

impl Settings {
    /// Returns the settings in use of a scheduler that was made from these.
    pub fn current(&self, edges: Edges, config: Config) -> Self {
        let longest = self.longest.filter(|_| self.edges == edges);
        let config = Config { max_bins: self.config.max_bins, ..config };
        Self { edges, config, longest }
    }

    /// Returns the settings, if a scheduler can have them.
    pub fn checked(self) -> PyResult<Self> {
        self.config.validate(&self.edges).map_err(errors::config)?;
        self.check_adapt()?;
        Ok(self)
    }

    /// Refuses an `adapt` that could never change anything.
    fn check_adapt(&self) -> PyResult<()> {
        let Some(adapt) = &self.config.adapt else { return Ok(()) };
        let fitted = adapt.bins.unwrap_or(0);
        let queues = self.config.max_bins.unwrap_or(self.edges.bins().max(fitted));
        let message = match adapt.bins {
            _ if queues == 1 => {
                "adapt must be left out with one bin, unless max_bins or adapt.bins is at least 2"
            }
            Some(1) if adapt.edges => "adapt.bins must be at least 2 to fit edges, got 1",
            _ => return Ok(()),
        };
        Err(PyValueError::new_err(message))
    }

    /// Returns the arguments that differ from their defaults, as Python writes them.
    pub fn arguments(&self) -> Vec<String> {
        let Config { capacity, max_wait, fill, order, overrun, .. } = &self.config;
        let Config { max_parked, max_bins, ageing, budget, max_padding, adapt, .. } = &self.config;
        let sizes = self.config.batch_sizes.as_ref();
        let sizes = sizes.map_or(self.config.batch_size.to_string(), |sizes| format!("{sizes:?}"));
        let mut all = vec![show::edges(&self.edges), format!("batch_size={sizes}")];
        let mut add = |name: &str, value: Option<String>| {
            all.extend(value.map(|value| format!("{name}={value}")));
        };
        add("capacity", (*capacity != Config::new(1).capacity).then(|| capacity.to_string()));
        add("max_wait", max_wait.map(show::seconds));
        add("fill", (*fill != Fill::default()).then(|| words::quoted(*fill, words::FILLS)));
        add("order", order.map(|order| words::quoted(order, words::ORDERS)));
        let is_default = *overrun == Overrun::default();
        add("overrun", (!is_default).then(|| words::quoted(*overrun, words::OVERRUNS)));
        add("max_parked", max_parked.map(|max| max.to_string()));
        add("max_bins", max_bins.map(|max| max.to_string()));
        add("ageing", ageing.map(|ageing| format!("{ageing:?}")));
        add("budget", budget.map(|budget| budget.max().to_string()));
        let costs = matches!(budget, Some(Budget::Sum(_)));
        add("budget_of", costs.then(|| "\"cost\"".to_owned()));
        add("max_padding", max_padding.map(|share| format!("{share:?}")));
        add("adapt", adapt.as_ref().map(show::adapt));
        add("costs", self.config.costs.as_ref().map(|times| show::costs(times)));
        all
    }
}
