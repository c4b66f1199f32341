use multibin::simulate::{Baseline as CoreBaseline, ContinuousOrder, Weight};
use pyo3::prelude::*;

use crate::convert::{Count, Pairs, count};
use crate::edges::Edges;
use crate::named::{self, flag, instance, whole, word};
use crate::words::choose;

/// Other ways to form batches, to compare with in ``simulate``. A live scheduler never uses them.
///
/// All of them leave as soon as a server asks and something waits, and run rows to their end.
#[pyclass(frozen, eq, module = "multibin")]
#[derive(Clone, PartialEq)]
pub struct Baseline(pub CoreBaseline);

#[pymethods]
impl Baseline {
    /// The ``window`` oldest are sorted by predicted length and cut into batches (Sequence
    /// Scheduling, arXiv 2305.13144). ``sizes``: pairs of an upper length and the batch size of
    /// the cell that it ends; without them, the paper's variable batch sizes.
    #[staticmethod]
    #[pyo3(signature = (window, sizes = None))]
    fn sorted_window(window: Count<'_>, sizes: Option<Pairs<'_>>) -> PyResult<Self> {
        let window = count(&window, "window")?;
        let pairs = |given: Pairs<'_>| named::pairs(&given.0, "sizes");
        let sizes = sizes.map_or_else(|| Ok(CoreBaseline::VBS.to_vec()), pairs)?;
        Ok(Self(CoreBaseline::SortedWindow { window, sizes }))
    }

    /// The shortest predictions leave first; a request that was passed over by ``patience`` batches goes
    /// before the others (Learning to Rank, arXiv 2408.15792).
    #[staticmethod]
    #[pyo3(signature = (batch_size, patience: "int" = 200))]
    fn shortest_first(
        batch_size: Count<'_>,
        #[pyo3(from_py_with = whole::patience)] patience: u64,
    ) -> PyResult<Self> {
        let batch_size = count(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::ShortestFirst { batch_size, patience }))
    }

    /// The oldest leads, the nearest lengths among the ``window`` oldest follow.
    #[staticmethod]
    fn look_ahead(batch_size: Count<'_>, window: Count<'_>) -> PyResult<Self> {
        let batch_size = count(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::LookAhead { batch_size, window: count(&window, "window")? }))
    }

    /// The oldest leads, the nearest lengths of all that wait follow: no bins. ``few``: the oldest
    /// leave together while fewer than 1.6 batches wait, as in the scheduler.
    #[staticmethod]
    #[pyo3(signature = (batch_size, *, light_load: "bool" = true))]
    fn nearest(
        batch_size: Count<'_>,
        #[pyo3(from_py_with = flag::light_load)] light_load: bool,
    ) -> PyResult<Self> {
        let batch_size = count(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::Nearest { batch_size, light_load }))
    }

    /// The bin whose first ``batch_size`` requests have the largest sum of waits (``weight="wait"``)
    /// or of their squares (``"wait squared"``) leads, topped up from the nearest bins.
    #[staticmethod]
    #[pyo3(signature = (edges: "Edges", batch_size, *, weight: "Literal['wait', 'wait squared']" = "wait squared", light_load: "bool" = true))]
    fn heaviest_bin(
        #[pyo3(from_py_with = instance::edges)] edges: Py<Edges>,
        batch_size: Count<'_>,
        #[pyo3(from_py_with = word::weight)] weight: &str,
        #[pyo3(from_py_with = flag::light_load)] light_load: bool,
    ) -> PyResult<Self> {
        let choices = [("wait", Weight::Wait), ("wait squared", Weight::WaitSquared)];
        Ok(Self(CoreBaseline::HeaviestBin {
            batch_size: count(&batch_size, "batch_size")?,
            edges: edges.get().0.clone(),
            weight: choose("weight", weight, &choices)?,
            light_load,
        }))
    }

    /// Continuous batching: every ``chunk`` steps free slots of the ``rows`` are filled, ``order``
    /// says from whom: ``"fifo"``, ``"longest"`` or ``"shortest"`` prediction first.
    #[staticmethod]
    #[pyo3(signature = (rows, *, chunk: "int" = 1, order: "Literal['fifo', 'longest', 'shortest']" = "fifo"))]
    fn continuous(
        rows: Count<'_>,
        #[pyo3(from_py_with = whole::chunk)] chunk: u32,
        #[pyo3(from_py_with = word::order)] order: &str,
    ) -> PyResult<Self> {
        let orders = [
            ("fifo", ContinuousOrder::Fifo),
            ("longest", ContinuousOrder::Longest),
            ("shortest", ContinuousOrder::Shortest),
        ];
        let (rows, order) = (count(&rows, "rows")?, choose("order", order, &orders)?);
        Ok(Self(CoreBaseline::Continuous { rows, chunk, order }))
    }

    fn __repr__(&self) -> String {
        format!("Baseline.{:?}", self.0)
    }
}
