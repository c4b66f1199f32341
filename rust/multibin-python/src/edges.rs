use std::fmt::Write;

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::arrays::{Array, lengths};
use crate::convert::{ArrayLike, Count, Number, count, float, length};
use crate::errors;

/// The map from a length to its bin: ``bins + 1`` increasing bounds, in steps.
///
/// Bins are half-open, ``[bounds[i], bounds[i + 1])``. Lengths below the first bound belong to
/// the first bin, and the last bin has no upper end. Bounds are rounded up to whole steps.
///
/// Raises ``ValueError`` for fewer than two bounds, or bounds that do not increase.
#[pyclass(frozen, eq, hash, module = "multibin")]
#[derive(Clone, PartialEq, Hash)]
pub struct Edges(pub multibin::Edges);

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

    /// Bins of equal mass in ``sample`` (lengths in steps, shape ``[n]``); ties may leave fewer.
    ///
    /// Raises ``ValueError`` for an empty sample or one with a value that is not a length.
    #[staticmethod]
    fn quantile(py: Python<'_>, sample: ArrayLike<'_>, bins: Count<'_>) -> PyResult<Self> {
        let (sample, bins) = (lengths(&sample, "sample")?, count(&bins, "bins")?);
        Self::made(py.detach(|| multibin::Edges::quantile(&sample, bins)))
    }

    /// Bins that minimise the mean over requests of E[longest of ``batch_size`` | bin] on
    /// ``sample`` (lengths in steps, shape ``[n]``), and so have the highest throughput in
    /// saturation (Proposition 4.1 of arXiv 2412.04504). By dynamic programming; exact up to
    /// 1,024 distinct lengths. Fewer distinct lengths give fewer bins.
    ///
    /// Raises ``ValueError`` for an empty sample or one with a value that is not a length.
    #[staticmethod]
    fn optimal(
        py: Python<'_>,
        sample: ArrayLike<'_>,
        bins: Count<'_>,
        batch_size: Count<'_>,
    ) -> PyResult<Self> {
        let (sample, bins) = (lengths(&sample, "sample")?, count(&bins, "bins")?);
        let batch_size = count(&batch_size, "batch_size")?;
        Self::made(py.detach(|| multibin::Edges::optimal(&sample, bins, batch_size)))
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
        let mut text = String::from("Edges([");
        for (i, bound) in self.0.bounds().iter().enumerate() {
            let _ = write!(text, "{}{bound}", if i == 0 { "" } else { ", " });
        }
        text + "])"
    }
}

impl Edges {
    fn made(edges: Result<multibin::Edges, multibin::EdgesError>) -> PyResult<Self> {
        edges.map(Self).map_err(errors::value)
    }
}
