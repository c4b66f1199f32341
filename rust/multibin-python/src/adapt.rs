use multibin::{Adapt as CoreAdapt, Adaptation, Event};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{Count, count};
use crate::errors;
use crate::hooks;
use crate::named::{flag, number, whole};
use crate::show;

/// How a scheduler follows what ``Scheduler.observe`` tells of finished requests.
///
/// ``edges``: fit edges to them, ``Edges.optimal`` with ``actual``, or ``Edges.feedback`` where requests
/// climb and nothing is predicted (all 0) or the gate is closed. They are fitted every ``every``
/// requests, more often before 5,000 are known, to the last ``window``; and
/// anew, to later ones alone, after the last 2,000 differed from those of the last fit (two-sample
/// test of Kolmogorov and Smirnov, of predicted and of actual lengths). Half of the window is fitted
/// to and half judges: edges are swapped if they gain a share of ``hysteresis`` in throughput
/// there. ``bins``: the most bins (the scheduler's ``max_bins``). ``overhead``: the cost of a move and of a
/// batch's fixed part in steps, for ``Edges.feedback``.
///
/// ``gate``: a ``Gate`` watches the predictions; while it is closed new requests go to the first bin.
/// Edges that are swapped meanwhile are in use when it opens.
///
/// Raises ``ValueError`` or ``TypeError`` for a value out of range.
#[pyclass(frozen, eq, weakref, module = "multibin")]
#[derive(PartialEq)]
pub struct Adapt(pub CoreAdapt);

#[pymethods]
impl Adapt {
    #[new]
    #[pyo3(signature = (*, every: "int" = 5_000, window: "int" = 20_000, bins: "int | None" = None, gate: "bool" = true, edges: "bool" = true, hysteresis: "float" = 0.02, overhead: "float" = 2.0))]
    fn new(
        #[pyo3(from_py_with = whole::every)] every: usize,
        #[pyo3(from_py_with = whole::window)] window: usize,
        bins: Option<Count<'_>>,
        #[pyo3(from_py_with = flag::gate)] gate: bool,
        #[pyo3(from_py_with = flag::edges)] edges: bool,
        #[pyo3(from_py_with = number::hysteresis)] hysteresis: f64,
        #[pyo3(from_py_with = number::overhead)] overhead: f64,
    ) -> PyResult<Self> {
        let bins = bins.map(|bins| count(&bins, "bins")).transpose()?;
        let adapt = CoreAdapt { edges, gate, every, window, bins, hysteresis, overhead };
        adapt.check().map_err(errors::value)?;
        Ok(Self(adapt))
    }

    /// Pickles and copies by value.
    #[pyo3(signature = () -> "tuple[tuple[()], dict[str, object]]")]
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((), Bound<'py, PyDict>)> {
        let given = PyDict::new(py);
        given.set_item("every", self.0.every)?;
        given.set_item("window", self.0.window)?;
        given.set_item("bins", self.0.bins)?;
        given.set_item("gate", self.0.gate)?;
        given.set_item("edges", self.0.edges)?;
        given.set_item("hysteresis", self.0.hysteresis)?;
        given.set_item("overhead", self.0.overhead)?;
        Ok(((), given))
    }

    fn __repr__(&self) -> String {
        show::adapt(&self.0)
    }
}

/// Writes what happened to the logger `multibin`.
pub fn log(py: Python<'_>, events: &[Event]) -> PyResult<()> {
    const INFO: u8 = 20;
    if events.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = events.iter().map(ToString::to_string).collect();
    hooks::log(py, (INFO, lines)).map(|_| ())
}

/// Where the gate stands and how often it turned, for `stats`.
pub fn gate<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("open", so_far.open)?;
    counters.set_item("gain", so_far.gain)?;
    counters.set_item("closed", so_far.closed)?;
    counters.set_item("opened", so_far.opened)?;
    Ok(counters)
}

/// How often edges were fitted and swapped, for `stats`.
pub fn edges<'py>(py: Python<'py>, so_far: &Adaptation) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("fits", so_far.fits)?;
    counters.set_item("swaps", so_far.swaps)?;
    counters.set_item("drifts", so_far.drifts)?;
    Ok(counters)
}
