use std::sync::{Mutex, MutexGuard, PoisonError};

use multibin::{ConfigError, Gate as CoreGate};
use pyo3::prelude::*;

use crate::arrays::{one_or_more_lengths, pairs};
use crate::convert::{ArrayLike, Count, count};
use crate::edges::Edges;
use crate::errors;
use crate::named::instance;

/// Whether binning pays, judged by what the predictions of finished requests were worth.
///
/// Over the last ``window`` requests, with a predicted and an actual length each,
///
///     gain = E[longest of B] ÷ Σ mass of bin · E[longest of B | bin],
///
/// B the ``batch_size`` and a request's bin that of its prediction in ``edges``: the throughput in
/// saturation with these bins over that with one (Proposition 4.1 of arXiv 2412.04504).
/// Predictions that tell nothing gain nothing, and neither do lengths that are alike. Below a gain
/// of ``CLOSES_AT`` the gate closes, above ``OPENS_AT`` it opens again, by more than chance. Until ``WINDOW``
/// requests are known, ten a bin, it is open; until ``window`` are it closes only for a gain of next
/// to nothing. Any thread may call it.
///
/// Each bin keeps its own last requests, and weighs what it has of the traffic: which bins are served
/// first does not matter to a gate that is told of the arrivals as well. The estimate has no bias
/// where predictions tell nothing. Where a bin keeps fewer requests than a batch has, it is that of
/// smaller batches.
///
/// While it is closed, requests go to the first bin:
///
///     scheduler.submit(key, predicted if gate.is_open else 0)
///     gate.arrive(predicted)
///     ...
///     gate.observe(predicted, actual)                         # when the request is finished
///
/// Raises ``ValueError`` for a batch size out of range.
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Gate(Mutex<CoreGate>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, CoreGate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Gate {
    /// The least requests that are looked at.
    #[classattr]
    const WINDOW: usize = CoreGate::WINDOW;
    /// The least new requests after which the gain is computed again.
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
        #[pyo3(from_py_with = instance::edges)] edges: Py<Edges>,
        batch_size: Count<'_>,
    ) -> PyResult<Self> {
        match count(&batch_size, "batch_size")? {
            0 => Err(errors::config(ConfigError::BatchSize)),
            rows => Ok(Self(Mutex::new(CoreGate::new(edges.get().0.clone(), rows)))),
        }
    }

    /// Requests are finished, in this order: the steps that were predicted of each and those that
    /// it took. Two numbers (ints, or finite floats that are rounded up), or two arrays of any
    /// integer or float dtype, shape ``[n]``. Everything is checked before the first is counted.
    ///
    /// Raises ``ValueError`` or ``TypeError`` for a wrong length or for unlike sizes.
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

    /// Requests arrive: the steps that were predicted of each, a number or an array of shape ``[n]``.
    /// Optional: without it the requests that finish are taken for a fair sample of those that arrive,
    /// which they are not where short ones are served first or bins wait to be full.
    ///
    /// Raises ``ValueError`` or ``TypeError`` for a wrong length.
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

    /// How many requests are looked at: two batches of each bin and ten in all, at least
    /// ``WINDOW`` and at most
    /// 32,768. The gain is computed every eighth of it, at least ``EVERY``.
    #[getter]
    fn window(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().window())
    }

    /// Whether binning pays: the gate is open.
    #[getter]
    fn is_open(&self, py: Python<'_>) -> bool {
        py.detach(|| self.lock().is_open())
    }

    /// What bins gain in throughput as a factor, the mean of the last looks; ``None`` until some
    /// requests are known of nearly all bins.
    #[getter]
    fn gain(&self, py: Python<'_>) -> Option<f64> {
        py.detach(|| self.lock().gain())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let gain = self.gain(py).map_or("None".to_owned(), |gain| format!("{gain:.3}"));
        let is_open = if self.is_open(py) { "True" } else { "False" };
        format!("Gate(is_open={is_open}, gain={gain})")
    }
}
