use multibin::{Adapt as CoreAdapt, Adaptation, Event};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{Count, Number, count, float};
use crate::errors;
use crate::hooks;
use crate::named::flag;

/// How a scheduler follows what ``Scheduler.observe`` tells of finished requests.
///
/// ``edges``: fit edges to them, ``Edges.optimal`` with ``actual``, or ``Edges.feedback`` where requests
/// climb and nothing is predicted (all 0) or the gate is closed. They are fitted every ``every``
/// requests (``None``: 5,000), more often before 5,000 are known, to the last ``window`` (20,000); and
/// anew, to later ones alone, after the last 2,000 differed from those of the last fit (two-sample
/// test of Kolmogorov and Smirnov, of predicted and of actual lengths). Half of the window is fitted
/// to and half judges: edges are swapped if they gain a share of ``hysteresis`` (0.02) in throughput
/// there. ``bins``: the most bins (the scheduler's ``max_bins``). ``overhead``: the cost of a move and of a
/// batch's fixed part in steps (2), for ``Edges.feedback``.
///
/// ``gate``: a ``Gate`` watches the predictions; while it is closed new requests go to the first bin.
/// Edges that are swapped meanwhile are in use when it opens.
///
/// Raises ``ValueError`` or ``TypeError`` for a value out of range.
#[pyclass(frozen, eq, module = "multibin")]
#[derive(PartialEq)]
pub struct Adapt(pub CoreAdapt);

#[pymethods]
impl Adapt {
    #[new]
    #[pyo3(signature = (*, every: "int | None" = None, window: "int | None" = None, bins: "int | None" = None, gate: "bool" = true, edges: "bool" = true, hysteresis: "float | None" = None, overhead: "float | None" = None))]
    fn new(
        every: Option<Count<'_>>,
        window: Option<Count<'_>>,
        bins: Option<Count<'_>>,
        #[pyo3(from_py_with = flag::gate)] gate: bool,
        #[pyo3(from_py_with = flag::edges)] edges: bool,
        hysteresis: Option<Number<'_>>,
        overhead: Option<Number<'_>>,
    ) -> PyResult<Self> {
        let usual = CoreAdapt::default();
        let whole = |given: Option<Count<'_>>, name, usual| {
            given.map_or(Ok(usual), |given| count(&given, name))
        };
        let number = |given: Option<Number<'_>>, name, usual| {
            given.map_or(Ok(usual), |given| float(&given, name))
        };
        let adapt = CoreAdapt {
            edges,
            gate,
            every: whole(every, "every", usual.every)?,
            window: whole(window, "window", usual.window)?,
            bins: bins.map(|bins| count(&bins, "bins")).transpose()?,
            hysteresis: number(hysteresis, "hysteresis", usual.hysteresis)?,
            overhead: number(overhead, "overhead", usual.overhead)?,
        };
        adapt.check().map_err(errors::value)?;
        Ok(Self(adapt))
    }

    fn __repr__(&self) -> String {
        let CoreAdapt { edges, gate, every, window, bins, hysteresis, overhead } = self.0;
        let bins = bins.map_or("None".to_owned(), |bins| bins.to_string());
        let [edges, gate] = [edges, gate].map(|on| if on { "True" } else { "False" });
        format!(
            "Adapt(every={every}, window={window}, bins={bins}, gate={gate}, edges={edges}, \
             hysteresis={hysteresis:?}, overhead={overhead:?})"
        )
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
