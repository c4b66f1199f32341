use std::sync::Arc;

use multibin::{Change, Config, Options, Stats, Ticket};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::adapt::{self, Adapt};
use crate::asyncio::awaitable::Coroutine;
use crate::asyncio::futures::{Drain, Submit};
use crate::config::{self, Given, SchedulerConfig};
use crate::convert::arguments::{ArrayLike, Changed, Count, Number, Required, Sizes};
use crate::convert::arrays::{pairs, sizes};
use crate::convert::named::{maybe_word, whole, word};
use crate::convert::ndarray::Array;
use crate::convert::scalars::{Quick, count, length, positive, seconds};
use crate::convert::show;
use crate::edges::{self, Edges};
use crate::interpreter::wait::{block_on, detached};
use crate::interpreter::{errors, hooks};
use crate::many::{self, Many};
use crate::shared::Shared;
use crate::stats::{Labels, Snapshot};
use crate::worker::Worker;

/// Groups requests of similar predicted length and hands out batches.
///
/// Producers ``submit``. Workers, ``with scheduler.worker() as worker``, take batches. Any thread or
/// task may do either.
///
/// Args:
///     edges: map lengths to bins; ``None``: made from ``longest``.
///     batch_size: the rows of a full batch, one number or one for each bin.
///
/// ``SchedulerConfig`` has the same arguments and describes all of them.
///
/// Raises:
///     ValueError: a value is out of range, or two arguments exclude each other.
///     TypeError: an argument has a wrong type, or ``batch_size`` is missing.
///     MemoryError: ``capacity`` does not fit in memory.
///
/// >>> scheduler = Scheduler(Edges([0, 16, 64]), 2)
/// >>> tickets = [scheduler.submit(key, length) for key, length in enumerate([5, 40, 6])]
/// >>> worker = scheduler.worker()
/// >>> with worker.next_batch(0) as batch:
/// ...     batch.keys.tolist()
/// [0, 2]
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Scheduler {
    pub inner: multibin::Scheduler,
    shared: Arc<Shared>,
    made: SchedulerConfig,
}

