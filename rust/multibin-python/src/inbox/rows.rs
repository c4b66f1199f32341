use std::sync::Arc;
use std::time::Duration;

use multibin::{Row, Ticket};
use pyo3::exceptions::{PyBaseException, PyIndexError};
use pyo3::ffi;
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::class::Inbox;
use super::counts::{Count, Counts};
use crate::asyncio::awaitable::ANY;
use crate::batch::Batch;
use crate::convert::arguments::Number;
use crate::convert::refusal::{wrong_size, wrong_type};
use crate::convert::scalars::seconds;
use crate::future::class::Future;
use crate::future::delivery::Delivery;
use crate::future::state::{Failure, Phase, Waiting};
use crate::future::turn::Turns;
use crate::interpreter::cell::{AttachedCell, Guard};
use crate::interpreter::{calls, errors, wait};

/// Holds the live rows of a batch until their futures are answered.
///
/// A future that is not answered when this is dropped fails with ``WorkerError``.
///
/// >>> from multibin._core import Inbox, Limit
/// >>> scheduler = Scheduler(Edges([0, 16]), 8)
/// >>> inbox = Inbox(scheduler, Limit(8), length=len)
/// >>> futures = [inbox.submit(text) for text in ("a", "bc")]
/// >>> with scheduler.worker().next_batch(0) as batch:
/// ...     rows = inbox.take(batch)
/// ...     rows.answer([text.upper() for text in rows.items])
/// []
/// >>> [future.result() for future in futures]
/// ['A', 'BC']
#[pyclass(frozen, weakref, module = "multibin._core")]
pub struct Rows {
    inbox: Py<Inbox>,
    lengths: Vec<u32>,
    positions: Vec<usize>,
    held: AttachedCell<Held>,
    turns: Arc<Turns>,
}

struct Held {
    /// `None` once all rows are answered.
    items: Option<Py<PyList>>,
    /// The rows; `None` for one that is answered.
    open: Vec<Option<Open>>,
}

/// A row that is not answered.
struct Open {
    future: Py<Future>,
    slot: u32,
    ticket: Ticket,
}

/// Returns an exception that a future can fail with.
pub fn failure(error: Bound<'_, PyAny>) -> PyResult<Failure> {
    if error.is_instance_of::<PyBaseException>() {
        Ok(Failure::new(error))
    } else {
        Err(wrong_type("error", "an exception", &error))
    }
}

