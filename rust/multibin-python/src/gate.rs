use std::sync::{Mutex, MutexGuard, PoisonError};

use multibin::{ConfigError, Gate as CoreGate};
use pyo3::prelude::*;

use crate::convert::arguments::{ArrayLike, Count};
use crate::convert::arrays::{one_or_more_lengths, pairs};
use crate::convert::scalars::positive;
use crate::convert::show;
use crate::edges::{self, Edges};
use crate::interpreter::errors;

/// Opens and closes with the gain of binning, estimated from finished requests.
///
/// Over the last ``window`` requests, with a predicted and an actual length each,
///
///     gain = E[longest of B] ÷ Σ mass of bin · E[longest of B | bin],
///
/// B the ``batch_size``. A request's bin is that of its prediction in ``edges``. The gain is the
/// throughput in saturation with these bins over that with one (Proposition 4.1 of
/// arXiv 2412.04504). It is 1 for useless predictions and for equal lengths.
///
/// Below a gain of ``CLOSES_AT`` the gate closes; above ``OPENS_AT`` it opens again. Both need a
/// difference beyond chance. Until ``WINDOW`` requests are known, ten for each bin, the gate is
/// open. Until ``window`` are known, it closes only for a gain near 1. Any thread may call it.
///
/// Each bin keeps its own last requests, weighted by its share of the traffic. With ``arrive``, the
/// estimate does not depend on which bins are served first. It has no bias where predictions are
/// useless. Where a bin keeps fewer requests than a batch has, its estimate is that of smaller
/// batches.
///
/// Args:
///     edges: the bins to judge.
///     batch_size: the rows of a full batch.
///
/// Raises:
///     ValueError: ``batch_size`` is out of range.
///     TypeError: an argument has a wrong type.
///
/// While the gate is closed, requests go to the first bin:
///
/// >>> scheduler = Scheduler(Edges([0, 50, 100]), 8)
/// >>> gate = Gate(scheduler.edges, 8)
/// >>> ticket = scheduler.submit(1, 70 if gate.is_open else 0)
/// >>> gate.arrive(70)
/// >>> gate.observe(70, 64)  # when the request is finished
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Gate(Mutex<CoreGate>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, CoreGate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Gate {
    /// The smallest window, in requests.
    #[classattr]
    const WINDOW: usize = CoreGate::WINDOW;
    /// The fewest new requests after which the gain is computed again.
    #[classattr]
    const EVERY: usize = CoreGate::EVERY;
    /// The gain below which the gate closes.
    #[classattr]
    const CLOSES_AT: f64 = CoreGate::CLOSES_AT;
    /// The gain above which it opens again.
    #[classattr]
    const OPENS_AT: f64 = CoreGate::OPENS_AT;

    #[new]
    #[pyo3(signature = (edges: "Edges", batch_size))]
    fn new(
        #[pyo3(from_py_with = edges::required)] edges: Py<Edges>,
        batch_size: Count<'_>,
    ) -> PyResult<Self> {
        match positive(&batch_size, "batch_size")? {
            0 => Err(errors::config(ConfigError::BatchSize)),
            rows => Ok(Self(Mutex::new(CoreGate::new(edges.get().0.clone(), rows)))),
        }
    }

    /// Counts finished requests, in this order.
    ///
    /// Everything is checked before the first request is counted.
    ///
    /// Args:
    ///     predicted: the predicted steps of each request: a number, or an array of any integer or
    ///         float dtype, shape ``[n]``. A float must be finite and is rounded up.
    ///     actual: the steps that each took, of as many requests.
    ///
    /// Raises:
    ///     ValueError: a length is out of range, or the sizes differ.
    ///     TypeError: an argument is neither a number nor an array of numbers.
    ///
    /// >>> gate = Gate(Edges([0, 50, 100]), 4)
    /// >>> gate.observe([10, 60] * 1000, [10, 60] * 1000)
    /// >>> gate.gain > Gate.OPENS_AT
    /// True
    fn observe(
        &self,
        py: Python<'_>,
        predicted: ArrayLike<'_>,
        actual: ArrayLike<'_>,
    ) -> PyResult<()> {
        let (predicted, actual) = pairs(&predicted, &actual)?;
        py.detach(|| {
            let mut gate = self.lock();
            predicted.iter().zip(&actual).for_each(|(&p, &a)| gate.observe(p, a));
        });
        Ok(())
    }

    /// Counts requests that arrive: the predicted steps of each, a number or an array of shape
    /// ``[n]``.
    ///
    /// Without these calls, the gate assumes that finished requests are a fair sample of those that
    /// arrive. They are not if short requests are served first, or bins wait until they are full.
    ///
    /// Raises:
    ///     ValueError: a length is out of range.
    ///     TypeError: the argument is neither a number nor an array of numbers.
    ///
    /// >>> Gate(Edges([0, 50, 100]), 4).arrive([10, 60, 70])
    fn arrive(&self, py: Python<'_>, predicted: ArrayLike<'_>) -> PyResult<()> {
        let predicted = one_or_more_lengths(&predicted, "predicted")?;
        py.detach(|| {
            let mut gate = self.lock();
            for &length in &predicted {
                gate.arrive(length);
            }
        });
        Ok(())
    }

    /// The requests of the estimate: two batches for each bin and ten in all, at least ``WINDOW``
    /// and at most 32,768. The gain is computed after an eighth of it, at least ``EVERY``.
    ///
    /// >>> Gate(Edges([0, 50, 100]), 4).window == Gate.WINDOW
    /// True
    #[getter]
    fn window(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().window())
    }

    /// The gate is open: bins gain throughput, or too few requests are known.
    ///
    /// >>> Gate(Edges([0, 50, 100]), 4).is_open
    /// True
    #[getter]
    fn is_open(&self, py: Python<'_>) -> bool {
        py.detach(|| self.lock().is_open())
    }

    /// The throughput with bins over that with one, the mean of the last estimates; ``None`` until
    /// some requests of nearly all bins are known.
    ///
    /// >>> print(Gate(Edges([0, 50, 100]), 4).gain)
    /// None
    #[getter]
    fn gain(&self, py: Python<'_>) -> Option<f64> {
        py.detach(|| self.lock().gain())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let gain = self.gain(py).map_or("None".to_owned(), |gain| format!("{gain:.3}"));
        let is_open = show::flag(self.is_open(py));
        format!("Gate(is_open={is_open}, gain={gain})")
    }
}
