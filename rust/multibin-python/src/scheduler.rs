mod made;

use std::sync::Arc;

use multibin::Ticket;
use pyo3::prelude::*;

use crate::adapt::{self, Adapt};
use crate::asyncio::awaitable::Coroutine;
use crate::asyncio::futures::{Drain, Submit};
use crate::config::{self, SchedulerConfig, change, given};
use crate::convert::arguments::{ArrayLike, Changed, Count, Number, Recordable, Required, Sizes};
use crate::convert::named::{maybe_word, whole, word};
use crate::convert::scalars::{Quick, count, seconds};
use crate::convert::{arrays::pairs, ndarray::Array, show};
use crate::costs::Table;
use crate::edges::{self, Edges};
use crate::interpreter::{errors, wait};
use crate::recording::Recording;
use crate::requests::{self, Many};
use crate::shared::Shared;
use crate::stats::{Labels, Snapshot};
use crate::worker::Worker;

/// Groups requests of similar predicted length and hands out batches.
///
/// Producers ``submit`` and workers take batches, in any thread or task.
///
/// ``SchedulerConfig`` describes the arguments. Raises its errors, and ``MemoryError`` for a
/// ``capacity`` that does not fit in memory. ``record``, a ``Recording`` or a path, records each
/// request when it ends; the true lengths are those of ``Batch.observe``.
///
/// >>> scheduler = Scheduler(Edges([0, 16, 64]), 2)
/// >>> first = scheduler.submit_many(keys=[7, 8, 9, 10], lengths=[5, 40, 6, 50])
/// >>> with scheduler.worker().next_batch(0) as batch:
/// ...     batch.keys.tolist()
/// [7, 9]
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Scheduler {
    pub inner: multibin::Scheduler,
    shared: Arc<Shared>,
    made: SchedulerConfig,
}

