use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use multibin::NextError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::batch::Batch;
use crate::errors;

/// How often a wait on the main thread looks for signals (Ctrl-C).
const SIGNALS: Duration = Duration::from_millis(50);

/// Takes batches. Iterate over it, or call ``next_batch``. Climbers that its batches resubmit come
/// back to it alone; when it is closed or dropped they start anew in the shared queues.
#[pyclass(frozen, module = "multibin")]
pub struct Worker {
    inner: multibin::Worker,
    /// The batch that the iterator handed out last.
    last: Mutex<Option<Py<Batch>>>,
}

impl Worker {
    pub fn new(worker: multibin::Worker) -> Self {
        Self { inner: worker, last: Mutex::default() }
    }

    fn finish_last(&self, py: Python<'_>, next: Option<Py<Batch>>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = std::mem::replace(&mut *last, next) {
            batch.get().finish();
            drop(last);
            batch.drop_ref(py);
        }
    }
}

#[pymethods]
impl Worker {
    /// The next batch; waits for it up to ``timeout`` seconds (``None``: for ever), without the
    /// GIL and without polling; on the main thread signals are served meanwhile.
    ///
    /// Raises ``TimeoutError`` when the time is over, and ``ClosedError`` when the scheduler is
    /// closed and nothing waits that this worker may take, or the worker is closed.
    #[pyo3(signature = (timeout = None))]
    pub fn next_batch(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Batch> {
        let worker = &self.inner;
        // Stay attached to work, detach to wait.
        match worker.next_batch(Some(Duration::ZERO)) {
            Err(NextError::Timeout) => {}
            outcome => return outcome.map(Batch::new).map_err(errors::next),
        }
        let end =
            timeout.map(seconds).transpose()?.and_then(|left| Instant::now().checked_add(left));
        let main = is_main_thread(py)?;
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let slice =
                if main { Some(left.map_or(SIGNALS, |left| left.min(SIGNALS))) } else { left };
            match py.detach(|| worker.next_batch(slice)) {
                Err(NextError::Timeout) if left.is_none_or(|left| left > Duration::ZERO) => {
                    py.check_signals()?;
                }
                outcome => return outcome.map(Batch::new).map_err(errors::next),
            }
        }
    }

    /// Hands the waiting climbers back to the shared queues, where they start anew, and finishes
    /// the iterator's last batch. Later calls of ``next_batch`` raise ``ClosedError``.
    fn close(&self, py: Python<'_>) {
        self.finish_last(py, None);
        self.inner.close();
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Finishes the batch handed out before and waits for the next one; ends when the scheduler is
    /// closed and nothing waits that this worker may take.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<Batch>>> {
        self.finish_last(py, None);
        match self.next_batch(py, None) {
            Ok(batch) => {
                let batch = Py::new(py, batch)?;
                self.finish_last(py, Some(batch.clone_ref(py)));
                Ok(Some(batch))
            }
            Err(error) if error.is_instance_of::<errors::ClosedError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn seconds(timeout: f64) -> PyResult<Duration> {
    if timeout.is_infinite() && timeout > 0.0 {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(timeout).map_err(|_| {
        PyValueError::new_err(format!("timeout: {timeout} is not a number of seconds >= 0"))
    })
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    threading.call_method0("get_ident")?.eq(main)
}
