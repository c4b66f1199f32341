use multibin::costs::BatchTimes;
use pyo3::prelude::*;

use crate::convert::arguments::{ArrayLike, Count};
use crate::convert::arrays::{floats, lengths};
use crate::convert::scalars::positive;
use crate::edges::Edges;
use crate::interpreter::errors;

/// Chooses bins and a batch size for each, by the seconds of batches.
///
/// ``multibin.CostTable.bins`` calls it and documents the arguments.
///
/// Args:
///     rows: numbers of rows, increasing, shape ``[r]``.
///     lengths: lengths, increasing, shape ``[t]``.
///     seconds: the flat grid of seconds.
///     sample: lengths of requests, shape ``[n]``.
///     bins: the most bins.
///     batch_size: the most rows of a batch.
///
/// Raises:
///     ValueError: the sample is empty, or a value is out of range.
///     TypeError: an argument has a wrong type.
///
/// >>> bins([1, 4], [10, 1000], [1.0, 1.0, 1.0, 4.0], [10, 10, 1000, 1000], 8, 4)
/// (Edges([10, 11, 1001]), [4, 1])
#[pyfunction]
pub fn bins(
    py: Python<'_>,
    rows: ArrayLike<'_>,
    lengths: ArrayLike<'_>,
    seconds: ArrayLike<'_>,
    sample: ArrayLike<'_>,
    bins: Count<'_>,
    batch_size: Count<'_>,
) -> PyResult<(Edges, Vec<u32>)> {
    let sample = self::lengths(&sample, "sample")?;
    let (bins, batch_size) = (positive(&bins, "bins")?, positive(&batch_size, "batch_size")?);
    let (rows, lengths) = (self::lengths(&rows, "rows")?, self::lengths(&lengths, "lengths")?);
    let times = BatchTimes::new(rows, lengths, floats(&seconds, "seconds")?, batch_size);
    let times = times.map_err(errors::value)?;
    let (edges, sizes) = py.detach(|| times.bins(&sample, bins)).map_err(errors::value)?;
    Ok((Edges(edges), sizes))
}