impl Rows {
    pub fn take(this: &Bound<'_, Inbox>, rows: &[Row], delivery: &mut Delivery) -> PyResult<Self> {
        let (py, inbox) = (this.py(), this.get());
        let mut slab = inbox.slab(py);
        let leased: Vec<_> = rows.iter().map(|row| slab.lease(row.key)).collect();
        drop(slab);
        let (mut items, mut open) =
            (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let (mut lengths, mut positions, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (row, future)) in rows.iter().zip(leased).enumerate() {
            let Some(future) = future else { continue };
            let slot = row.key as u32;
            let Some(item) = future.get().start(py) else {
                gone.push(slot);
                continue;
            };
            items.push(item);
            open.push(Some(Open { future, slot, ticket: row.ticket }));
            lengths.push(row.length);
            positions.push(position);
        }
        if !gone.is_empty() {
            inbox.free(py, &gone, delivery);
        }
        let items = PyList::new(py, items)?.unbind();
        let held = AttachedCell::new(Held { items: Some(items), open });
        Ok(Self { inbox: this.clone().unbind(), lengths, positions, held, turns: Arc::default() })
    }

    fn lock<'a>(&'a self, py: Python<'a>) -> Guard<'a, Held> {
        self.held.lock(py)
    }

    /// Takes the rows of a range that are not answered, with their indices.
    fn close(
        &self,
        py: Python<'_>,
        start: usize,
        stop: usize,
        is_answered: impl Fn(usize) -> bool,
    ) -> Vec<(usize, Open)> {
        let mut held = self.lock(py);
        let range = start.min(stop)..stop;
        let taken = range
            .filter(|&at| is_answered(at))
            .filter_map(|at| held.open[at].take().map(|open| (at, open)))
            .collect();
        let items = if held.open.iter().all(Option::is_none) { held.items.take() } else { None };
        drop(held);
        drop(items);
        taken
    }

    /// Ends the futures of rows and frees their room.
    fn end(
        &self,
        py: Python<'_>,
        closed: Vec<(usize, Open)>,
        count: impl Fn(&Counts) -> &Count,
        end: impl Fn(usize) -> Phase,
    ) -> usize {
        let mut delivery = Delivery::counted(&self.turns);
        let mut slots = Vec::with_capacity(closed.len());
        let mut ended = 0;
        for (at, open) in closed {
            slots.push(open.slot);
            let over = Future::finish(&open.future, py, end(at), &mut delivery);
            ended += usize::from(over.is_some());
            count(&self.inbox.get().limit.get().counts).add(usize::from(over.is_some()));
        }
        if !slots.is_empty() && !self.inbox.get().core().is_forked() {
            self.inbox.get().free(py, &slots, &mut delivery);
        }
        delivery.send(py);
        ended
    }

    /// Fails the futures of rows; returns how many were not over.
    fn fail_with(&self, py: Python<'_>, closed: Vec<(usize, Open)>, failure: &Failure) -> usize {
        self.end(py, closed, |counts| &counts.failed, |_| Phase::Failed(failure.clone_ref(py)))
    }

    /// Returns the end of a range of rows.
    fn stop(&self, start: usize, stop: Option<usize>) -> PyResult<usize> {
        let len = self.positions.len();
        let stop = stop.unwrap_or(len);
        if start > len || stop > len {
            let message = format!("rows must be at most {len}, got {}", start.max(stop));
            return Err(PyIndexError::new_err(message));
        }
        Ok(stop)
    }
}

#[pymethods]
impl Rows {
    /// The items, until all rows are answered.
    #[getter]
    fn items<'py>(&self, py: Python<'py>) -> Items<'py> {
        let items = self.lock(py).items.as_ref().map(|items| items.bind(py).clone());
        Items(items.unwrap_or_else(|| PyList::empty(py)))
    }

    /// The positions of the rows in the batch.
    #[getter]
    fn positions(&self) -> Vec<usize> {
        self.positions.clone()
    }

    /// The lengths of the rows.
    #[getter]
    fn lengths(&self) -> Vec<u32> {
        self.lengths.clone()
    }

    /// The sum of the lengths.
    #[getter]
    fn useful(&self) -> u64 {
        self.lengths.iter().copied().map(u64::from).sum()
    }

    /// The longest length; 0 without rows.
    #[getter]
    fn longest(&self) -> u32 {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// The number of rows that are not answered.
    #[getter]
    fn open(&self, py: Python<'_>) -> usize {
        self.lock(py).open.iter().flatten().count()
    }

    fn __len__(&self) -> usize {
        self.positions.len()
    }

    /// Answers the rows from ``start`` on, one for each result. An exception fails its row alone.
    ///
    /// A result of the type ``unfinished`` answers nothing; returns the indices of such rows.
    /// Raises ``ValueError`` for more results than rows, and answers none then.
    #[pyo3(signature = (results: "list[Any]", start = 0, *, unfinished: "type[Any] | None" = None))]
    fn answer(
        &self,
        py: Python<'_>,
        results: &Bound<'_, PyList>,
        start: usize,
        unfinished: Option<&Bound<'_, PyType>>,
    ) -> PyResult<Vec<usize>> {
        let results: Vec<Bound<'_, PyAny>> = results.iter().collect();
        let stop = start + results.len();
        if stop > self.positions.len() {
            let rows = self.positions.len() - start.min(self.positions.len());
            return Err(wrong_size("results", rows, "rows", results.len()));
        }
        let mut left = Vec::new();
        if let Some(unfinished) = unfinished {
            for (at, result) in results.iter().enumerate() {
                if result.is_exact_instance(unfinished) {
                    left.push(start + at);
                }
            }
        }
        let closed = self.close(py, start, stop, |at| left.is_empty() || !left.contains(&at));
        self.end(
            py,
            closed,
            |counts| &counts.answered,
            |at| {
                let result = &results[at - start];
                if result.is_instance_of::<PyBaseException>() {
                    Phase::Failed(Failure::new(result.clone()))
                } else {
                    Phase::Done(result.clone().unbind())
                }
            },
        );
        Ok(left)
    }

    /// Fails the rows from ``start`` to ``stop`` (``None``: all that follow) that are not answered;
    /// returns how many futures failed.
    #[pyo3(signature = (error, start = 0, stop = None))]
    fn fail(
        &self,
        py: Python<'_>,
        error: Bound<'_, PyAny>,
        start: usize,
        stop: Option<usize>,
    ) -> PyResult<usize> {
        let failure = failure(error)?;
        let stop = self.stop(start, stop)?;
        let closed = self.close(py, start, stop, |_| true);
        Ok(self.fail_with(py, closed, &failure))
    }

    /// Resubmits rows, which climb: a later batch gets ``states`` in place of their items. A row
    /// that was cancelled meanwhile ends here.
    ///
    /// Args:
    ///     batch: the batch that they were taken from.
    ///     indices: the rows.
    ///     states: one for each.
    ///     progress: the steps that each has done since its arrival.
    ///     anywhere: let any worker take them, not only the worker of this batch.
    ///
    /// Raises ``ValueError`` and ``RuntimeError`` as ``Batch.resubmit``; the rows stay then.
    #[pyo3(signature = (batch, indices: "list[int]", states: "list[Any]", progress: "list[int]", *, anywhere = true))]
    fn resume(
        &self,
        py: Python<'_>,
        batch: &Bound<'_, Batch>,
        indices: Vec<usize>,
        states: Vec<Py<PyAny>>,
        progress: Vec<u32>,
        anywhere: bool,
    ) -> PyResult<()> {
        for given in [states.len(), progress.len()] {
            if given != indices.len() {
                return Err(wrong_size("states and progress", indices.len(), "indices", given));
            }
        }
        let core = batch.get().core()?;
        let mut again = Vec::with_capacity(indices.len());
        let mut gone = Vec::new();
        for ((at, state), progress) in indices.into_iter().zip(states).zip(progress) {
            self.stop(at, Some(at + 1))?;
            for (at, open) in self.close(py, at, at + 1, |_| true) {
                let waiting = Waiting {
                    owner: Inbox::owner(self.inbox.bind(py)),
                    item: state.clone_ref(py),
                    ticket: Some(open.ticket),
                    slot: open.slot,
                };
                if open.future.get().wait_again(py, waiting) {
                    self.inbox.get().slab(py).wait_again(open.slot, open.future.clone_ref(py));
                    again.push((at, open, progress));
                } else {
                    gone.push((at, open));
                }
            }
        }
        self.end(py, gone, |counts| &counts.cancelled, |_| Phase::Cancelled(None));
        let rows: Vec<_> =
            again.iter().map(|&(at, _, progress)| (self.positions[at], progress)).collect();
        core.resubmit(&rows, anywhere).map_err(|error| {
            self.reopen(py, again);
            errors::resubmit(error)
        })
    }

    /// Waits, without the GIL, until the event loops of other threads have called the callbacks of
    /// the answers. Returns false after ``timeout`` seconds.
    fn wait_turn(&self, py: Python<'_>, timeout: Number<'_>) -> PyResult<bool> {
        let timeout = seconds(&timeout, "timeout")?;
        let turns = &self.turns;
        let wait = |slice: Duration| turns.wait(slice).then_some(());
        Ok(wait::detached(py, Some(timeout), wait)?.is_some())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.inbox)?;
        self.held.traverse(|held| {
            visit.call(&held.items)?;
            held.open.iter().flatten().try_for_each(|open| visit.call(&open.future))
        })
    }
}

