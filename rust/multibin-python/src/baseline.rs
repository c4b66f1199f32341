use multibin::simulate::{Baseline as CoreBaseline, ContinuousOrder, Weight};
use pyo3::prelude::*;

use crate::convert::arguments::{Count, Pairs};
use crate::convert::named::{self, flag, whole, word};
use crate::convert::scalars::positive;
use crate::convert::words::choose;
use crate::edges::{self, Edges};

/// Forms batches in another way, to compare with in ``simulate``. A live scheduler never does.
///
/// A batch leaves as soon as a server is idle and a request waits. It runs all rows to their end.
/// (``continuous`` forms no batches: it refills slots.) The static methods make baselines; they
/// raise ``TypeError`` for arguments of wrong types.
/// ``simulate`` checks most values.
///
/// >>> Baseline.nearest(8) == Baseline.nearest(8, light_load=True)
/// True
#[pyclass(frozen, eq, module = "multibin")]
#[derive(Clone, PartialEq)]
pub struct Baseline(pub CoreBaseline);

#[pymethods]
impl Baseline {
    /// Sorts the ``window`` oldest requests by predicted length and cuts them into batches
    /// (Sequence Scheduling, arXiv 2305.13144).
    ///
    /// Args:
    ///     window: how many requests are sorted.
    ///     sizes: pairs of an upper length and the batch size up to it. ``None``: the variable
    ///         batch sizes of the paper.
    ///
    /// Raises:
    ///     ValueError: a number is out of range.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> baseline = Baseline.sorted_window(64, [(100, 32), (2**31, 8)])
    #[staticmethod]
    #[pyo3(signature = (window, sizes = None))]
    fn sorted_window(window: Count<'_>, sizes: Option<Pairs<'_>>) -> PyResult<Self> {
        let window = positive(&window, "window")?;
        let pairs = |given: Pairs<'_>| named::pairs(&given.0, "sizes");
        let sizes = sizes.map_or_else(|| Ok(CoreBaseline::VBS.to_vec()), pairs)?;
        Ok(Self(CoreBaseline::SortedWindow { window, sizes }))
    }

    /// Takes the shortest predictions first; a request that ``patience`` batches passed over goes
    /// before the others (Learning to Rank, arXiv 2408.15792).
    ///
    /// >>> baseline = Baseline.shortest_first(8, patience=100)
    #[staticmethod]
    #[pyo3(signature = (batch_size, patience: "int" = 200))]
    fn shortest_first(
        batch_size: Count<'_>,
        #[pyo3(from_py_with = whole::patience)] patience: u64,
    ) -> PyResult<Self> {
        let batch_size = positive(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::ShortestFirst { batch_size, patience }))
    }

    /// Takes the oldest request and the nearest lengths among the ``window`` oldest.
    ///
    /// >>> baseline = Baseline.look_ahead(8, window=64)
    #[staticmethod]
    fn look_ahead(batch_size: Count<'_>, window: Count<'_>) -> PyResult<Self> {
        let batch_size = positive(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::LookAhead { batch_size, window: positive(&window, "window")? }))
    }

    /// Takes the oldest request and the nearest lengths of all that wait, without bins.
    ///
    /// With ``light_load``, the oldest leave together while fewer than 1.6 batches wait, as in the
    /// scheduler.
    ///
    /// >>> baseline = Baseline.nearest(8, light_load=False)
    #[staticmethod]
    #[pyo3(signature = (batch_size, *, light_load: "bool" = true))]
    fn nearest(
        batch_size: Count<'_>,
        #[pyo3(from_py_with = flag::light_load)] light_load: bool,
    ) -> PyResult<Self> {
        let batch_size = positive(&batch_size, "batch_size")?;
        Ok(Self(CoreBaseline::Nearest { batch_size, light_load }))
    }

    /// Takes the bin with the heaviest waits, topped up from the nearest bins.
    ///
    /// Args:
    ///     edges: the bins.
    ///     batch_size: the rows of a full batch; a bin weighs as its first so many requests.
    ///     weight: the sum of their waits, or of the squares of these.
    ///     light_load: let the oldest leave together while fewer than 1.6 batches wait.
    ///
    /// Raises:
    ///     ValueError: a number is out of range, or ``weight`` is another word.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> baseline = Baseline.heaviest_bin(Edges([0, 16, 64]), 8, weight="wait")
    #[staticmethod]
    #[pyo3(signature = (edges: "Edges", batch_size, *, weight: "Literal['wait', 'wait squared']" = "wait squared", light_load: "bool" = true))]
    fn heaviest_bin(
        py: Python<'_>,
        #[pyo3(from_py_with = edges::required)] edges: Py<Edges>,
        batch_size: Count<'_>,
        #[pyo3(from_py_with = word::weight)] weight: &str,
        #[pyo3(from_py_with = flag::light_load)] light_load: bool,
    ) -> PyResult<Self> {
        let choices = [("wait", Weight::Wait), ("wait squared", Weight::WaitSquared)];
        Ok(Self(CoreBaseline::HeaviestBin {
            batch_size: positive(&batch_size, "batch_size")?,
            edges: edges.get().0.clone(),
            weight: choose(py, "weight", weight, &choices)?,
            light_load,
        }))
    }

    /// Runs continuous batching: waiting requests refill free slots of a running batch.
    ///
    /// Args:
    ///     rows: the slots.
    ///     chunk: steps between two refills.
    ///     order: the requests that go first: the oldest (``"fifo"``), or those of the longest or
    ///         the shortest prediction.
    ///
    /// Raises:
    ///     ValueError: a number is out of range, or ``order`` is another word.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> baseline = Baseline.continuous(8, chunk=4, order="longest")
    #[staticmethod]
    #[pyo3(signature = (rows, *, chunk: "int" = 1, order: "Literal['fifo', 'longest', 'shortest']" = "fifo"))]
    fn continuous(
        py: Python<'_>,
        rows: Count<'_>,
        #[pyo3(from_py_with = whole::chunk)] chunk: u32,
        #[pyo3(from_py_with = word::order)] order: &str,
    ) -> PyResult<Self> {
        let orders = [
            ("fifo", ContinuousOrder::Fifo),
            ("longest", ContinuousOrder::Longest),
            ("shortest", ContinuousOrder::Shortest),
        ];
        let (rows, order) = (positive(&rows, "rows")?, choose(py, "order", order, &orders)?);
        Ok(Self(CoreBaseline::Continuous { rows, chunk, order }))
    }

    fn __repr__(&self) -> String {
        format!("Baseline.{:?}", self.0)
    }
}
