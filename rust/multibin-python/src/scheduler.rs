use multibin::{Change, Config, Fill, Order, Overrun, Reason, Stats};
use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::arrays::{keys, lengths};
use crate::awaiting::Awaitable;
use crate::batch::Batch;
use crate::convert::{ArrayLike, Count, Maybe, Number, choose, count, key, length, seconds};
use crate::edges::Edges;
use crate::errors;
use crate::wait::detached;
use crate::worker::{BatchIterator, Worker};

/// Groups requests of similar predicted length and hands out batches.
///
/// ``edges`` maps lengths to bins; ``batch_size`` is the rows of a full batch; ``capacity`` the
/// most requests that wait or are leased (``None``: 65,536); after ``max_wait`` seconds in a queue a request is
/// overdue and leads one of the next batches. ``fill="elastic"``: nobody waits for a full bin, the oldest
/// request leads, topped up from the nearest bins; ``"strict"``: only full bins leave (Algorithm 1
/// of arXiv 2412.04504). ``order``: which full bin goes first, ``"formed"`` (the paper, the
/// default) or ``"oldest"`` (the default with climbing). ``overrun="climb"``: batches have a
/// ``limit`` of steps, and who is unfinished then is resubmitted to a higher bin; ``"recompute"``: the
/// same for back-ends that cannot keep state, so that who climbs starts over. While ``max_parked``
/// climbers wait, a worker that may take one starts nobody but overdue requests. ``max_bins``: the
/// most bins that ``reconfigure`` may bring (``None``: those of ``edges``).
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
    #[pyo3(signature = (edges, batch_size, *, capacity: "int | None" = None, max_wait = None, fill = "elastic", order = None, overrun = "finish", max_parked = None, max_bins: "int | None" = None))]
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
        max_bins: Option<Count<'_>>,
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
            max_bins: max_bins.map(|most| count(&most, "max_bins")).transpose()?,
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
        self.default_worker(py)?.get().next_batch(py, timeout)
    }

    /// The next batch for the scheduler's own default worker; as ``Worker.next_batch_async``.
    #[pyo3(signature = (timeout = None))]
    fn next_batch_async(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<Awaitable> {
        Worker::next_batch_async(self.default_worker(py)?.clone_ref(py), timeout)
    }

    /// Takes a request back that waits: true if it will not be delivered, false if it was, or was
    /// cancelled before. Its capacity is free at once. Any thread; takes the forming lock.
    fn cancel(&self, ticket: Count<'_>) -> PyResult<bool> {
        Ok(self.inner.cancel(count(&ticket, "ticket")?))
    }

    /// Changes edges, batch size and waits while requests flow; what is not given stays, and
    /// ``None`` takes ``max_wait`` or ``max_parked`` away. Who waits stays in its bin, and who comes
    /// from now on goes to the new ones. More bins than at the start need ``max_bins``.
    ///
    /// Raises ``ValueError`` for a value out of range; nothing is changed then.
    #[pyo3(signature = (*, edges: "Edges | None" = None, batch_size: "int | None" = None, max_wait: "float | None" = Maybe::Keep, max_parked: "int | None" = Maybe::Keep))]
    fn reconfigure(
        &self,
        edges: Option<&Bound<'_, Edges>>,
        batch_size: Option<Count<'_>>,
        max_wait: Maybe<'_>,
        max_parked: Maybe<'_>,
    ) -> PyResult<()> {
        let change = Change {
            edges: edges.map(|edges| edges.get().0.clone()),
            batch_size: batch_size.map(|rows| count(&rows, "batch_size")).transpose()?,
            max_wait: max_wait.map(|wait| seconds(&Number(wait), "max_wait"))?,
            max_parked: max_parked.map(|most| count(&Count(most), "max_parked"))?,
        };
        self.inner.reconfigure(&change).map_err(errors::config)
    }

    /// Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
    fn close(&self) {
        self.inner.close();
    }

    /// Closes, and waits without the GIL, up to ``timeout`` seconds (``None``: for ever), until
    /// nothing waits and nothing is leased. The batches must be taken by other threads.
    ///
    /// Raises ``TimeoutError`` when the time is over; the scheduler stays closed.
    #[pyo3(signature = (timeout = None))]
    fn drain(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let drained = detached(py, timeout, |slice| self.inner.drain(Some(slice)).then_some(()));
        drained?.ok_or_else(|| {
            let Stats { waiting, leased, .. } = self.inner.stats();
            PyTimeoutError::new_err(format!("drain: {waiting} wait and {leased} are leased"))
        })
    }

    /// Whether ``close()`` was called.
    #[getter]
    fn closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// The edges in use.
    #[getter]
    fn edges(&self) -> Edges {
        Edges(self.inner.edges())
    }

    /// A snapshot of the counters: ``submitted + resubmitted == taken + cancelled +
    /// waiting`` and ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
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
            ("cancelled", stats.cancelled),
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

    /// Iterates over the batches of a new worker, for ``async for``.
    fn __aiter__(&self, py: Python<'_>) -> PyResult<BatchIterator> {
        self.__iter__(py)
    }
}

impl Scheduler {
    fn default_worker(&self, py: Python<'_>) -> PyResult<&Py<Worker>> {
        self.default.get_or_try_init(py, || Py::new(py, self.worker()))
    }
}

fn parse_order(order: &str) -> PyResult<Order> {
    choose("order", order, &[("formed", Order::Formed), ("oldest", Order::Oldest)])
}
