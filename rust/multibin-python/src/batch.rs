use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use multibin::Row;
use pyo3::prelude::*;

use crate::adapt;
use crate::convert::arguments::ArrayLike;
use crate::convert::arrays::{lengths, positions};
use crate::convert::named::flag;
use crate::convert::ndarray::{Array, Scalar};
use crate::convert::refusal::wrong_size;
use crate::convert::words::ReasonWord;
use crate::interpreter::errors;
use crate::shared::Shared;

/// Leases requests to a worker, to run together. The lease ends by ``done()``, or at the end of
/// ``with batch:``.
///
/// A batch that is dropped before its end counts its rows as lost, with a ``ResourceWarning``. It
/// keeps its worker alive.
///
/// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
/// >>> first = scheduler.submit_many([7, 8], [5, 6])
/// >>> with scheduler.worker().next_batch(0) as batch:
/// ...     batch.keys.tolist(), batch.reason
/// ([7, 8], 'light_load')
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Batch {
    inner: multibin::Batch,
    shared: Arc<Shared>,
    /// The worker, dropped after the batch: climbers are the worker's until both are gone.
    _worker: Py<PyAny>,
    /// The thread that is in its `with` block, until the lease ends.
    entered: Mutex<Option<ThreadId>>,
}

impl Batch {
    pub fn new(inner: multibin::Batch, shared: Arc<Shared>, worker: Py<PyAny>) -> Self {
        Self { inner, shared, _worker: worker, entered: Mutex::default() }
    }

    /// Returns the core's batch, unless this is a forked child.
    pub fn core(&self) -> PyResult<&multibin::Batch> {
        self.shared.check_fork().map(|()| &self.inner)
    }

    /// Notes the thread in the `with` block of the batch.
    fn replace(&self, entered: Option<ThreadId>) {
        let mut last = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = std::mem::replace(&mut *last, entered) {
            self.shared.leave(thread);
        }
    }

    fn array<'py, T: Scalar>(&self, py: Python<'py>, of: impl Fn(&Row) -> T) -> Array<'py, T> {
        Array::collect(py, self.inner.rows().iter().map(of))
    }
}

