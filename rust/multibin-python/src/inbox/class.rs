use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use super::limit::Limit;
use super::rows::Rows;
use super::slab::Slab;
use super::submit::Given;
use super::watch::Watch;
use super::withdraw::FUNCTIONS;
use crate::batch::Batch;
use crate::convert::arguments::Number;
use crate::convert::named::{whole, word};
use crate::convert::scalars::seconds;
use crate::convert::words::{self, OnFull};
use crate::future::class::Future;
use crate::future::coroutine::Call;
use crate::future::delivery::Delivery;
use crate::future::owner::Owner;
use crate::future::state::{Entry, Failure, Phase};
use crate::interpreter::cell::{AttachedCell, Guard};
use crate::interpreter::{calls, errors};
use crate::scheduler::Scheduler;

/// Keeps the items and the futures of requests that wait in a scheduler.
///
/// Args:
///     scheduler: forms the batches; its keys are the inbox's own.
///     limit: bounds what waits or runs, together with other inboxes. The scheduler must have room
///         for as many, and for the rows of batches that are answered and not done.
///     length: returns the length of an item; ``None``: 1, if the call gives none.
///     cost: returns the cost of an item; ``None``: its length, if the call gives none.
///     ttl: seconds after which a waiting request expires, if the call gives none.
///     on_full: without room, ``"raise"`` refuses a request, ``"wait"`` lets it wait in line, and
///         ``"drop_oldest"`` fails the oldest that waits.
///     when_full: returns the seconds after which room is expected, for ``FullError``.
///     when_ttl: is called when an item expires earlier than ``watch`` said.
///     when_left_line: is called when an item leaves the line for room.
///
/// >>> from multibin._core import Inbox, Limit
/// >>> scheduler, limit = Scheduler(Edges([0, 16]), 8), Limit(100)
/// >>> inbox = Inbox(scheduler, limit, length=len)
/// >>> future = inbox.submit("text")
/// >>> scheduler.stats()["waiting"], limit.cost
/// (1, 4)
#[pyclass(frozen, weakref, module = "multibin._core")]
pub struct Inbox {
    scheduler: Py<Scheduler>,
    pub limit: Py<Limit>,
    pub length: Option<Py<PyAny>>,
    pub cost: Option<Py<PyAny>>,
    pub ttl: Option<Duration>,
    pub on_full: OnFull,
    pub when_full: Option<Py<PyAny>>,
    pub when_ttl: Option<Py<PyAny>>,
    when_left_line: Option<Py<PyAny>>,
    pub watch: Watch,
    /// Requests in the line for room.
    in_line: AtomicUsize,
    slab: AttachedCell<Slab>,
}

impl Inbox {
    pub fn slab<'a>(&'a self, py: Python<'a>) -> Guard<'a, Slab> {
        self.slab.lock(py)
    }

    /// Returns the core's scheduler.
    pub fn core(&self) -> &multibin::Scheduler {
        &self.scheduler.get().inner
    }

    pub fn check_fork(&self) -> PyResult<()> {
        if self.core().is_forked() { Err(errors::batcher_forked()) } else { Ok(()) }
    }

