use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use multibin::Row;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Array, Scalar, lengths, positions};
use crate::convert::ArrayLike;
use crate::errors;
use crate::named::flag;
use crate::shared::Shared;
use crate::words::ReasonWord;
use crate::worker::Worker;

/// Requests to run together: a lease on them, which ends by ``done()`` or by leaving ``with batch:``.
/// A batch that is dropped before it ended counts its rows as lost, with a ``ResourceWarning``. It
/// keeps its worker alive.
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Batch {
    inner: multibin::Batch,
    /// Dropped after the batch: climbers are its worker's until both are gone.
    worker: Py<Worker>,
    /// The thread that is in its `with` block, until the lease ends.
    entered: Mutex<Option<ThreadId>>,
}

impl Batch {
    pub fn new(inner: multibin::Batch, worker: Py<Worker>) -> Self {
        Self { inner, worker, entered: Mutex::default() }
    }

    fn shared(&self) -> &Shared {
        &self.worker.get().shared
    }

    /// The core's, unless this is a forked child.
    fn core(&self) -> PyResult<&multibin::Batch> {
        self.shared().check_fork().map(|()| &self.inner)
    }

    /// Notes who is in the `with` block of the batch.
    fn replace(&self, entered: Option<ThreadId>) {
        let mut last = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = std::mem::replace(&mut *last, entered) {
            self.shared().leave(thread);
        }
    }

    fn array<'py, T: Scalar>(&self, py: Python<'py>, of: impl Fn(&Row) -> T) -> Array<'py, T> {
        Array::collect(py, self.inner.rows().iter().map(of))
    }
}

#[pymethods]
impl Batch {
    /// The callers' keys, shape ``[rows]``.
    #[getter]
    fn keys<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        self.array(py, |row| row.key)
    }

    /// The tickets that ``submit`` returned, shape ``[rows]``.
    #[getter]
    fn tickets<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        self.array(py, |row| row.ticket)
    }

    /// The keys of requests whose ``ttl`` was over before they started, shape ``[n]``. Each is reported
    /// once: by the next batch that is formed, by one without rows, or by ``Scheduler.expired``.
    #[getter]
    fn expired<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        Array::collect(py, self.inner.expired().iter().map(|expired| expired.key))
    }

    /// Their tickets, shape ``[n]``.
    #[getter]
    fn expired_tickets<'py>(&self, py: Python<'py>) -> Array<'py, u64> {
        Array::collect(py, self.inner.expired().iter().map(|expired| expired.ticket))
    }

    /// Predicted steps in all, shape ``[rows]``.
    #[getter]
    fn lengths<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.length)
    }

    /// What the rows cost, shape ``[rows]``.
    #[getter]
    fn costs<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.cost)
    }

    /// Steps done since arrival, shape ``[rows]``; 0 for a request that was never resubmitted.
    #[getter]
    fn progress<'py>(&self, py: Python<'py>) -> Array<'py, u32> {
        self.array(py, |row| row.progress)
    }

    /// Seconds each row waited since it last entered a queue, shape ``[rows]``.
    #[getter]
    fn waits<'py>(&self, py: Python<'py>) -> Array<'py, f64> {
        Array::collect(py, self.inner.waits().map(|wait| wait.as_secs_f64()))
    }

    /// Seconds since each row arrived, shape ``[rows]``.
    #[getter]
    fn ages<'py>(&self, py: Python<'py>) -> Array<'py, f64> {
        Array::collect(py, self.inner.ages().map(|age| age.as_secs_f64()))
    }

    /// How many steps any row may run in this batch; ``None``: until it is finished.
    #[getter]
    fn limit(&self) -> Option<u32> {
        self.inner.limit()
    }

    /// The bin of the request that led.
    #[getter]
    #[pyo3(name = "bin")]
    fn lead_bin(&self) -> usize {
        self.inner.bin()
    }

    /// Why it left: ``"light_load"``, ``"overdue"``, ``"full"``, ``"elastic"``, ``"drain"``, or
    /// ``"expired"`` without rows.
    #[getter]
    fn reason(&self) -> ReasonWord {
        ReasonWord(self.inner.reason().name())
    }

    /// ``rows`` (distinct positions in this batch, or a bool mask, shape ``[rows]``) are
    /// unfinished and climb: each enters the bin of its length or of its ``progress`` (total steps
    /// since arrival, one per row), whichever is higher, behind those waiting there. They come
    /// back to this batch's worker alone, or to any worker with ``anywhere=True``. Never refused
    /// for capacity.
    ///
    /// Raises ``ValueError`` for a wrong position, a row named twice or a progress that went
    /// backwards, and then nothing is resubmitted; ``RuntimeError`` after ``done()``.
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
            let (rows, given) = (rows.len(), progress.len());
            let message = format!("progress: {given} values for {rows} rows");
            return Err(PyValueError::new_err(message));
        }
        let rows: Vec<_> = rows.into_iter().zip(progress).collect();
        self.core()?.resubmit(&rows, anywhere).map_err(errors::resubmit)
    }

    /// The rows that were not resubmitted are finished. A second call does nothing.
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
            batch.replace(Some(batch.shared().enter()));
        }
        Ok(this)
    }

    /// Finishes the batch; when the body raised, its rows count as lost. In a forked child it does
    /// nothing, so that what ended the block goes on.
    #[pyo3(signature = (kind = None, value = None, traceback = None))]
    fn __exit__(
        &self,
        kind: Option<Bound<'_, PyAny>>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) {
        let _ = (value, traceback);
        if self.shared().is_forked() {
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
        let held = if self.shared().is_forked() {
            "made before a fork".to_owned()
        } else {
            format!("held={}", self.inner.held())
        };
        format!("Batch(rows={rows}, bin={bin}, reason={:?}, limit={limit}, {held})", reason.name())
    }
}

impl Drop for Batch {
    /// Gives the rows up before it is said.
    fn drop(&mut self) {
        if self.shared().is_forked() {
            return;
        }
        let rows = self.inner.held();
        self.inner.abandon();
        self.replace(None);
        if rows > 0 {
            self.shared().warn_of_lost(rows);
        }
    }
}