#[pymethods]
impl Batch {
    /// The callers' keys, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.keys.tolist()
    /// [7]
    #[getter]
    fn keys<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        self.array(py, |row| row.key)
    }

    /// The tickets that ``submit`` returned, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.tickets.tolist() == [ticket]
    /// True
    #[getter]
    fn tickets<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        self.array(py, |row| row.ticket)
    }

    /// The keys of requests whose ``ttl`` ended before they started, shape ``[n]``.
    ///
    /// Each is reported once: by the next batch, by a batch without rows, or by
    /// ``Scheduler.expired``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5, ttl=0)
    /// >>> scheduler.worker().next_batch(0).expired.tolist()
    /// [7]
    #[getter]
    fn expired<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        Array::collect(py, self.inner.expired().iter().map(|expired| expired.key))
    }

    /// The tickets of the expired requests, shape ``[n]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5, ttl=0)
    /// >>> scheduler.worker().next_batch(0).expired_tickets.tolist() == [ticket]
    /// True
    #[getter]
    fn expired_tickets<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        Array::collect(py, self.inner.expired().iter().map(|expired| expired.ticket))
    }

    /// The predicted steps of each row since its arrival, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.lengths.tolist()
    /// [5]
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.length)
    }

    /// The cost of each row, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.costs.tolist()
    /// [5]
    #[getter]
    fn costs<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.cost)
    }

    /// The steps done since arrival, shape ``[rows]``; 0 for a row that was never resubmitted.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.progress.tolist()
    /// [0]
    #[getter]
    fn progress<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.progress)
    }

    /// The seconds that each row waited since it last entered a queue, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     bool(batch.waits[0] >= 0)
    /// True
    #[getter]
    fn waits<'py>(&self, py: Python<'py>) -> Array<'py, f64> {
        Array::collect(py, self.inner.waits().map(|wait| wait.as_secs_f64()))
    }

    /// The seconds since each row arrived, shape ``[rows]``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     bool(batch.ages[0] >= batch.waits[0])
    /// True
    #[getter]
    fn ages<'py>(&self, py: Python<'py>) -> Array<'py, f64> {
        Array::collect(py, self.inner.ages().map(|age| age.as_secs_f64()))
    }

    /// The most steps that a row may run in this batch; ``None``: until it is finished. With
    /// ``overrun="recompute"`` they count from the first step, and may be fewer than ``progress``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     print(batch.limit)
    /// None
    #[getter]
    fn limit(&self) -> Option<u32> {
        self.inner.limit()
    }

    /// The bin of the leading request.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.bin
    /// 0
    #[getter]
    #[pyo3(name = "bin")]
    fn lead_bin(&self) -> usize {
        self.inner.bin()
    }

    /// Why the batch left: ``"light_load"``, ``"overdue"``, ``"full"``, ``"elastic"``, ``"drain"``,
    /// or ``"expired"`` without rows.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 2)
    /// >>> first = scheduler.submit_many([7, 8, 9, 10], [5, 6, 7, 8])
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.reason
    /// 'full'
    #[getter]
    fn reason(&self) -> ReasonWord {
        ReasonWord(self.inner.reason().name())
    }

    /// Resubmits unfinished rows, which climb.
    ///
    /// Each enters the bin of its length or of its ``progress``, whichever is higher, behind those
    /// that wait there. The capacity never refuses it.
    ///
    /// Args:
    ///     rows: distinct positions in this batch, or a bool mask, shape ``[rows]``.
    ///     progress: the steps done since arrival, one for each resubmitted row, and at least the
    ///         ``progress`` that it had before. It may be the same: the row was not run, or began
    ///         again. Nothing ends a row that never makes one more step.
    ///     anywhere: let any worker take them, not only the worker of this batch.
    ///
    /// Raises:
    ///     ValueError: a position is wrong, a row is named twice, or a progress is less than
    ///         before. Nothing is resubmitted then.
    ///     TypeError: an array has a wrong dtype.
    ///     RuntimeError: the batch is done.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8, overrun="climb")
    /// >>> worker, ticket = scheduler.worker(), scheduler.submit(7, 5)
    /// >>> with worker.next_batch(0) as batch:
    /// ...     batch.resubmit([0], [batch.limit])
    /// >>> with worker.next_batch(0) as batch:
    /// ...     batch.bin, batch.progress.tolist()
    /// (1, [16])
    #[pyo3(signature = (rows, progress, *, anywhere: "bool" = false))]
    fn resubmit(
        &self,
        rows: ArrayLike<'_>,
        progress: ArrayLike<'_>,
        #[pyo3(from_py_with = flag::anywhere)] anywhere: bool,
    ) -> PyResult<()> {
        let rows = positions(&rows, self.inner.rows().len())?;
        let progress = lengths(&progress, "progress")?;
        if rows.len() != progress.len() {
            return Err(wrong_size("progress", rows.len(), "rows", progress.len()));
        }
        let rows: Vec<_> = rows.into_iter().zip(progress).collect();
        self.core()?.resubmit(&rows, anywhere).map_err(errors::resubmit)
    }

    /// Reports the steps that finished rows took: to ``adapt``, as ``Scheduler.observe`` does, and
    /// to the recording. Report rows that climb once they are finished.
    ///
    /// Args:
    ///     actual: the steps of each row since its arrival, shape ``[n]``.
    ///     rows: positions in this batch, shape ``[n]``, or a bool mask; ``None``: all rows.
    ///     prompt_tokens: the tokens of their prompts, for the recording, shape ``[n]``.
    ///
    /// Raises:
    ///     ValueError: a position is wrong, or the shapes differ.
    ///     TypeError: an array has a wrong dtype.
    ///     RuntimeError: the batch is done.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> with scheduler.worker().next_batch(0) as batch:
    /// ...     batch.observe([6])
    #[pyo3(signature = (actual, *, rows = None, prompt_tokens = None))]
    fn observe(
        &self,
        py: Python<'_>,
        actual: ArrayLike<'_>,
        rows: Option<ArrayLike<'_>>,
        prompt_tokens: Option<ArrayLike<'_>>,
    ) -> PyResult<()> {
        let len = self.inner.rows().len();
        let rows = rows.map_or_else(|| Ok((0..len).collect()), |rows| positions(&rows, len))?;
        let each = |given: &ArrayLike<'_>, name: &str| {
            let values = lengths(given, name)?;
            if values.len() == rows.len() {
                return Ok(values);
            }
            Err(wrong_size(name, rows.len(), "rows", values.len()))
        };
        let prompts = prompt_tokens.map(|prompts| each(&prompts, "prompt_tokens")).transpose()?;
        let actual = each(&actual, "actual")?;
        let observed: Vec<_> = rows.iter().copied().zip(actual).collect();
        let (batch, prompts) = (self.core()?, prompts.unwrap_or_default());
        py.detach(|| batch.observe(&observed, &prompts)).map_err(errors::observe)?;
        adapt::log(py, &self.shared.scheduler().events())
    }

    /// Ends the lease: all rows are finished, except those that were resubmitted. A second call
    /// does nothing.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5)
    /// >>> scheduler.worker().next_batch(0).done()
    /// >>> scheduler.stats()["done"]
    /// 1
    fn done(&self) -> PyResult<()> {
        self.core()?.done();
        self.replace(None);
        Ok(())
    }

    fn __len__(&self) -> usize {
        self.inner.rows().len()
    }

    fn __enter__(this: Py<Self>) -> PyResult<Py<Self>> {
        let batch = this.get();
        if !batch.core()?.is_done() {
            batch.replace(Some(batch.shared.enter()));
        }
        Ok(this)
    }

    /// Finishes the batch; if the body raised, its rows count as lost. In a forked child it does
    /// nothing, so that the exception of the block propagates.
    #[pyo3(signature = (kind = None, value = None, traceback = None))]
    fn __exit__(
        &self,
        kind: Option<Bound<'_, PyAny>>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) {
        let _ = (value, traceback);
        if self.shared.is_forked() {
            return;
        }
        if kind.is_some() {
            self.inner.abandon();
        } else {
            self.inner.done();
        }
        self.replace(None);
    }

    fn __repr__(&self) -> String {
        let (rows, bin, reason) = (self.inner.rows().len(), self.inner.bin(), self.inner.reason());
        let limit = self.inner.limit().map_or("None".to_owned(), |limit| limit.to_string());
        let held = if self.shared.is_forked() {
            "made before a fork".to_owned()
        } else {
            format!("held={}", self.inner.held())
        };
        format!("Batch(rows={rows}, bin={bin}, reason={:?}, limit={limit}, {held})", reason.name())
    }
}

impl Drop for Batch {
    /// Gives up the rows, then warns.
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let rows = self.inner.held();
        self.inner.abandon();
        self.replace(None);
        if rows > 0 {
            self.shared.warn_of_lost(rows);
        }
    }
}
