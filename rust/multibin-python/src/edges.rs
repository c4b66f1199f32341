use multibin::edges::Optimal;
use pyo3::exceptions::PyValueError;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::arrays::{Array, lengths};
use crate::convert::{ArrayLike, Count, Number, count, float, length};
use crate::errors;
use crate::named::flag;
use crate::show;

/// The map from a length to its bin: ``bins + 1`` increasing bounds, in steps.
///
/// Bins are half-open, ``[bounds[i], bounds[i + 1])``. Lengths below the first bound belong to
/// the first bin, and the last bin has no upper end. Bounds are rounded up to whole steps.
///
/// Raises ``ValueError`` for fewer than two bounds, or bounds that do not increase.
#[pyclass(frozen, eq, hash, weakref, module = "multibin")]
#[derive(Clone, PartialEq, Hash)]
pub struct Edges(pub multibin::Edges);

/// How many candidate edges: an int, or `None` for all.
enum Candidates<'py> {
    Usual,
    All,
    Given(Count<'py>),
}

impl<'py> FromPyObject<'_, 'py> for Candidates<'py> {
    type Error = PyErr;
    const INPUT_TYPE: PyStaticExpr = Option::<Count<'_>>::INPUT_TYPE;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(object.extract::<Option<Count<'_>>>()?.map_or(Self::All, Self::Given))
    }
}

impl Candidates<'_> {
    fn number(&self) -> PyResult<Option<usize>> {
        match self {
            Self::Usual => Ok(Some(Optimal::CANDIDATES)),
            Self::All => Ok(None),
            Self::Given(given) => count(given, "candidates").map(Some),
        }
    }
}

#[pymethods]
impl Edges {
    #[new]
    fn new(bounds: ArrayLike<'_>) -> PyResult<Self> {
        Self::made(multibin::Edges::new(&lengths(&bounds, "bounds")?))
    }

    /// Bins of equal width from ``lo`` to ``hi`` (steps): optimal for uniform lengths
    /// (Lemma 4.1 of arXiv 2412.04504). Bins that would hold no whole length are left out.
    #[staticmethod]
    fn uniform(lo: Number<'_>, hi: Number<'_>, bins: Count<'_>) -> PyResult<Self> {
        let (lo, hi) = (length(&lo, "lo")?, length(&hi, "hi")?);
        Self::made(multibin::Edges::uniform(lo, hi, count(&bins, "bins")?))
    }

    /// At most ``bins`` bins from 0 to ``longest`` (steps) whose bounds grow by equal factors, for
    /// lengths of which only the longest is known.
    ///
    /// Raises ``ValueError`` for no bins or a ``longest`` of 0.
    #[staticmethod]
    fn geometric(longest: Number<'_>, bins: Count<'_>) -> PyResult<Self> {
        Self::up_to(length(&longest, "longest")?, count(&bins, "bins")?)
    }

    /// Bins of equal mass in ``sample`` (lengths in steps, shape ``[n]``); ties may leave fewer.
    ///
    /// Raises ``ValueError`` for an empty sample or one with a value that is not a length.
    #[staticmethod]
    fn quantile(py: Python<'_>, sample: ArrayLike<'_>, bins: Count<'_>) -> PyResult<Self> {
        let (sample, bins) = (lengths(&sample, "sample")?, count(&bins, "bins")?);
        Self::made(py.detach(|| multibin::Edges::quantile(&sample, bins)))
    }

