use std::sync::Arc;

use multibin::{Change, Config, Options, Stats, Ticket};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::adapt::{Adapt, log};
use crate::arrays::{Array, pairs, sizes};
use crate::awaiting::Coroutine;
use crate::config::{Given, SchedulerConfig};
use crate::convert::{
    ArrayLike, Count, Key, Maybe, Missing, Number, Sizes, Steps, count, length, seconds,
};
use crate::edges::Edges;
use crate::futures::{Drain, Submit};
use crate::many::{self, Many};
use crate::named::{instance, maybe, whole, word};
use crate::shared::Shared;
use crate::stats::{Labels, Snapshot};
use crate::wait::{block_on, detached};
use crate::worker::Worker;
use crate::{errors, hooks, show};

/// Groups requests of similar predicted length and hands out batches. ``SchedulerConfig`` says what each
/// argument means.
///
/// Producers ``submit``; workers, ``with scheduler.worker() as worker``, take batches. Any thread or
/// task may do either.
///
/// Raises ``ValueError`` or ``TypeError`` that names the argument and its value.
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Scheduler {
    pub inner: multibin::Scheduler,
    shared: Arc<Shared>,
    made: SchedulerConfig,
}

#[pymethods]
impl Scheduler {
    #[new]
    #[pyo3(signature = (edges: "Edges | None" = None, batch_size = Missing::Not, *, longest = None, capacity: "int" = 65_536, max_wait = None, fill: "Literal['elastic', 'strict']" = "elastic", order: "Literal['formed', 'oldest', 'shortest', 'deadline'] | None" = None, overrun: "Literal['finish', 'climb', 'recompute']" = "finish", max_parked: "int | None" = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "Literal['padded', 'cost']" = "padded", max_padding = None, adapt: "Adapt | None" = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the class")]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = maybe::edges)] edges: Option<Py<Edges>>,
        batch_size: Missing<'_>,
        longest: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::capacity)] capacity: usize,
        max_wait: Option<Number<'_>>,
        #[pyo3(from_py_with = word::fill)] fill: &str,
        #[pyo3(from_py_with = maybe::order)] order: Option<&str>,
        #[pyo3(from_py_with = word::overrun)] overrun: &str,
        max_parked: Option<Count<'_>>,
        max_bins: Option<Count<'_>>,
        ageing: Option<Number<'_>>,
        budget: Option<Count<'_>>,
        #[pyo3(from_py_with = word::budget_of)] budget_of: &str,
        max_padding: Option<Number<'_>>,
        #[pyo3(from_py_with = maybe::adapt)] adapt: Option<Py<Adapt>>,
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
        Self::from_config(py, &given.check()?)
    }

    /// A scheduler that behaves as ``config`` says.
    #[staticmethod]
    #[pyo3(name = "from_config", signature = (config: "SchedulerConfig"))]
    fn of(
        py: Python<'_>,
        #[pyo3(from_py_with = instance::config)] config: Py<SchedulerConfig>,
    ) -> PyResult<Self> {
        Self::from_config(py, config.get())
    }

    /// How the scheduler behaves now, with the edges in use.
    #[getter]
    fn config(&self) -> PyResult<SchedulerConfig> {
        let core = self.core()?;
        Ok(SchedulerConfig::current(&self.made, core.edges(), core.config()))
    }

    /// Accepts a request and returns its ticket. ``key`` is the caller's (0 to 2⁶⁴ − 1),
    /// ``length`` the predicted steps (an int, or a finite float that is rounded up). ``cost``, of the
    /// same kind: what counts in ``budget_of="cost"`` (``None``: the length). ``priority``: 0 is the
    /// most urgent; others need a scheduler with ``ageing``. ``ttl``: seconds from now; a request that
    /// has not left in a batch by then expires, and comes back in ``batch.expired`` or ``expired()``.
    /// Any thread.
    ///
    /// ``wait``: seconds to wait for room without the GIL (``math.inf``: without end; ``None``: no
    /// wait). Calls that wait for room, here or in a task, are served first come, first served, and
    /// before those that do not wait.
    ///
    /// Raises ``FullError`` at capacity, ``ClosedError`` after ``close()``, ``ValueError`` or
    /// ``TypeError`` for a wrong argument.
    #[pyo3(signature = (key, length, *, cost = None, priority: "int" = 0, ttl = None, wait = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn submit(
        &self,
        py: Python<'_>,
        key: Key<'_, '_>,
        length: Steps<'_, '_>,
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

    /// As ``submit``, to be awaited in an event loop: waits for room as long as it takes.
    ///
    /// The request is submitted when the awaitable is awaited. Cancelled before it is resumed, it
    /// leaves nothing behind: what was accepted and still waits is cancelled as well.
    #[pyo3(signature = (key, length, *, cost = None, priority: "int" = 0, ttl = None))]
    fn submit_async(
        &self,
        key: Key<'_, '_>,
        length: Steps<'_, '_>,
        cost: Option<Number<'_>>,
        #[pyo3(from_py_with = whole::priority)] priority: u32,
        ttl: Option<Number<'_>>,
    ) -> PyResult<Coroutine<Ticket>> {
        let (key, length) = (key.get("key")?, length.get("length")?);
        let options = options(cost, priority, ttl)?;
        let submit = self.core()?.submit_async(key, length, &options);
        Ok(Coroutine::new(Submit::one(submit, Arc::clone(&self.shared))))
    }

    /// Accepts requests in bulk, in order, without the GIL: ``keys`` (uint64, or int64 without
    /// negative ones, shape ``[n]``) and ``lengths`` (any integer or float dtype, shape ``[n]``).
    /// ``costs`` (as ``lengths``), ``priorities`` (integers) and ``ttls`` (seconds from now, infinite
    /// for none), shape ``[n]``, and ``wait``, as in ``submit``. A call that waits for room is served
    /// piece by piece, so that it may be larger than the capacity. Returns the first ticket; the
    /// others follow it. Everything is checked before the first is accepted.
    ///
    /// Raises ``FullError`` at capacity, and ``ClosedError`` after ``close()``: their ``accepted``
    /// says how many were accepted (a prefix) and ``first`` is the first ticket of these (``None``
    /// without any). Raises ``ValueError`` or ``TypeError`` for wrong arrays.
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

    /// As ``submit_many``, to be awaited in an event loop: waits for room as long as it takes; see
    /// ``submit_async``.
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

    /// Takes the requests whose ``ttl`` is over and that no batch has reported: their keys and their
    /// tickets, each of shape ``[n]``. Each is reported once, by a batch or here. Their room is free.
    fn expired<'py>(&self, py: Python<'py>) -> PyResult<(Array<'py, u64>, Array<'py, u64>)> {
        let expired = self.core()?.expired();
        let keys = Array::collect(py, expired.iter().map(|expired| expired.key));
        Ok((keys, Array::collect(py, expired.iter().map(|expired| expired.ticket))))
    }

    /// A new worker, to take batches: ``with scheduler.worker() as worker``.
    fn worker(&self) -> PyResult<Worker> {
        Ok(Worker::new(self.core()?.worker(), Arc::clone(&self.shared)))
    }

    /// Takes a request back that waits: true if it will not be delivered, false if it was, or was
    /// cancelled before. Its capacity is free at once. Any thread; takes the forming lock.
    fn cancel(&self, ticket: Count<'_>) -> PyResult<bool> {
        let ticket = count(&ticket, "ticket")?;
        Ok(self.core()?.cancel(ticket))
    }

    /// Changes edges, batch size and waits while requests flow; what is not given stays, and
    /// ``None`` takes ``max_wait`` or ``max_parked`` away. Who waits stays in its bin, and who comes
    /// from now on goes to the new ones. More bins than at the start need ``max_bins``. Who waits and
    /// exceeds a lowered ``budget`` leaves alone.
    ///
    /// Raises ``ValueError`` for a value out of range; nothing is changed then.
    #[pyo3(signature = (*, edges: "Edges | None" = None, batch_size = None, max_wait: "float | None" = Maybe::Keep, max_parked: "int | None" = Maybe::Keep, budget: "int | None" = None))]
    fn reconfigure(
        &self,
        #[pyo3(from_py_with = maybe::edges)] edges: Option<Py<Edges>>,
        batch_size: Option<Sizes<'_>>,
        max_wait: Maybe<'_>,
        max_parked: Maybe<'_>,
        budget: Option<Count<'_>>,
    ) -> PyResult<()> {
        let sizes = batch_size.map(|given| sizes(&given, "batch_size")).transpose()?;
        let change = Change {
            edges: edges.map(|edges| edges.get().0.clone()),
            batch_size: sizes.as_ref().map(|(size, _)| *size),
            batch_sizes: sizes.and_then(|(_, sizes)| sizes),
            budget: budget.map(|most| count(&most, "budget")).transpose()?,
            max_wait: max_wait.map(|wait| seconds(&Number(wait), "max_wait"))?,
            max_parked: max_parked.map(|most| count(&Count(most), "max_parked"))?,
        };
        self.core()?.reconfigure(&change).map_err(errors::config)
    }

    /// Requests are finished, in this order: the steps that were predicted of each and those that it
    /// took. Two numbers (ints, or finite floats that are rounded up), or two arrays of any integer or
    /// float dtype, shape ``[n]``. Everything is checked before the first is counted. Any thread;
    /// without ``adapt`` nothing is done.
    ///
    /// Holds up neither ``submit`` nor ``next_batch``. Every 100th request the gate is judged, every
    /// 500th a drift is looked for, some tens of microseconds each; edges are fitted on a thread of
    /// their own. What changed is logged by the logger ``multibin``, level ``INFO``, here: by the call
    /// that turned the gate, or the first one after a swap of edges.
    ///
    /// Raises ``ValueError`` or ``TypeError`` for a wrong length or for unlike sizes.
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
        log(py, &events)
    }

    /// Accepts nothing more. What waits leaves, full batches first; resubmitting goes on.
    fn close(&self) -> PyResult<()> {
        self.core()?.close();
        Ok(())
    }

    /// Closes, and waits without the GIL, up to ``timeout`` seconds (``None``: for ever), until
    /// nothing waits and nothing is leased. Other threads must take the batches and end them.
    ///
    /// Raises ``TimeoutError`` when the time is over; the scheduler stays closed. Raises ``RuntimeError``
    /// where it could not end: in the thread of a running event loop, whose tasks it would hold up
    /// (``await drain_async()`` there), and in a ``with`` block of a batch.
    #[pyo3(signature = (timeout = None))]
    fn drain(&self, py: Python<'_>, timeout: Option<Number<'_>>) -> PyResult<()> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let core = self.core()?;
        if hooks::loop_runs(py, ())?.extract()? {
            let message = "drain: an event loop runs in this thread: await drain_async() instead";
            return Err(PyRuntimeError::new_err(message));
        }
        if self.shared.is_entered() {
            let message =
                "drain: this thread is in a batch's with block, and would wait for its end";
            return Err(PyRuntimeError::new_err(message));
        }
        let drained = detached(py, timeout, |slice| core.drain(Some(slice)).then_some(()));
        drained?.ok_or_else(|| errors::not_drained(core))
    }

    /// As ``drain``, to be awaited in an event loop: closes at once, and the awaitable waits for the
    /// end, up to ``timeout`` seconds from the call on.
    ///
    /// Awaiting raises ``TimeoutError`` when the time is over.
    #[pyo3(signature = (timeout = None))]
    fn drain_async(&self, timeout: Option<Number<'_>>) -> PyResult<Coroutine<()>> {
        let timeout = timeout.map(|timeout| seconds(&timeout, "timeout")).transpose()?;
        let drain = self.core()?.drain_async(timeout);
        Ok(Coroutine::new(Drain::new(drain, Arc::clone(&self.shared))))
    }

    /// Whether ``close()`` was called.
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.core()?.is_closed())
    }

    /// The edges in use, while the gate is open.
    #[getter]
    fn edges(&self) -> PyResult<Edges> {
        Ok(Edges(self.core()?.edges()))
    }

    /// A snapshot of the counters: ``submitted + resubmitted == taken + cancelled +
    /// expired + waiting`` and ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
    /// went away, ``batches`` the batches by reason. ``bins`` has a dict for each bin: what waits in it
    /// (``waiting``, ``parked``, ``oldest`` in seconds), its ``arrivals``, and the ``batches`` that it led with
    /// their ``rows`` and their cost in predicted steps, ``padded`` and ``useful``. ``waits`` is a histogram of the
    /// seconds that rows waited: ``bounds``, ``counts``, ``sum``. ``gate``: whether it is ``open``, the ``gain`` of bins that it last found, how
    /// often it ``closed`` and ``opened``; ``edges``: ``fits``, ``swaps``, and ``drifts`` of the traffic. The types
    /// are in ``multibin.stats``.
    fn stats(&self) -> PyResult<Snapshot> {
        let core = self.core()?;
        let adaptation = core.adaptation().unwrap_or_default();
        Ok(Snapshot { counters: core.snapshot(), adaptation })
    }

    /// The same in the text exposition format of Prometheus (``text/plain; version=0.0.4``), with
    /// ``labels`` (``None``: none) on every sample.
    ///
    /// Raises ``ValueError`` for a label whose name is none, starts with ``__``, or is ``bin``, ``reason`` or
    /// ``le``.
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
    fn from_config(py: Python<'_>, config: &SchedulerConfig) -> PyResult<Self> {
        hooks::load(py)?;
        let made = config.clone();
        let inner = multibin::Scheduler::new(made.edges.clone(), made.config.clone());
        let inner = inner.map_err(errors::config)?;
        let shared = Arc::new(Shared::new(inner.clone()));
        Ok(Self { inner, shared, made })
    }

    /// The core's, unless this is a forked child.
    fn core(&self) -> PyResult<&multibin::Scheduler> {
        self.shared.check_fork().map(|()| &self.inner)
    }
}

/// What is known of a request besides its length.
#[cold]
fn options(cost: Option<Number<'_>>, priority: u32, ttl: Option<Number<'_>>) -> PyResult<Options> {
    let mut options = Options::new().priority(priority);
    options.cost = cost.map(|given| length(&given, "cost")).transpose()?;
    options.ttl = ttl.map(|given| seconds(&given, "ttl")).transpose()?;
    Ok(options)
}
