//! Counters as dicts, whose types are in `multibin.stats`.

use multibin::{Adaptation, BinStats, Reason, Waits};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::refusal::wrong_type;

const MODULE: PyStaticExpr = PyStaticExpr::Name { id: "multibin.stats" };

/// Labels for every sample, in the order of the dict.
#[derive(Default)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// Returns the name and the value of each label.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl FromPyObject<'_, '_> for Labels {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = PyStaticExpr::Name { id: "dict" };

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let wrong = || wrong_type("labels", "a dict of str to str", &object);
        let dict = object.cast::<PyDict>().map_err(|_| wrong())?;
        let text = |value: Bound<'_, PyAny>| value.extract().map_err(|_| wrong());
        let pairs = dict.iter().map(|(name, value)| Ok((text(name)?, text(value)?)));
        Ok(Self(pairs.collect::<PyResult<_>>()?))
    }
}

/// The result of `Scheduler.stats`.
pub struct Snapshot {
    pub counters: multibin::Snapshot,
    pub adaptation: Adaptation,
}

impl<'py> IntoPyObject<'py> for Snapshot {
    type Target = PyDict;
    type Output = Bound<'py, Self::Target>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Attribute { value: &MODULE, attr: "Stats" };

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let multibin::Snapshot { totals, bins, waits, .. } = self.counters;
        let stats = PyDict::new(py);
        for (name, count) in [
            ("submitted", totals.submitted),
            ("taken", totals.taken),
            ("resubmitted", totals.resubmitted),
            ("restarted", totals.restarted),
            ("cancelled", totals.cancelled),
            ("expired", totals.expired),
            ("done", totals.done),
            ("lost", totals.lost),
            ("waiting", totals.waiting),
            ("leased", totals.leased),
            ("refused", totals.refused),
            ("capacity", totals.capacity),
        ] {
            stats.set_item(name, count)?;
        }
        stats.set_item("batches", by_reason(py, totals.batches)?)?;
        let bins = bins.iter().map(|stats| bin(py, stats)).collect::<PyResult<Vec<_>>>()?;
        stats.set_item("bins", PyList::new(py, bins)?)?;
        stats.set_item("waits", histogram(py, &waits)?)?;
        stats.set_item("gate", gate(py, &self.adaptation)?)?;
        stats.set_item("edges", edges(py, &self.adaptation)?)?;
        Ok(stats)
    }
}

fn bin<'py>(py: Python<'py>, stats: &BinStats) -> PyResult<Bound<'py, PyDict>> {
    let bin = PyDict::new(py);
    bin.set_item("waiting", stats.waiting)?;
    bin.set_item("parked", stats.parked)?;
    bin.set_item("oldest", stats.oldest.as_secs_f64())?;
    bin.set_item("arrivals", stats.arrivals)?;
    bin.set_item("batches", by_reason(py, stats.batches)?)?;
    bin.set_item("rows", stats.rows)?;
    bin.set_item("padded", stats.padded)?;
    bin.set_item("useful", stats.useful)?;
    Ok(bin)
}

fn by_reason(py: Python<'_>, counts: [u64; Reason::ALL.len()]) -> PyResult<Bound<'_, PyDict>> {
    let batches = PyDict::new(py);
    for (reason, count) in Reason::ALL.iter().zip(counts) {
        batches.set_item(reason.name(), count)?;
    }
    Ok(batches)
}

fn histogram<'py>(py: Python<'py>, waits: &Waits) -> PyResult<Bound<'py, PyDict>> {
    let histogram = PyDict::new(py);
    let bounds = Waits::bounds().map(|bound| bound.as_secs_f64());
    histogram.set_item("bounds", PyList::new(py, bounds)?)?;
    histogram.set_item("counts", waits.counts())?;
    histogram.set_item("sum", waits.seconds())?;
    Ok(histogram)
}

/// Returns the state of the gate and how often it changed.
pub fn gate<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("open", so_far.open)?;
    counters.set_item("gain", so_far.gain)?;
    counters.set_item("closed", so_far.closed)?;
    counters.set_item("opened", so_far.opened)?;
    Ok(counters)
}

/// Returns how often edges were fitted and swapped, and how often the traffic drifted.
pub fn edges<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("fits", so_far.fits)?;
    counters.set_item("swaps", so_far.swaps)?;
    counters.set_item("drifts", so_far.drifts)?;
    Ok(counters)
}