    /// At most ``bins`` bins that minimise the mean over requests of E[longest of ``batch_size`` |
    /// bin], and so have the highest throughput in saturation (Proposition 4.1 of
    /// arXiv 2412.04504). By dynamic programming. ``sample``: lengths in steps, shape ``[n]``, that
    /// are known exactly when requests arrive. Fewer distinct lengths give fewer bins.
    ///
    /// ``candidates``: the most edges to choose from, or ``bins`` if that is more. Where there are
    /// more distinct lengths, candidates are equally far apart in the sum of √(requests × gap to the
    /// next length). ``None``: one at each distinct length, the exact optimum of the sample. With
    /// c candidates and d distinct lengths, time grows with c·d and memory with c·``bins``: 20,000
    /// lengths take about 5 ms; with ``None`` 20,000 distinct ones 1 s, and 200,000 a minute or more,
    /// in which Ctrl-C waits.
    ///
    /// ``actual``: what requests took that were predicted to take ``sample``, steps, shape ``[n]``.
    /// The bins are of predictions then, and minimise the mean of E[longest actual length of
    /// ``batch_size`` | bin]. At most 512 actual lengths are told apart. ``monotone``: take it that
    /// longer predictions mean longer requests in distribution, and estimate the shares of requests
    /// that are no longer than x by isotonic regression, for each x; false: take the shares of the
    /// pairs as they are, which with few pairs for each bin fits their noise. Time grows with
    /// c²·512, without ``monotone`` also with c²·``bins``, and memory with c·(``bins`` + 512): 20,000
    /// pairs take about 15 ms, with ``None`` and as many distinct predictions a minute.
    ///
    /// Raises ``ValueError`` for an empty sample or one with a value that is not a length, a number
    /// that is out of range, arrays of unlike sizes, and ``monotone=False`` without ``actual``.
    #[staticmethod]
    #[pyo3(
        signature = (sample, bins, batch_size, candidates = Candidates::Usual, *, actual = None, monotone: "bool" = true),
        text_signature = "(sample, bins, batch_size, candidates=256, *, actual=None, monotone=True)"
    )]
    fn optimal(
        py: Python<'_>,
        sample: ArrayLike<'_>,
        bins: Count<'_>,
        batch_size: Count<'_>,
        candidates: Candidates<'_>,
        actual: Option<ArrayLike<'_>>,
        #[pyo3(from_py_with = flag::monotone)] monotone: bool,
    ) -> PyResult<Self> {
        if actual.is_none() && !monotone {
            return Err(PyValueError::new_err("monotone: False means nothing without actual"));
        }
        let sample = lengths(&sample, "sample")?;
        let actual = actual.map(|given| lengths(&given, "actual")).transpose()?;
        let optimal = Optimal {
            bins: count(&bins, "bins")?,
            batch_size: count(&batch_size, "batch_size")?,
            candidates: candidates.number()?,
        };
        Self::made(py.detach(|| match actual {
            None => optimal.fit(&sample),
            Some(actual) => optimal.fit_pairs(&sample, &actual, monotone),
        }))
    }

    /// Levels for requests that climb from the first bin without a prediction: minimises
    /// Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + ``overhead``) over at most ``bins`` levels, S the survival function
    /// of ``sample`` (lengths in steps, shape ``[n]``) and ``overhead`` the cost of a move and of
    /// a batch's fixed part, in steps.
    ///
    /// Raises ``ValueError`` for an empty sample, a value that is not a length, or an overhead
    /// that is negative or not finite.
    #[staticmethod]
    fn feedback(
        py: Python<'_>,
        sample: ArrayLike<'_>,
        bins: Count<'_>,
        overhead: Number<'_>,
    ) -> PyResult<Self> {
        let overhead = float(&overhead, "overhead")?;
        let (sample, bins) = (lengths(&sample, "sample")?, count(&bins, "bins")?);
        Self::made(py.detach(|| multibin::Edges::feedback(&sample, bins, overhead)))
    }

    /// The ``bins + 1`` bounds, in steps.
    #[getter]
    fn bounds<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        Array::collect(py, self.0.bounds().iter().copied())
    }

    /// Number of bins.
    #[getter]
    fn bins(&self) -> usize {
        self.0.bins()
    }

    /// The bin of one length (steps).
    ///
    /// Raises ``ValueError`` for a negative, infinite or NaN length.
    #[pyo3(name = "bin")]
    fn bin_of(&self, length: Number<'_>) -> PyResult<usize> {
        Ok(self.0.bin(self::length(&length, "length")?))
    }

    fn __len__(&self) -> usize {
        self.0.bins()
    }

    /// Pickles and copies by value.
    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (Vec<u32>,)) {
        (py.get_type::<Self>(), (self.0.bounds().to_vec(),))
    }

    fn __repr__(&self) -> String {
        show::edges(&self.0)
    }
}

impl Edges {
    /// Bounds that grow geometrically.
    pub fn up_to(longest: u32, bins: usize) -> PyResult<Self> {
        match longest {
            0 => Err(PyValueError::new_err("longest: 0 leaves no lengths to bin")),
            _ => Self::made(multibin::Edges::geometric(longest, bins)),
        }
    }

    fn made(edges: Result<multibin::Edges, multibin::EdgesError>) -> PyResult<Self> {
        edges.map(Self).map_err(errors::value)
    }
}
