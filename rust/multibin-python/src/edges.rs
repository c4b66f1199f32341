use multibin::edges::Optimal;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyType};

use crate::convert::arguments::{ArrayLike, Count, Number};
use crate::convert::arrays::lengths;
use crate::convert::named::{extract, flag, number};
use crate::convert::ndarray::Array;
use crate::convert::refusal::wrong_value;
use crate::convert::scalars::{float, length, positive};
use crate::convert::show;
use crate::interpreter::errors;

/// Maps each length to its bin: ``bins + 1`` increasing bounds, in steps.
///
/// Bins are half-open, ``[bounds[i], bounds[i + 1])``. Lengths below the first bound belong to
/// the first bin, and the last bin has no upper end. Bounds are rounded up to whole steps.
///
/// Args:
///     bounds: at least two increasing lengths, shape ``[bins + 1]``.
///
/// Raises:
///     ValueError: there are fewer than two bounds, they do not increase, or one is no length.
///     TypeError: the dtype is not one of numbers.
///
/// >>> edges = Edges([0, 16, 64, 256])
/// >>> edges.bins, edges.bin(16), edges.bin(10_000)
/// (3, 1, 2)
#[pyclass(frozen, eq, hash, weakref, module = "multibin")]
#[derive(Clone, PartialEq, Hash)]
pub struct Edges(pub multibin::Edges);

/// How many candidate edges: an int, or `None` for all.
enum Candidates<'py> {
    Default,
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
            Self::Default => Ok(Some(Optimal::CANDIDATES)),
            Self::All => Ok(None),
            Self::Given(given) => positive(given, "candidates").map(Some),
        }
    }
}

#[pymethods]
impl Edges {
    #[new]
    fn new(bounds: ArrayLike<'_>) -> PyResult<Self> {
        Self::made(multibin::Edges::new(&lengths(&bounds, "bounds")?))
    }

    /// Returns bins of equal width from ``lo`` to ``hi`` (steps), which are optimal for uniform
    /// lengths (Lemma 4.1 of arXiv 2412.04504). Bins without a whole length are left out.
    ///
    /// Raises:
    ///     ValueError: ``lo`` or ``hi`` is no length, ``hi`` is not above ``lo``, or ``bins`` is
    ///         out of range.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.uniform(0, 100, 4)
    /// Edges([0, 25, 50, 75, 100])
    #[staticmethod]
    fn uniform(lo: Number<'_>, hi: Number<'_>, bins: Count<'_>) -> PyResult<Self> {
        let (lo, hi) = (length(&lo, "lo")?, length(&hi, "hi")?);
        Self::made(multibin::Edges::uniform(lo, hi, positive(&bins, "bins")?))
    }

    /// Returns at most ``bins`` bins from 0 to ``longest`` (steps) whose bounds grow by equal
    /// factors: for lengths of which only the longest is known.
    ///
    /// Raises:
    ///     ValueError: ``longest`` is 0 or no length, or ``bins`` is out of range.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.geometric(1000, 3)
    /// Edges([0, 16, 126, 1000])
    #[staticmethod]
    fn geometric(py: Python<'_>, longest: Number<'_>, bins: Count<'_>) -> PyResult<Self> {
        Self::up_to(py, length(&longest, "longest")?, positive(&bins, "bins")?)
    }

    /// Returns the fewest bins that pad no length from ``lo`` to ``hi`` by more than ``padding``,
    /// for fixed shapes.
    ///
    /// A bin's lengths are padded to its longest one, ``bounds[i + 1] - 1``. Of that padded length
    /// at most the share ``padding`` is padding. So ``edges.bounds[1:] - 1`` are the shapes, and
    /// the last is ``hi``. Lengths below ``lo`` are padded more; those above ``hi`` do not fit.
    ///
    /// Raises:
    ///     ValueError: ``lo`` or ``hi`` is no length, or ``hi`` is not above ``lo``. Also if
    ///         ``padding`` is not at least 0 and below 1, or needs more than 4,096 bins.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.bounded(64, 160, padding=0.25)  # Shapes of 85, 114, 153 and 160.
    /// Edges([64, 86, 115, 154, 161])
    #[staticmethod]
    #[pyo3(signature = (lo, hi, padding: "float" = 0.25))]
    fn bounded(
        lo: Number<'_>,
        hi: Number<'_>,
        #[pyo3(from_py_with = number::padding)] padding: f64,
    ) -> PyResult<Self> {
        let (lo, hi) = (length(&lo, "lo")?, length(&hi, "hi")?);
        Self::made(multibin::Edges::bounded(lo, hi, padding))
    }

    /// Returns bins of equal mass in ``sample`` (lengths in steps, shape ``[n]``). Ties may leave
    /// fewer than ``bins``.
    ///
    /// Raises:
    ///     ValueError: the sample is empty or has a value that is no length, or ``bins`` is out of
    ///         range.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.quantile(range(100), 4)
    /// Edges([0, 25, 50, 75, 100])
    #[staticmethod]
    fn quantile(py: Python<'_>, sample: ArrayLike<'_>, bins: Count<'_>) -> PyResult<Self> {
        let (sample, bins) = (lengths(&sample, "sample")?, positive(&bins, "bins")?);
        Self::made(py.detach(|| multibin::Edges::quantile(&sample, bins)))
    }