    /// Notes a request that joins the line for room.
    pub fn joins_line(&self) {
        // Relaxed: threads read and write it under the GIL.
        self.in_line.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a request is no longer in the line for room.
    pub fn left_line(&self, py: Python<'_>) {
        // Relaxed: threads read and write it under the GIL.
        self.in_line.fetch_sub(1, Ordering::Relaxed);
        if let Some(when) = self.when_left_line.as_ref()
            && let Err(error) = calls::call_0(when.bind(py))
        {
            calls::report(py, error);
        }
    }

    /// Returns what the futures of its requests know of it.
    pub fn owner(this: &Bound<'_, Self>) -> Owner {
        Owner::new(this.clone().into_any(), &FUNCTIONS)
    }

    /// Frees a slot and its room, for those in line too.
    pub fn free(&self, py: Python<'_>, slots: &[u32], delivery: &mut Delivery) {
        let mut slab = self.slab(py);
        let freed: Vec<_> = slots.iter().filter_map(|&slot| slab.remove(slot.into())).collect();
        drop(slab);
        let limit = self.limit.get();
        limit.give(py, freed.len(), freed.iter().map(|freed| u64::from(freed.cost)).sum());
        drop(freed);
        Self::admit(py, limit, delivery);
    }

    /// Fails the futures of requests that the scheduler reported as expired.
    pub fn report_expired(
        &self,
        py: Python<'_>,
        expired: &[multibin::Expired],
        delivery: &mut Delivery,
    ) {
        if expired.is_empty() {
            return;
        }
        let mut slab = self.slab(py);
        let freed: Vec<_> = expired.iter().filter_map(|one| slab.remove(one.key)).collect();
        drop(slab);
        let cost = freed.iter().map(|freed| u64::from(freed.cost)).sum();
        self.limit.get().give(py, freed.len(), cost);
        for future in freed.into_iter().filter_map(|freed| freed.future) {
            let failure = Failure::from_error(py, errors::expired());
            if let Some(before) = Future::finish(&future, py, Phase::Failed(failure), delivery) {
                self.limit.get().counts.expired.add(1);
                before.discard(py);
            }
        }
        Self::admit(py, self.limit.get(), delivery);
    }

    /// Fails the futures in line whose time is over.
    fn expire_line(this: &Bound<'_, Self>, delivery: &mut Delivery) -> usize {
        let (py, now) = (this.py(), Instant::now());
        let is_over = |entry: &Entry| entry.deadline.is_some_and(|deadline| deadline <= now);
        let over = Self::in_line(this, is_over);
        let fail = |future: &&Py<Future>| {
            let failure = Failure::from_error(py, errors::expired());
            Future::end_early(future, py, Phase::Failed(failure), delivery)
        };
        let count = over.iter().filter(fail).count();
        this.get().limit.get().counts.expired.add(count);
        count
    }

    /// Returns the futures in line whose requests are this inbox's own.
    pub fn in_line(this: &Bound<'_, Self>, is_asked: impl Fn(&Entry) -> bool) -> Vec<Py<Future>> {
        let py = this.py();
        let is_ours = |future: &Py<Future>| match &future.get().lock(py).phase {
            Phase::InLine(entry) => entry.owner.object(py).is(this) && is_asked(entry),
            _ => false,
        };
        this.get().limit.get().line(py).into_iter().filter(is_ours).collect()
    }

    /// Returns the futures that no batch has taken.
    fn untaken(this: &Bound<'_, Self>) -> Vec<Py<Future>> {
        // First the line: room that the others leave must not let these in.
        let mut futures = Self::in_line(this, |_| true);
        let slab = this.get().slab(this.py());
        futures.extend(slab.futures().map(|future| future.clone_ref(this.py())));
        futures
    }
}

#[pymethods]
impl Inbox {
    #[new]
    #[pyo3(signature = (scheduler: "Scheduler", limit: "Limit", *, length = None, cost = None, ttl = None, on_full: "Literal['raise', 'wait', 'drop_oldest']" = "raise", when_full = None, when_ttl = None, when_left_line = None))]
    fn new(
        py: Python<'_>,
        scheduler: Py<Scheduler>,
        limit: Py<Limit>,
        length: Option<Py<PyAny>>,
        cost: Option<Py<PyAny>>,
        ttl: Option<Number<'_>>,
        #[pyo3(from_py_with = word::on_full)] on_full: &str,
        when_full: Option<Py<PyAny>>,
        when_ttl: Option<Py<PyAny>>,
        when_left_line: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let ttl = ttl.map(|ttl| seconds(&ttl, "ttl")).transpose()?;
        let on_full = words::choose(py, "on_full", on_full, words::ON_FULL)?;
        let (watch, in_line) = (Watch::default(), AtomicUsize::new(0));
        let slab = AttachedCell::new(Slab::default());
        Ok(Self {
            scheduler,
            limit,
            length,
            cost,
            ttl,
            on_full,
            when_full,
            when_ttl,
            when_left_line,
            watch,
            in_line,
            slab,
        })
    }

    /// Submits an item and returns its future. Any thread may call it.
    ///
    /// Args:
    ///     item: what a batch gets, until the future is done.
    ///     length, cost, ttl: in place of what the inbox was made with.
    ///     priority: 0 is the most urgent; others need a scheduler with ``ageing``.
    ///     timeout: seconds that a thread without an event loop waits for room (``None``: without
    ///         end). In an event loop the future waits.
    ///
    /// Raises:
    ///     FullError, ClosedError: there is no room, or the scheduler is closed.
    ///     ValueError, TypeError: an argument is wrong.
    ///
    /// Errors of ``length`` and ``cost`` are raised as they are.
    #[pyo3(signature = (item, *, length = None, cost = None, priority: "int" = 0, ttl = None, timeout = None))]
    fn submit(
        this: &Bound<'_, Self>,
        item: Py<PyAny>,
        length: Option<Number<'_>>,
        cost: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'_>>,
        timeout: Option<Number<'_>>,
    ) -> PyResult<Py<Future>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let make = |py: Python<'_>, phase| Py::new(py, Future::new(phase));
        Self::accept(this, item, Given { length, cost, priority, ttl }, timeout, make)
    }