impl Rows {
    /// Takes rows back that could not be resubmitted.
    fn reopen(&self, py: Python<'_>, rows: Vec<(usize, Open, u32)>) {
        let inbox = self.inbox.get();
        for (at, open, _) in rows {
            let waited = inbox.slab(py).lease(open.slot.into());
            drop(waited);
            let item = open.future.get().start(py);
            self.lock(py).open[at] = Some(open);
            drop(item);
        }
    }
}

/// A list of items.
struct Items<'py>(Bound<'py, PyList>);

impl<'py> IntoPyObject<'py> for Items<'py> {
    type Target = PyList;
    type Output = Bound<'py, PyList>;
    type Error = PyErr;
    const OUTPUT_TYPE: PyStaticExpr =
        PyStaticExpr::Subscript { value: &PyStaticExpr::Name { id: "list" }, slice: &ANY };

    fn into_pyobject(self, _: Python<'py>) -> PyResult<Self::Output> {
        Ok(self.0)
    }
}

impl Drop for Rows {
    /// Fails the rows that are not answered.
    fn drop(&mut self) {
        // SAFETY: any thread may call it.
        if unsafe { ffi::Py_IsInitialized() } == 0 {
            return;
        }
        // While the interpreter ends, nothing happens.
        Python::try_attach(|py| {
            let closed = self.close(py, 0, self.positions.len(), |_| true);
            if closed.is_empty() {
                return;
            }
            calls::aside(py, |py| {
                let failure = Failure::from_error(py, errors::dropped());
                self.fail_with(py, closed, &failure);
                Ok(())
            });
        });
    }
}
