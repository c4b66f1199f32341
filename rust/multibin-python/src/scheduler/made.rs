//! Schedulers are made, and drained.

use std::sync::Arc;

use pyo3::prelude::*;

use super::Scheduler;
use crate::config::SchedulerConfig;
use crate::convert::arguments::{Number, Recordable};
use crate::convert::scalars::seconds;
use crate::interpreter::{errors, hooks, wait};
use crate::recording::{PATIENCE, Recorded};
use crate::shared::Shared;

impl Scheduler {
    pub(super) fn from_config(
        py: Python<'_>,
        made: SchedulerConfig,
        record: Option<Recordable<'_>>,
    ) -> PyResult<Self> {
        hooks::load(py)?;
        let recorded = record.map(|record| Recorded::new(&record)).transpose()?;
        let (edges, config) = (made.0.edges.clone(), made.0.config.clone());
        let inner = match &recorded {
            Some(own) => multibin::Scheduler::recorded(edges, config, own.recorder.clone()),
            None => multibin::Scheduler::new(edges, config),
        };
        let inner = inner.map_err(errors::config)?;
        let shared = Arc::new(Shared::new(inner.clone(), recorded));
        Ok(Self { inner, shared, made })
    }

    /// Closes, and waits until nothing waits and nothing is leased; then for the recording.
    pub(super) fn drained(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let core = self.shared.core()?;
        self.shared.check_may_block(py)?;
        let drained = wait::detached(py, timeout, |slice| core.drain(Some(slice)).then_some(()));
        drained?.ok_or_else(|| errors::not_drained(core))?;
        py.detach(|| self.shared.end_recording(PATIENCE));
        Ok(())
    }
}