    /// Returns at most ``bins`` bins with the highest throughput in saturation.
    ///
    /// They minimise the mean over requests of E[longest of ``batch_size`` | bin] (Proposition 4.1
    /// of arXiv 2412.04504), by dynamic programming. Fewer distinct lengths give fewer bins. Time
    /// and memory grow with the number of candidates:
    ///
    /// | | time grows with | memory grows with |
    /// |---|---|---|
    /// | without ``actual`` | c·d | c·``bins`` |
    /// | with ``actual`` | c²·512, without ``monotone`` also c²·``bins`` | c·(``bins`` + 512) |
    ///
    /// Here c are the candidates and d the distinct lengths. 20,000 lengths take about 5 ms, and
    /// 20,000 pairs about 15 ms. With ``candidates=None``, 20,000 distinct lengths take 1 s, and
    /// as many distinct predictions with ``actual`` a minute. 200,000 lengths take a minute or
    /// more. Ctrl-C waits until the end.
    ///
    /// Args:
    ///     sample: lengths in steps, shape ``[n]``, that are known exactly when requests arrive;
    ///         with ``actual``, predicted lengths.
    ///     bins: the most bins.
    ///     batch_size: the rows of a full batch.
    ///     candidates: the most edges to choose from, at least ``bins``. Of more distinct lengths,
    ///         the candidates are equally far apart in the sum of √(requests × gap to the next
    ///         length). ``None``: one at each distinct length, the exact optimum of the sample.
    ///     actual: the actual lengths of the requests of ``sample``, in steps, shape ``[n]``. Bins
    ///         of predictions then minimise the mean of E[longest actual length of ``batch_size`` |
    ///         bin]. At most 512 actual lengths are told apart.
    ///     monotone: assume that longer predictions imply stochastically longer requests. For each
    ///         x, isotonic regression estimates the shares of requests no longer than x. False: the
    ///         shares are those of the pairs, which with few pairs for each bin fits their noise.
    ///
    /// Raises:
    ///     ValueError: the sample is empty or has a value that is no length, or a number is out of
    ///         range. Also if the arrays differ in size, or ``monotone`` is false without
    ///         ``actual``.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.optimal([1, 2, 10, 11, 100, 101], bins=3, batch_size=4)
    /// Edges([1, 3, 12, 102])
    #[staticmethod]
    #[pyo3(
        signature = (sample, bins, batch_size, candidates = Candidates::Default, *, actual = None, monotone: "bool" = true),
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
            return Err(wrong_value("monotone", "True without actual", &PyBool::new(py, false)));
        }
        let sample = lengths(&sample, "sample")?;
        let actual = actual.map(|given| lengths(&given, "actual")).transpose()?;
        let optimal = Optimal {
            bins: positive(&bins, "bins")?,
            batch_size: positive(&batch_size, "batch_size")?,
            candidates: candidates.number()?,
        };
        Self::made(py.detach(|| match actual {
            None => optimal.fit(&sample),
            Some(actual) => optimal.fit_pairs(&sample, &actual, monotone),
        }))
    }

    /// Returns at most ``bins`` levels for requests that climb from the first bin without a
    /// prediction.
    ///
    /// The bounds l minimise Σᵢ S(lᵢ₋₁)·(lᵢ − lᵢ₋₁ + ``overhead``). S is the survival function of
    /// ``sample``.
    ///
    /// Args:
    ///     sample: lengths in steps, shape ``[n]``.
    ///     bins: the most levels.
    ///     overhead: the cost of a move and of a batch's fixed part, in steps.
    ///
    /// Raises:
    ///     ValueError: the sample is empty or has a value that is no length, ``bins`` is out of
    ///         range, or ``overhead`` is negative or not finite.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> Edges.feedback([10] * 90 + [100] * 10, bins=2, overhead=2.0)
    /// Edges([0, 10, 100])
    #[staticmethod]
    fn feedback(
        py: Python<'_>,
        sample: ArrayLike<'_>,
        bins: Count<'_>,
        overhead: Number<'_>,
    ) -> PyResult<Self> {
        let overhead = float(&overhead, "overhead")?;
        let (sample, bins) = (lengths(&sample, "sample")?, positive(&bins, "bins")?);
        Self::made(py.detach(|| multibin::Edges::feedback(&sample, bins, overhead)))
    }

    /// The bounds in steps, shape ``[bins + 1]``.
    ///
    /// >>> Edges([0, 16, 64]).bounds.tolist()
    /// [0, 16, 64]
    #[getter]
    fn bounds<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        Array::collect(py, self.0.bounds().iter().copied())
    }

    /// The number of bins.
    ///
    /// >>> Edges([0, 16, 64]).bins
    /// 2
    #[getter]
    fn bins(&self) -> usize {
        self.0.bins()
    }

    /// Returns the bin of one length, in steps.
    ///
    /// Raises:
    ///     ValueError: the length is negative, infinite or NaN.
    ///     TypeError: it is no number.
    ///
    /// >>> Edges([0, 16, 64]).bin(15.5)
    /// 1
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
    /// Returns bins whose bounds grow geometrically.
    pub fn up_to(py: Python<'_>, longest: u32, bins: usize) -> PyResult<Self> {
        match longest {
            0 => Err(wrong_value("longest", "at least 1", &PyInt::new(py, 0))),
            _ => Self::made(multibin::Edges::geometric(longest, bins)),
        }
    }

    fn made(edges: Result<multibin::Edges, multibin::EdgesError>) -> PyResult<Self> {
        edges.map(Self).map_err(errors::value)
    }
}

/// Converts the required argument `edges`.
pub fn required(given: &Bound<'_, PyAny>) -> PyResult<Py<Edges>> {
    extract(given, "edges", "an Edges")
}

/// Converts the argument `edges` that may be left out.
pub fn optional(given: &Bound<'_, PyAny>) -> PyResult<Option<Py<Edges>>> {
    extract(given, "edges", "an Edges or None")
}