#[pymethods]
impl Scheduler {
    #[new]
    #[pyo3(signature = (edges: "Edges | None" = None, batch_size = Required::Missing, *, longest = None, capacity: "int" = 65_536, max_wait = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding = None, adapt: "Adapt | None" = None, costs = None, record: "Recording | str | PathLike[str] | None" = None))]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = edges::optional)] edges: Option<Py<Edges>>,
        batch_size: Required<'_>,
        longest: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::capacity)] capacity: usize,
        max_wait: Option<Number<'_>>,
        #[pyo3(from_py_with = word::fill)] fill: &str,
        #[pyo3(from_py_with = maybe_word::order)] order: Option<&str>,
        #[pyo3(from_py_with = word::overrun)] overrun: &str,
        max_parked: Option<Count<'_>>,
        max_bins: Option<Count<'_>>,
        ageing: Option<Number<'_>>,
        budget: Option<Count<'_>>,
        #[pyo3(from_py_with = word::budget_of)] budget_of: &str,
        max_padding: Option<Number<'_>>,
        #[pyo3(from_py_with = adapt::optional)] adapt: Option<Py<Adapt>>,
        costs: Option<Table<'_>>,
        record: Option<Recordable<'_>>,
    ) -> PyResult<Self> {
        let given = given! {
            edges, batch_size, longest, capacity, max_wait, fill, order, overrun, max_parked,
            max_bins, ageing, budget, budget_of, max_padding, adapt, costs
        };
        Self::from_config(py, SchedulerConfig(given.check(py)?), record)
    }

    /// Makes a scheduler from a configuration, with ``record`` as in ``Scheduler``.
    ///
    /// >>> Scheduler.from_config(SchedulerConfig(Edges([0, 16]), 8)).edges
    /// Edges([0, 16])
    #[staticmethod]
    #[pyo3(name = "from_config", signature = (config: "SchedulerConfig", *, record: "Recording | str | PathLike[str] | None" = None))]
    fn of(
        py: Python<'_>,
        #[pyo3(from_py_with = config::required)] config: Py<SchedulerConfig>,
        record: Option<Recordable<'_>>,
    ) -> PyResult<Self> {
        Self::from_config(py, config.get().clone(), record)
    }

    /// The configuration in use, with the current edges.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8, max_wait=2).config.max_wait
    /// 2.0
    #[getter]
    fn config(&self) -> PyResult<SchedulerConfig> {
        let core = self.shared.core()?;
        Ok(SchedulerConfig(self.made.0.current(core.edges(), core.config())))
    }

    /// Accepts a request and returns its ticket. Any thread may call it.
    ///
    /// Args:
    ///     key: the caller's key, 0 to 2⁶⁴ − 1.
    ///     length: predicted steps, an int, or a finite float that is rounded up.
    ///     cost: what ``budget_of="cost"`` counts, also a length; ``None``: the length.
    ///     priority: 0 is the most urgent; others need a scheduler with ``ageing``.
    ///     ttl: seconds from now, after which a waiting request expires; ``None``: never. It comes
    ///         back in ``expired()``, or in ``batch.expired`` of the next batch that leaves.
    ///     wait: seconds to wait for room, without the GIL (``math.inf``: no end); ``None``: 0.
    ///         Threads and tasks that wait are served in order of arrival, before other calls.
    ///
    /// Raises:
    ///     FullError, ClosedError: the scheduler is at capacity, or closed.
    ///     ValueError, TypeError: an argument is wrong.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).submit(7, 12.5)
    /// 0
    #[pyo3(signature = (key, length, *, cost = None, priority: "int" = 0, ttl = None, wait = None))]
    fn submit(
        &self,
        py: Python<'_>,
        key: Quick<'_, '_, u64>,
        length: Quick<'_, '_, u32>,
        cost: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'_>>,
        wait: Option<Number<'_>>,
    ) -> PyResult<Ticket> {
        let (key, length) = (key.get("key")?, length.get("length")?);
        let accepted = match (&cost, priority, &ttl, &wait) {
            (None, 0, None, None) => self.inner.submit(key, length),
            (.., None) => self.inner.submit_with(key, length, &requests::one(cost, priority, ttl)?),
            (.., Some(wait)) => {
                let (wait, options) = (seconds(wait, "wait")?, requests::one(cost, priority, ttl)?);
                let submit =
                    self.shared.core()?.submit_async(key, length, &options).within(Some(wait));
                wait::block_on(py, Some(wait), submit)?
            }
        };
        accepted.map_err(errors::submit)
    }

    /// Submits a request as ``submit`` when awaited; waits for room without limit. Cancelled
    /// before it is resumed, it cancels an accepted request too.
    ///
    /// >>> import asyncio
    /// >>> asyncio.run(Scheduler(Edges([0, 16]), 8).submit_async(7, 5))
    /// 0
    #[pyo3(signature = (key, length, *, cost = None, priority: "int" = 0, ttl = None))]
    fn submit_async(
        &self,
        key: Quick<'_, '_, u64>,
        length: Quick<'_, '_, u32>,
        cost: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'_>>,
    ) -> PyResult<Coroutine<Ticket>> {
        let (key, length) = (key.get("key")?, length.get("length")?);
        let options = requests::one(cost, priority, ttl)?;
        let submit = self.shared.core()?.submit_async(key, length, &options);
        Ok(Coroutine::new(Submit::one(submit, Arc::clone(&self.shared))))
    }

    /// Accepts requests in bulk, in order, without the GIL. Returns the first ticket; the others
    /// follow it. Everything is checked before the first request is accepted.
    ///
    /// Args:
    ///     keys: uint64, or int64 from 0 on, shape ``[n]``.
    ///     lengths: predicted steps, any integer or float dtype, shape ``[n]``.
    ///     costs, priorities, ttls: as many, infinite for no ``ttl``; ``submit`` describes them.
    ///     wait: seconds to wait for room; ``None``: 0. The call is served piece by piece, so it
    ///         may exceed the capacity.
    ///
    /// Raises:
    ///     FullError, ClosedError: at capacity, or closed. ``accepted`` counts the accepted prefix;
    ///         ``first`` is its first ticket (``None`` without any).
    ///     ValueError, TypeError: an array or an element is wrong.
    ///
    /// >>> Scheduler(Edges([0, 16, 64]), 8).submit_many([7, 8, 9], [5, 40, 6])
    /// 0
    #[pyo3(signature = (keys, lengths, *, costs = None, priorities = None, ttls = None, wait = None))]
    fn submit_many(
        &self,
        py: Python<'_>,
        keys: ArrayLike<'_>,
        lengths: ArrayLike<'_>,
        costs: Option<ArrayLike<'_>>,
        priorities: Option<ArrayLike<'_>>,
        ttls: Option<ArrayLike<'_>>,
        wait: Option<Number<'_>>,
    ) -> PyResult<Ticket> {
        let Many { keys, lengths, options } =
            Many::new(&keys, &lengths, [costs, priorities, ttls])?;
        let wait = wait.map(|wait| seconds(&wait, "wait")).transpose()?;
        let core = self.shared.core()?;
        let accepted = if wait.is_some() {
            let submit = core.submit_many_async(&keys, &lengths, &options).within(wait);
            wait::block_on(py, wait, submit)?
        } else {
            py.detach(|| core.submit_many_with(&keys, &lengths, &options))
        };
        accepted.map_err(|error| requests::refused(error, &lengths, &options))
    }

    /// Submits requests as ``submit_many`` when awaited; waits for room without limit. Cancelled
    /// before it is resumed, it cancels accepted requests too.
    ///
    /// >>> import asyncio
    /// >>> asyncio.run(Scheduler(Edges([0, 16]), 8).submit_many_async([7, 8], [5, 40]))
    /// 0
    #[pyo3(signature = (keys, lengths, *, costs = None, priorities = None, ttls = None))]
    fn submit_many_async(
        &self,
        keys: ArrayLike<'_>,
        lengths: ArrayLike<'_>,
        costs: Option<ArrayLike<'_>>,
        priorities: Option<ArrayLike<'_>>,
        ttls: Option<ArrayLike<'_>>,
    ) -> PyResult<Coroutine<Ticket>> {
        let Many { keys, lengths, options } =
            Many::new(&keys, &lengths, [costs, priorities, ttls])?;
        let submit = self.shared.core()?.submit_many_async(&keys, &lengths, &options);
        let shared = Arc::clone(&self.shared);
        Ok(Coroutine::new(Submit::many(submit, shared, lengths, options)))
    }

    /// Takes the expired requests, each reported once, here or by a batch: keys and tickets, shape
    /// ``[n]``. Call it by a timer where callers must know soon: busy workers take no batch.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> ticket = scheduler.submit(7, 5, ttl=0)
    /// >>> [column.tolist() for column in scheduler.expired()]
    /// [[7], [0]]
    fn expired<'py>(&self, py: Python<'py>) -> PyResult<(Array<'py, u64>, Array<'py, u64>)> {
        let expired = self.shared.core()?.expired();
        let keys = Array::collect(py, expired.iter().map(|expired| expired.key));
        Ok((keys, Array::collect(py, expired.iter().map(|expired| expired.ticket))))
    }

    /// Makes a worker, which takes batches: ``with scheduler.worker() as worker``.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).worker()
    /// Worker(number=0, closed=False)
    fn worker(&self) -> PyResult<Worker> {
        Ok(Worker::new(self.shared.core()?.worker(), Arc::clone(&self.shared)))
    }

    /// Cancels a waiting request, whose room is free at once. Returns false if it was delivered or
    /// cancelled before. Any thread may call it; it takes the forming lock.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> scheduler.cancel(scheduler.submit(7, 5))
    /// True
    fn cancel(&self, ticket: Count<'_>) -> PyResult<bool> {
        Ok(self.shared.core()?.cancel(count(&ticket, "ticket")?))
    }

    /// Changes the given arguments of ``SchedulerConfig`` while requests flow; ``None`` removes
    /// ``max_wait``, ``max_parked`` or ``costs``. More bins than at the start need ``max_bins``.
    ///
    /// Waiting requests stay in their bins; one above a lowered ``budget`` leaves alone. Raises
    /// ``ValueError`` or ``TypeError`` for a wrong argument, and then changes nothing.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> scheduler.reconfigure(batch_size=4, max_wait=1)
    /// >>> scheduler.config.batch_size, scheduler.config.max_wait
    /// (4, 1.0)
    #[pyo3(signature = (*, edges: "Edges | None" = None, batch_size = None, max_wait: "float | None" = Changed::Keep, max_parked: "int | None" = Changed::Keep, budget: "int | None" = None, costs: "Any" = Changed::Keep))]
    fn reconfigure(
        &self,
        #[pyo3(from_py_with = edges::optional)] edges: Option<Py<Edges>>,
        batch_size: Option<Sizes<'_>>,
        max_wait: Changed<'_>,
        max_parked: Changed<'_>,
        budget: Option<Count<'_>>,
        costs: Changed<'_>,
    ) -> PyResult<()> {
        let change = change(edges, batch_size, max_wait, max_parked, budget, costs)?;
        self.shared.core()?.reconfigure(&change).map_err(errors::config)
    }

    /// Reports finished requests, in this order, to ``adapt``; has no effect without it. Delays
    /// neither ``submit`` nor ``next_batch``. Any thread may call it.
    ///
    /// ``predicted`` and ``actual`` are the steps of each request: two numbers, or two arrays of
    /// shape ``[n]``; ``Gate.observe`` describes them and the errors.
    ///
    /// >>> Scheduler(batch_size=8, longest=1000).observe(predicted=12, actual=15)
    fn observe(
        &self,
        py: Python<'_>,
        predicted: ArrayLike<'_>,
        actual: ArrayLike<'_>,
    ) -> PyResult<()> {
        let (predicted, actual) = pairs(&predicted, &actual)?;
        let core = self.shared.core()?;
        let events = py.detach(|| {
            core.observe_many(&predicted, &actual);
            core.events()
        });
        adapt::log(py, &events)
    }

    /// Closes the scheduler to new requests. Waiting ones leave; batches can still resubmit.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16]), 8)
    /// >>> scheduler.close()
    /// >>> list(scheduler.worker())
    /// []
    fn close(&self) -> PyResult<()> {
        self.shared.core()?.close();
        Ok(())
    }

    /// Closes, and waits without the GIL until nothing waits and nothing is leased, or ``timeout``
    /// seconds (``None``: without end). Other threads must take the batches and end them.
    ///
    /// Raises ``TimeoutError`` when the time is over; the scheduler stays closed. Raises
    /// ``RuntimeError`` in the thread of a running event loop (``await drain_async()`` there), and
    /// in a ``with`` block of a batch: the wait could never end.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).drain(timeout=1)
    #[pyo3(signature = (timeout = None))]
    fn drain(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        self.drained(py, timeout)
    }

    /// Closes at once; awaited, waits until nothing waits and nothing is leased, and raises
    /// ``TimeoutError`` after ``timeout`` seconds from the call on (``None``: never).
    ///
    /// >>> import asyncio
    /// >>> asyncio.run(Scheduler(Edges([0, 16]), 8).drain_async(timeout=1))
    #[pyo3(signature = (timeout = None))]
    fn drain_async(&self, timeout: Option<Number<'_>>) -> PyResult<Coroutine<()>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let drain = self.shared.core()?.drain_async(timeout);
        Ok(Coroutine::new(Drain::new(drain, Arc::clone(&self.shared))))
    }

    /// The scheduler is closed.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).closed
    /// False
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.shared.core()?.is_closed())
    }

    /// Where requests are recorded; ``None`` without ``record``.
    ///
    /// >>> print(Scheduler(Edges([0, 16]), 8).recording)
    /// None
    #[getter]
    fn recording(&self, py: Python<'_>) -> Option<Py<Recording>> {
        self.shared.recording(py)
    }

    /// The edges in use while the gate is open.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).edges
    /// Edges([0, 16])
    #[getter]
    fn edges(&self) -> PyResult<Edges> {
        Ok(Edges(self.shared.core()?.edges()))
    }

    /// Returns a snapshot of the counters; ``multibin.stats`` describes them.
    ///
    /// ``submitted + resubmitted == taken + cancelled + expired + waiting``, and
    /// ``taken == resubmitted + done + lost + leased``.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8).stats()["waiting"]
    /// 0
    fn stats(&self) -> PyResult<Snapshot> {
        let core = self.shared.core()?;
        let adaptation = core.adaptation().unwrap_or_default();
        Ok(Snapshot { counters: core.snapshot(), adaptation })
    }

    /// Returns the counters in the text exposition format of Prometheus (``text/plain;
    /// version=0.0.4``), with ``labels`` (``None``: none) on every sample.
    ///
    /// Raises ``ValueError`` for an invalid name of a label, and for ``bin``, ``reason`` and
    /// ``le``.
    ///
    /// >>> 'model="tiny"' in Scheduler(Edges([0, 16]), 8).prometheus(labels={"model": "tiny"})
    /// True
    #[pyo3(signature = (*, labels: "dict[str, str] | None" = None))]
    fn prometheus(&self, labels: Option<Labels>) -> PyResult<String> {
        let labels = labels.unwrap_or_default();
        self.shared.core()?.snapshot().prometheus(&labels.pairs()).map_err(errors::value)
    }

    fn __repr__(&self) -> String {
        if self.shared.is_forked() {
            return "Scheduler(made before a fork)".to_owned();
        }
        show::scheduler(&self.inner)
    }
}