#[pymethods]
impl Scheduler {
    #[new]
    #[pyo3(signature = (edges: "Edges | None" = None, batch_size = Required::Missing, *, longest = None, capacity: "int" = 65_536, max_wait = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding = None, adapt: "Adapt | None" = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the class")]
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
    ) -> PyResult<Self> {
        let given = Given {
            edges,
            batch_size,
            longest,
            capacity,
            max_wait,
            fill,
            order,
            overrun,
            max_parked,
            max_bins,
            ageing,
            budget,
            budget_of,
            max_padding,
            adapt,
        };
        Self::from_config(py, SchedulerConfig(given.check(py)?))
    }

    /// Makes a scheduler from a configuration.
    ///
    /// >>> config = SchedulerConfig(Edges([0, 16, 64]), 8)
    /// >>> Scheduler.from_config(config).config == config
    /// True
    #[staticmethod]
    #[pyo3(name = "from_config", signature = (config: "SchedulerConfig"))]
    fn of(
        py: Python<'_>,
        #[pyo3(from_py_with = config::required)] config: Py<SchedulerConfig>,
    ) -> PyResult<Self> {
        Self::from_config(py, config.get().clone())
    }

    /// The configuration in use, with the current edges.
    ///
    /// >>> Scheduler(Edges([0, 16]), 8, max_wait=2).config.max_wait
    /// 2.0
    #[getter]
    fn config(&self) -> PyResult<SchedulerConfig> {
        let core = self.core()?;
        Ok(SchedulerConfig(self.made.0.current(core.edges(), core.config())))
    }

    /// Accepts a request and returns its ticket. Any thread may call it.
    ///
    /// Calls that wait for room, in a thread or a task, are served in order of arrival, and before
    /// those that do not wait.
    ///
    /// Args:
    ///     key: the caller's key, 0 to 2⁶⁴ − 1.
    ///     length: predicted steps, an int, or a finite float that is rounded up.
    ///     cost: what ``budget_of="cost"`` counts, also a length; ``None``: the length.
    ///     priority: 0 is the most urgent; others need a scheduler with ``ageing``.
    ///     ttl: seconds from now; a request that has not left in a batch by then expires, and comes
    ///         back in ``batch.expired`` or ``expired()``. ``None``: never.
    ///     wait: seconds to wait for room, without the GIL; ``math.inf``: without end; ``None``: no
    ///         wait.
    ///
    /// Raises:
    ///     FullError: the scheduler is at capacity.
    ///     ClosedError: it is closed.
    ///     ValueError: a value is out of range, or the request exceeds the budget.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> scheduler.submit(7, 12.5)
    /// 0
    #[pyo3(signature = (key, length, *, cost = None, priority: "int" = 0, ttl = None, wait = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
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
            (.., None) => self.inner.submit_with(key, length, &options(cost, priority, ttl)?),
            (.., Some(wait)) => {
                let (wait, options) = (seconds(wait, "wait")?, options(cost, priority, ttl)?);
                let submit = self.core()?.submit_async(key, length, &options).within(Some(wait));
                block_on(py, Some(wait), submit)?
            }
        };
        accepted.map_err(errors::submit)
    }

    /// Submits a request when awaited; waits for room without limit. It takes the arguments of
    /// ``submit``, except ``wait``, and raises its errors.
    ///
    /// Cancelled before it is resumed, it leaves nothing behind: an accepted request that still
    /// waits is cancelled too.
    ///
    /// >>> import asyncio
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> asyncio.run(scheduler.submit_async(7, 5))
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
        let options = options(cost, priority, ttl)?;
        let submit = self.core()?.submit_async(key, length, &options);
        Ok(Coroutine::new(Submit::one(submit, Arc::clone(&self.shared))))
    }

    /// Accepts requests in bulk, in order, without the GIL. Returns the first ticket; the others
    /// follow it.
    ///
    /// Everything is checked before the first request is accepted. A call that waits for room is
    /// served piece by piece, so it may exceed the capacity.
    ///
    /// Args:
    ///     keys: uint64, or int64 from 0 on, shape ``[n]``.
    ///     lengths: predicted steps, any integer or float dtype, shape ``[n]``.
    ///     costs: what ``budget_of="cost"`` counts, as many lengths; ``None``: the lengths.
    ///     priorities: integers, shape ``[n]``; ``None``: 0.
    ///     ttls: seconds from now, shape ``[n]``; infinite: never. ``None``: never.
    ///     wait: seconds to wait for room; ``None``: no wait.
    ///
    /// Raises:
    ///     FullError: the scheduler is at capacity. ``accepted`` counts the accepted prefix, and
    ///         ``first`` is its first ticket (``None`` without any).
    ///     ClosedError: it is closed, with the same attributes.
    ///     ValueError: an element is out of range, or the sizes differ.
    ///     TypeError: an array has a wrong dtype.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> scheduler.submit_many([7, 8, 9], [5, 40, 6])
    /// 0
    /// >>> scheduler.stats()["waiting"]
    /// 3
    #[pyo3(signature = (keys, lengths, *, costs = None, priorities = None, ttls = None, wait = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
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
        let core = self.core()?;
        let accepted = if wait.is_some() {
            let submit = core.submit_many_async(&keys, &lengths, &options).within(wait);
            block_on(py, wait, submit)?
        } else {
            py.detach(|| core.submit_many_with(&keys, &lengths, &options))
        };
        accepted.map_err(|error| many::refused(error, &lengths, &options))
    }

    /// Submits requests in bulk when awaited; waits for room without limit. It takes the arguments
    /// of ``submit_many``, except ``wait``, and raises its errors.
    ///
    /// Cancelled before it is resumed, it leaves nothing behind: accepted requests that still wait
    /// are cancelled too.
    ///
    /// >>> import asyncio
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> asyncio.run(scheduler.submit_many_async([7, 8], [5, 40]))
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
        let submit = self.core()?.submit_many_async(&keys, &lengths, &options);
        let shared = Arc::clone(&self.shared);
        Ok(Coroutine::new(Submit::many(submit, shared, lengths, options)))
    }

    /// Takes the requests whose ``ttl`` is over: their keys and their tickets, each of shape
    /// ``[n]``. Their room is free. Each is reported once, here or by a batch.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> ticket = scheduler.submit(7, 5, ttl=0)
    /// >>> keys, tickets = scheduler.expired()
    /// >>> keys.tolist(), tickets.tolist()
    /// ([7], [0])
    fn expired<'py>(&self, py: Python<'py>) -> PyResult<(Array<'py, u64>, Array<'py, u64>)> {
        let expired = self.core()?.expired();
        let keys = Array::collect(py, expired.iter().map(|expired| expired.key));
        Ok((keys, Array::collect(py, expired.iter().map(|expired| expired.ticket))))
    }

    /// Makes a worker, which takes batches: ``with scheduler.worker() as worker``.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> with scheduler.worker() as worker:
    /// ...     print(worker)
    /// Worker(number=0, closed=False)
    fn worker(&self) -> PyResult<Worker> {
        Ok(Worker::new(self.core()?.worker(), Arc::clone(&self.shared)))
    }

    /// Cancels a waiting request. Returns whether it was waiting: false if it was delivered or
    /// cancelled before. Its room is free at once. Any thread may call it; it takes the forming
    /// lock.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> scheduler.cancel(scheduler.submit(7, 5))
    /// True
    fn cancel(&self, ticket: Count<'_>) -> PyResult<bool> {
        let ticket = count(&ticket, "ticket")?;
        Ok(self.core()?.cancel(ticket))
    }

    /// Changes edges, batch size, waits and budget while requests flow. Arguments that are left out
    /// change nothing.
    ///
    /// Waiting requests stay in their bins; later ones go to the new bins. Waiting requests that
    /// exceed a lowered ``budget`` leave alone.
    ///
    /// Args:
    ///     edges: more bins than at the start need ``max_bins``.
    ///     batch_size: the rows of a full batch, one number or one for each bin.
    ///     max_wait: seconds until a request is overdue; ``None``: never.
    ///     max_parked: the climbers with which only overdue requests start; ``None``: no limit.
    ///     budget: the most that a batch costs, for a scheduler that was made with a budget.
    ///
    /// Raises:
    ///     ValueError: a value is out of range; nothing is changed then.
    ///     TypeError: an argument has a wrong type.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8, max_wait=1)
    /// >>> scheduler.reconfigure(batch_size=4, max_wait=None)
    /// >>> scheduler.config.batch_size, scheduler.config.max_wait
    /// (4, None)
    #[pyo3(signature = (*, edges: "Edges | None" = None, batch_size = None, max_wait: "float | None" = Changed::Keep, max_parked: "int | None" = Changed::Keep, budget: "int | None" = None))]
    fn reconfigure(
        &self,
        #[pyo3(from_py_with = edges::optional)] edges: Option<Py<Edges>>,
        batch_size: Option<Sizes<'_>>,
        max_wait: Changed<'_>,
        max_parked: Changed<'_>,
        budget: Option<Count<'_>>,
    ) -> PyResult<()> {
        let sizes = batch_size.map(|given| sizes(&given, "batch_size")).transpose()?;
        let change = Change {
            edges: edges.map(|edges| edges.get().0.clone()),
            batch_size: sizes.as_ref().map(|(size, _)| *size),
            batch_sizes: sizes.and_then(|(_, sizes)| sizes),
            budget: budget.map(|max| positive(&max, "budget")).transpose()?,
            max_wait: max_wait.map(|wait| seconds(&Number(wait), "max_wait"))?,
            max_parked: max_parked.map(|max| count(&Count(max), "max_parked"))?,
        };
        self.core()?.reconfigure(&change).map_err(errors::config)
    }

    /// Reports finished requests, in this order, to ``adapt``; without it, has no effect.
    ///
    /// Everything is checked before the first request is counted. Any thread may call it; it
    /// delays neither ``submit`` nor ``next_batch``.
    ///
    /// The gate is judged every 100th request, and drift is looked for every 500th: some tens of
    /// microseconds each. Edges are fitted on a thread of their own. The logger ``multibin`` logs
    /// changes at level ``INFO``: of the gate in the call that changed it, of edges in the first
    /// call after their swap.
    ///
    /// Args:
    ///     predicted: the predicted steps of each request: a number (an int, or a finite float
    ///         that is rounded up), or an array of any integer or float dtype, shape ``[n]``.
    ///     actual: the steps that each took, of as many requests.
    ///
    /// Raises:
    ///     ValueError: a length is out of range, or the sizes differ.
    ///     TypeError: an argument is neither a number nor an array of numbers.
    ///
    /// >>> scheduler = Scheduler(batch_size=8, longest=1000)
    /// >>> scheduler.observe(predicted=12, actual=15)
    fn observe(
        &self,
        py: Python<'_>,
        predicted: ArrayLike<'_>,
        actual: ArrayLike<'_>,
    ) -> PyResult<()> {
        let (predicted, actual) = pairs(&predicted, &actual)?;
        let core = self.core()?;
        let events = py.detach(|| {
            core.observe_many(&predicted, &actual);
            core.events()
        });
        adapt::log(py, &events)
    }

    /// Closes the scheduler: it accepts nothing more. Waiting requests leave, full batches first;
    /// batches can still resubmit.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> scheduler.close()
    /// >>> list(scheduler.worker())
    /// []
    fn close(&self) -> PyResult<()> {
        self.core()?.close();
        Ok(())
    }

    /// Closes, and waits until nothing waits and nothing is leased, up to ``timeout`` seconds
    /// (``None``: without end), without the GIL. Other threads must take the batches and end them.
    ///
    /// Raises:
    ///     TimeoutError: the time is over; the scheduler stays closed.
    ///     RuntimeError: the wait could never end: an event loop runs in this thread (``await
    ///         drain_async()`` there), or this is in a ``with`` block of a batch.
    ///     ValueError: the timeout is negative or NaN.
    ///     TypeError: it is no number.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> scheduler.drain(timeout=1)
    /// >>> scheduler.closed
    /// True
    #[pyo3(signature = (timeout = None))]
    fn drain(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let core = self.core()?;
        if hooks::loop_runs(py, ())?.extract()? {
            let message = "drain() would block the event loop of this thread: \
                           await drain_async() instead";
            return Err(PyRuntimeError::new_err(message));
        }
        if self.shared.is_entered() {
            let message = "drain() would wait for the end of the with block that it is in";
            return Err(PyRuntimeError::new_err(message));
        }
        let drained = detached(py, timeout, |slice| core.drain(Some(slice)).then_some(()));
        drained?.ok_or_else(|| errors::not_drained(core))
    }

    /// Closes at once; awaited, waits until nothing waits and nothing is leased. ``timeout`` counts
    /// from the call on (``None``: without end).
    ///
    /// Raises:
    ///     ValueError: the timeout is negative or NaN.
    ///     TypeError: it is no number.
    ///     TimeoutError: awaited, when the time is over.
    ///
    /// >>> import asyncio
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> asyncio.run(scheduler.drain_async(timeout=1))
    #[pyo3(signature = (timeout = None))]
    fn drain_async(&self, timeout: Option<Number<'_>>) -> PyResult<Coroutine<()>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let drain = self.core()?.drain_async(timeout);
        Ok(Coroutine::new(Drain::new(drain, Arc::clone(&self.shared))))
    }

    /// The scheduler is closed.
    ///
    /// >>> Scheduler(Edges([0, 16, 64]), 8).closed
    /// False
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.core()?.is_closed())
    }

    /// The edges in use while the gate is open.
    ///
    /// >>> Scheduler(Edges([0, 16, 64]), 8).edges
    /// Edges([0, 16, 64])
    #[getter]
    fn edges(&self) -> PyResult<Edges> {
        Ok(Edges(self.core()?.edges()))
    }

    /// Returns a snapshot of the counters; ``multibin.stats`` has their types.
    ///
    /// ``submitted + resubmitted == taken + cancelled + expired + waiting``, and
    /// ``taken == resubmitted + done + lost + leased``. ``restarted`` counts climbers that lost their
    /// worker, and ``batches`` the batches by reason.
    ///
    /// ``bins`` has a dict for each bin: ``waiting``, ``parked``, ``oldest`` (seconds) and
    /// ``arrivals``. For the batches that it led, it has ``batches``, their ``rows``, and their cost
    /// in predicted steps, ``padded`` and ``useful``.
    ///
    /// ``waits`` is a histogram of the seconds that rows waited: ``bounds``, ``counts``, ``sum``.
    /// ``gate`` has ``open``, the last ``gain``, and how often it ``closed`` and ``opened``. ``edges``
    /// counts ``fits``, ``swaps``, and ``drifts`` of the traffic.
    ///
    /// >>> scheduler = Scheduler(Edges([0, 16, 64]), 8)
    /// >>> ticket = scheduler.submit(7, 40)
    /// >>> [bin["waiting"] for bin in scheduler.stats()["bins"]]
    /// [0, 1]
    fn stats(&self) -> PyResult<Snapshot> {
        let core = self.core()?;
        let adaptation = core.adaptation().unwrap_or_default();
        Ok(Snapshot { counters: core.snapshot(), adaptation })
    }

    /// Returns the counters in the text exposition format of Prometheus (``text/plain;
    /// version=0.0.4``), with ``labels`` on every sample.
    ///
    /// Raises:
    ///     ValueError: a label's name is invalid, starts with ``__``, or is ``bin``, ``reason`` or
    ///         ``le``.
    ///     TypeError: ``labels`` is no dict of str to str.
    ///
    /// >>> text = Scheduler(Edges([0, 16, 64]), 8).prometheus(labels={"model": "tiny"})
    /// >>> 'model="tiny"' in text
    /// True
    #[pyo3(signature = (*, labels: "dict[str, str] | None" = None))]
    fn prometheus(&self, labels: Option<Labels>) -> PyResult<String> {
        let labels = labels.unwrap_or_default();
        self.core()?.snapshot().prometheus(&labels.pairs()).map_err(errors::value)
    }

    fn __repr__(&self) -> String {
        if self.shared.is_forked() {
            return "Scheduler(made before a fork)".to_owned();
        }
        let Stats { waiting, leased, .. } = self.inner.stats();
        let Config { batch_size, capacity, .. } = self.inner.config();
        let (bins, closed) = (self.inner.edges().bins(), show::flag(self.inner.is_closed()));
        format!(
            "Scheduler(bins={bins}, batch_size={batch_size}, capacity={capacity}, \
             waiting={waiting}, leased={leased}, closed={closed})"
        )
    }
}

impl Scheduler {
    fn from_config(py: Python<'_>, made: SchedulerConfig) -> PyResult<Self> {
        hooks::load(py)?;
        let inner = multibin::Scheduler::new(made.0.edges.clone(), made.0.config.clone());
        let inner = inner.map_err(errors::config)?;
        let shared = Arc::new(Shared::new(inner.clone()));
        Ok(Self { inner, shared, made })
    }

    /// Returns the core's scheduler, unless this is a forked child.
    fn core(&self) -> PyResult<&multibin::Scheduler> {
        self.shared.check_fork().map(|()| &self.inner)
    }
}

/// Converts the options of a request.
#[cold]
fn options(cost: Option<Number<'_>>, priority: u32, ttl: Option<Number<'_>>) -> PyResult<Options> {
    let mut options = Options::new().priority(priority);
    options.cost = cost.map(|given| length(&given, "cost")).transpose()?;
    options.ttl = ttl.map(|given| seconds(&given, "ttl")).transpose()?;
    Ok(options)
}
