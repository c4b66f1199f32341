use multibin::{Adapt as CoreAdapt, Event};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::arguments::Count;
use crate::convert::named::{extract, flag, number, whole};
use crate::convert::scalars::positive;
use crate::convert::show;
use crate::interpreter::{errors, hooks};

/// Adapts a scheduler to the finished requests that ``Scheduler.observe`` reports.
///
/// Edges are fitted to the last ``window`` requests, more often before 5,000 are known.
/// ``Edges.optimal`` with ``actual`` fits them. ``Edges.feedback`` does where requests climb and
/// nothing is predicted (all 0), or the gate is closed.
///
/// Drift starts another fit, to later requests alone: the requests since the last fit differ from
/// its own. The two-sample test of Kolmogorov and Smirnov decides, on predicted and actual lengths.
///
/// One half of the window is fitted to. On the other half, other edges must gain a share of
/// ``hysteresis`` in throughput; then they are swapped in.
///
/// The gate looks again after an eighth of its window, at least 100 requests, and drift is looked
/// for every 500th request. A look takes up to 3 ms. Edges are fitted on a thread of their own.
/// The logger ``multibin`` logs changes at level ``INFO``. The ``observe`` that changed the gate
/// logs that; the first one after a swap of edges logs the swap.
///
/// Args:
///     every: requests between two fits.
///     window: the last requests, to which edges are fitted.
///     bins: the most bins of fitted edges. ``None``: the scheduler's ``max_bins``.
///     gate: let a ``Gate`` watch the predictions. While it is closed, new requests go to the
///         first bin; edges that are swapped meanwhile are in use when it opens.
///     edges: fit edges.
///     hysteresis: the share of throughput that other edges must gain.
///     overhead: the cost of a move and of a batch's fixed part, in steps, for
///         ``Edges.feedback``.
///
/// Raises:
///     ValueError: a value is out of range, or neither ``gate`` nor ``edges`` is true.
///     TypeError: an argument has a wrong type.
///
/// >>> adapt = Adapt(bins=8, hysteresis=0.05)
/// >>> scheduler = Scheduler(Edges.uniform(0, 100, 4), 8, adapt=adapt)
/// >>> scheduler.observe([10, 20], [12, 18])
/// >>> scheduler.stats()["edges"]["swaps"]
/// 0
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
        let bins = bins.map(|bins| positive(&bins, "bins")).transpose()?;
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

/// Converts the argument `adapt`.
pub fn optional(given: &Bound<'_, PyAny>) -> PyResult<Option<Py<Adapt>>> {
    extract(given, "adapt", "an Adapt or None")
}

/// Writes events to the logger `multibin`.
pub fn log(py: Python<'_>, events: &[Event]) -> PyResult<()> {
    const INFO: u8 = 20;
    if events.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = events.iter().map(ToString::to_string).collect();
    hooks::log(py, (INFO, lines)).map(|_| ())
}
