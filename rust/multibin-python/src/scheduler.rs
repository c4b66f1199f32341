use multibin::{Config, Fill, Order, Overrun, Reason};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::arrays::{keys, lengths};
use crate::batch::Batch;
use crate::convert::{ArrayLike, Count, Number, choose, count, key, length, seconds};
use crate::edges::Edges;
use crate::errors;
use crate::worker::{BatchIterator, Worker};

/// Groups requests of similar predicted length and hands out batches.
///
/// ``edges`` maps lengths to bins; ``batch_size`` is the rows of a full batch; ``capacity`` the
/// most requests that wait or are leased (``None``: 65,536); after ``max_wait`` seconds in a queue a request is
/// overdue and leads one of the next batches. ``fill="elastic"``: nobody waits for a full bin, the oldest
/// request leads, topped up from the nearest bins; ``"strict"``: only full bins leave (Algorithm 1
/// of arXiv 2412.04504). ``order``: which full bin goes first, ``"formed"`` (the paper, the
/// default) or ``"oldest"`` (the default with climbing). ``overrun="climb"``: batches have a
/// ``limit`` of steps, which takes half of their rows to the ends of their bins, and who is unfinished
/// then is resubmitted to the bin of its progress; ``"recompute"``: the same for back-ends that cannot
/// keep state, so that who climbs starts over. While ``max_parked`` climbers wait, a worker that may
/// take one starts nobody but overdue requests.
///
/// Raises ``ValueError`` for a value out of range.
#[pyclass(frozen, module = "multibin")]
pub struct Scheduler {
    pub inner: multibin::Scheduler,
    /// The worker of ``next_batch``.
    default: PyOnceLock<Py<Worker>>,
}

#[pymethods]
impl Scheduler {
    #[new]
    #[pyo3(signature = (edges, batch_size, *, capacity: "int | None" = None, max_wait = None, fill = "elastic", order = None, overrun = "finish", max_parked = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the class")]
    fn new(
        edges: &Bound<'_, Edges>,
        batch_size: Count<'_>,
        capacity: Option<Count<'_>>,
        max_wait: Option<Number<'_>>,
        fill: &str,
        order: Option<&str>,
        overrun: &str,
        max_parked: Option<Count<'_>>,
    ) -> PyResult<Self> {
        let config = Config {
            batch_size: count(&batch_size, "batch_size")?,
            capacity: capacity.map_or(Ok(65_536), |given| count(&given, "capacity"))?,
            max_wait: max_wait.map(|wait| seconds(&wait, "max_wait")).transpose()?,
            fill: choose("fill", fill, &[("elastic", Fill::Elastic), ("strict", Fill::Strict)])?,
            order: order.map(parse_order).transpose()?,
            overrun: choose(
                "overrun",
                overrun,
                &[
                    ("finish", Overrun::Finish),
                    ("climb", Overrun::Climb),
                    ("recompute", Overrun::Recompute),
                ],
            )?,
            max_parked: max_parked.map(|most| count(&most, "max_parked")).transpose()?,
        };
        let inner = multibin::Scheduler::new(edges.get().0.clone(), config);
        Ok(Self { inner: inner.map_err(errors::config)?, default: PyOnceLock::new() })
    }

    /// Accepts a request and returns its ticket. ``key`` is the caller's (0 to 2⁶⁴ − 1),
    /// ``length`` the predicted steps (an int, or a finite float that is rounded up). Any thread.
    ///
    /// Raises ``FullError`` at capacity, ``ClosedError`` after ``close()``, ``ValueError`` or
    /// ``TypeError`` for a wrong key or length.
    fn submit(&self, key: Count<'_>, length: Number<'_>) -> PyResult<u64> {
        let length = self::length(&length, "length")?;
        self.inner.submit(self::key(&key)?, length).map_err(errors::submit)
    }

    /// Accepts requests in bulk, in order, without the GIL: ``keys`` (uint64, or int64 without
    /// negative ones, shape ``[n]``) and ``lengths`` (any integer or float dtype, shape ``[n]``).
    /// Returns the first ticket; the others follow it. Everything is checked before the first is
    /// accepted.
    ///
    /// Raises ``FullError`` at capacity, whose ``accepted`` says how many were accepted (a
    /// prefix), ``ClosedError`` after ``close()``, ``ValueError`` or ``TypeError`` for wrong
    /// arrays.
    fn submit_many(
        &self,
        py: Python<'_>,
        keys: ArrayLike<'_>,
        lengths: ArrayLike<'_>,
    ) -> PyResult<u64> {
        let keys = self::keys(&keys, "keys")?;
        let lengths = self::lengths(&lengths, "lengths")?;
        if keys.len() != lengths.len() {
            let message = format!("lengths: {} values for {} keys", lengths.len(), keys.len());
            return Err(PyValueError::new_err(message));
        }
        py.detach(|| self.inner.submit_many(&keys, &lengths)).map_err(errors::submit)
    }

    /// A new worker.
    fn worker(&self) -> Worker {
        Worker(self.inner.worker())
    }

    /// The next batch for the scheduler's own default worker; as ``Worker.next_batch``.
    #[pyo3(signature = (timeout = None))]
    fn next_batch(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Batch> {
        let worker = self.default.get_or_try_init(py, || Py::new(py, self.worker()))?;
        worker.get().next_batch(py, timeout)
    }

    /// Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
    fn close(&self) {
        self.inner.close();
    }

    /// Whether ``close()`` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// The edges in use.
    #[getter]
    fn edges(&self) -> Edges {
        Edges(self.inner.edges().clone())
    }

    /// A snapshot of the counters: ``submitted + resubmitted == taken + waiting`` and
    /// ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
    /// went away, ``batches`` the batches by reason.
    #[pyo3(signature = () -> "dict[str, int | dict[str, int]]")]
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner.stats();
        let counters = PyDict::new(py);
        for (name, count) in [
            ("submitted", stats.submitted),
            ("taken", stats.taken),
            ("resubmitted", stats.resubmitted),
            ("restarted", stats.restarted),
            ("done", stats.done),
            ("lost", stats.lost),
            ("waiting", stats.waiting),
            ("leased", stats.leased),
        ] {
            counters.set_item(name, count)?;
        }
        let batches = PyDict::new(py);
        for (reason, count) in Reason::ALL.iter().zip(stats.batches) {
            batches.set_item(reason.name(), count)?;
        }
        counters.set_item("batches", batches)?;
        Ok(counters)
    }

    /// Iterates over the batches of a new worker.
    fn __iter__(&self, py: Python<'_>) -> PyResult<BatchIterator> {
        Ok(BatchIterator::new(Py::new(py, self.worker())?))
    }
}

fn parse_order(order: &str) -> PyResult<Order> {
    choose("order", order, &[("formed", Order::Formed), ("oldest", Order::Oldest)])
}