    /// Submits an item as ``submit`` does; the future is a coroutine too.
    #[pyo3(signature = (item, *, length = None, cost = None, priority: "int" = 0, ttl = None))]
    pub fn call(
        this: &Bound<'_, Self>,
        item: Py<PyAny>,
        length: Option<Number<'_>>,
        cost: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'_>>,
    ) -> PyResult<Py<Future>> {
        Self::accept(this, item, Given { length, cost, priority, ttl }, None, Call::make)
    }

    /// Takes the rows of a batch that are not cancelled; their futures run from now on. The futures
    /// of requests that the batch reports as expired fail with ``ExpiredError``.
    ///
    /// Take each batch: the futures of its rows end by what is returned.
    fn take(this: &Bound<'_, Self>, batch: &Bound<'_, Batch>) -> PyResult<Rows> {
        let (py, inbox) = (this.py(), this.get());
        let core = batch.get().core()?;
        let mut delivery = Delivery::default();
        inbox.report_expired(py, core.expired(), &mut delivery);
        let rows = Rows::take(this, core.rows(), &mut delivery);
        delivery.send(py);
        rows
    }

    /// Fails the futures that no batch has taken, and cancels their requests; returns how many.
    fn fail_waiting(this: &Bound<'_, Self>, error: Bound<'_, PyAny>) -> PyResult<usize> {
        let py = this.py();
        this.get().check_fork()?;
        let failure = super::rows::failure(error)?;
        let mut delivery = Delivery::default();
        let futures = Self::untaken(this);
        let fail = |future: &&Py<Future>| {
            Future::end_early(future, py, Phase::Failed(failure.clone_ref(py)), &mut delivery)
        };
        let failed = futures.iter().filter(fail).count();
        this.get().limit.get().counts.failed.add(failed);
        delivery.send(py);
        Ok(failed)
    }

    /// Fails the futures whose requests expired since; returns how many.
    fn expire(this: &Bound<'_, Self>) -> PyResult<usize> {
        let (py, inbox) = (this.py(), this.get());
        inbox.check_fork()?;
        let mut delivery = Delivery::default();
        let expired = inbox.core().expired();
        inbox.report_expired(py, &expired, &mut delivery);
        let count = expired.len() + Self::expire_line(this, &mut delivery);
        delivery.send(py);
        Ok(count)
    }

    /// Returns the seconds until the first waiting item expires (``None``: none will). From now on
    /// an item that expires earlier calls ``when_ttl``.
    fn watch(this: &Bound<'_, Self>) -> Option<f64> {
        Self::next_look(this)
    }

    /// The items that a batch may take.
    #[getter]
    fn waiting(&self, py: Python<'_>) -> usize {
        self.slab(py).waiting()
    }

    /// The items that wait or run, without those in line.
    #[getter]
    fn items(&self, py: Python<'_>) -> usize {
        self.slab(py).len()
    }

    /// Closes the scheduler if nothing waits, runs or stands in line; returns true if it did.
    fn close_if_idle(&self, py: Python<'_>) -> bool {
        let idle = self.is_idle(py);
        if idle {
            self.core().close();
        }
        idle
    }

    /// Nothing waits, runs or stands in line.
    #[getter]
    fn is_idle(&self, py: Python<'_>) -> bool {
        // Relaxed: threads read and write it under the GIL.
        self.in_line.load(Ordering::Relaxed) == 0 && self.slab(py).len() == 0
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.scheduler)?;
        visit.call(&self.limit)?;
        let when = [&self.when_full, &self.when_ttl, &self.when_left_line];
        for function in [&self.length, &self.cost].into_iter().chain(when) {
            visit.call(function)?;
        }
        self.slab.traverse(|slab| slab.futures().try_for_each(|future| visit.call(future)))
    }

    fn __clear__(&self) {
        drop(self.slab.clear());
    }
}
