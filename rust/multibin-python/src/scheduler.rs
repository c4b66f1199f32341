use std::sync::Arc;

use multibin::{Budget, Change, Config, ConfigError, Fill, Options, Order, Overrun, Stats, Ticket};
use pyo3::exceptions::{PyTimeoutError, PyValueError};
use pyo3::prelude::*;

use crate::adapt::{Adapt, log};
use crate::arrays::{keys, lengths, pairs, sizes};
use crate::convert::{
    ArrayLike, Count, Key, Maybe, Number, Sizes, Steps, choose, count, float, length, seconds,
};
use crate::edges::Edges;
use crate::errors;
use crate::hooks;
use crate::many::{self, check_size};
use crate::named::{instance, maybe, word};
use crate::shared::Shared;
use crate::stats::{Labels, Snapshot};
use crate::wait::detached;
use crate::worker::Worker;

/// Groups requests of similar predicted length and hands out batches.
///
/// ``edges`` maps lengths to bins; ``batch_size`` is the rows of a full batch, one number or one for
/// each of ``max_bins`` (a batch of several bins obeys the smallest); ``capacity`` the most requests that wait or are leased (``None``: 65,536); after ``max_wait`` seconds in a queue a request is
/// overdue and leads one of the next batches. ``fill="elastic"``: nobody waits for a full bin, the oldest
/// request leads, topped up from the nearest bins; ``"strict"``: only full bins leave (Algorithm 1
/// of arXiv 2412.04504). ``order``: which full bin goes first, ``"formed"`` (the paper, the
/// default), ``"oldest"`` (the default with climbing) or ``"shortest"``, the lowest bin. ``overrun="climb"``: batches have a
/// ``limit`` of steps, which takes half of their rows to the ends of their bins, and who is unfinished
/// then is resubmitted to the bin of its progress; ``"recompute"``: the same for back-ends that cannot
/// keep state, so that who climbs starts over. While ``max_parked`` climbers wait, a worker that may
/// take one starts nobody but overdue requests. ``max_bins``: the most bins that ``reconfigure`` may
/// bring (``None``: those of ``edges``). ``ageing``, seconds per step, lets requests have priorities:
/// each unit of a request's priority puts it off by ``ageing`` × its length, so that it lets only those
/// pass that arrive within that time after it. ``order="deadline"``: bins and what leaves are in order
/// of the requests' deadlines. ``budget`` bounds what a batch costs: its rows × the longest
/// (``budget_of="padded"``) or the sum of the requests' ``cost`` (``"cost"``); a bin is full as well when
/// its next row would not fit. ``max_padding``, a share: rows of other bins join only while, by the
/// predictions, no larger share of the batch's slots × steps is padding.
/// ``adapt``: whether and how edges follow the requests that ``observe`` is told of, and a gate watches
/// their predictions (``None``: neither).
///
/// Raises ``ValueError`` for a value out of range.
#[pyclass(frozen, weakref, module = "multibin")]
pub struct Scheduler {
    pub inner: multibin::Scheduler,
    shared: Arc<Shared>,
}

#[pymethods]
impl Scheduler {
    #[new]
    #[pyo3(signature = (edges: "Edges", batch_size, *, capacity: "int | None" = None, max_wait = None, fill: "str" = "elastic", order: "str | None" = None, overrun: "str" = "finish", max_parked = None, max_bins: "int | None" = None, ageing = None, budget: "int | None" = None, budget_of: "str" = "padded", max_padding = None, adapt: "Adapt | None" = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the class")]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = instance::edges)] edges: Py<Edges>,
        batch_size: Sizes<'_>,
        capacity: Option<Count<'_>>,
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
        hooks::load(py)?;
        let (batch_size, batch_sizes) = sizes(&batch_size, "batch_size")?;
        let padded = choose("budget_of", budget_of, &[("padded", true), ("cost", false)])?;
        let kind = if padded { Budget::Padded } else { Budget::Sum };
        let config = Config {
            batch_size,
            batch_sizes,
            budget: budget.map(|most| count(&most, "budget").map(kind)).transpose()?,
            max_padding: max_padding.map(|most| float(&most, "max_padding")).transpose()?,
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
            ageing: ageing.map(|given| float(&given, "ageing")).transpose()?,
            adapt: adapt.map(|given| given.get().0),
        };
        let ageing = config.ageing.unwrap_or_default();
        let refused = |error| match error {
            ConfigError::AgeingOrder => ageing_beside(ageing, order.unwrap_or_default()),
            _ => errors::config(error),
        };
        let inner = multibin::Scheduler::new(edges.get().0.clone(), config).map_err(refused)?;
        Ok(Self { inner, shared: Arc::default() })
    }

    /// Accepts a request and returns its ticket. ``key`` is the caller's (0 to 2⁶⁴ − 1),
    /// ``length`` the predicted steps (an int, or a finite float that is rounded up). ``cost``, of the
    /// same kind: what counts in ``budget_of="cost"`` (``None``: the length). ``priority``:
    /// an int, 0 (or ``None``) is the most urgent; others need a scheduler with ``ageing``. ``ttl``: seconds
    /// from now; a request that has not left in a batch by then comes back in ``batch.expired``. Any thread.
    ///
    /// Raises ``FullError`` at capacity, ``ClosedError`` after ``close()``, ``ValueError`` or
    /// ``TypeError`` for a wrong argument.
    #[pyo3(signature = (key, length, *, cost = None, priority: "int | None" = None, ttl = None))]
    fn submit(
        &self,
        key: Key<'_, '_>,
        length: Steps<'_, '_>,
        cost: Option<Number<'_>>,
        priority: Option<Count<'_>>,
        ttl: Option<Number<'_>>,
    ) -> PyResult<Ticket> {
        let (key, length) = (key.get("key")?, length.get("length")?);
        let ticket = match (&cost, &priority, &ttl) {
            (None, None, None) => self.inner.submit(key, length),
            _ => self.inner.submit_with(key, length, &options(cost, priority, ttl)?),
        };
        ticket.map_err(errors::submit)
    }

    /// Accepts requests in bulk, in order, without the GIL: ``keys`` (uint64, or int64 without
    /// negative ones, shape ``[n]``) and ``lengths`` (any integer or float dtype, shape ``[n]``).
    /// ``costs`` (as ``lengths``), ``priorities`` (integers) and ``ttls`` (seconds from now, infinite for none), shape
    /// ``[n]``, as in ``submit``. Returns the first ticket; the others follow it. Everything is
    /// checked before the first is accepted.
    ///
    /// Raises ``FullError`` at capacity, whose ``accepted`` says how many were accepted (a
    /// prefix) and ``first`` is the first ticket of these (the others follow it; ``None`` without any),
    /// ``ClosedError`` after ``close()``, ``ValueError`` or ``TypeError`` for wrong arrays.
    #[pyo3(signature = (keys, lengths, *, costs = None, priorities = None, ttls = None))]
    fn submit_many(
        &self,
        py: Python<'_>,
        keys: ArrayLike<'_>,
        lengths: ArrayLike<'_>,
        costs: Option<ArrayLike<'_>>,
        priorities: Option<ArrayLike<'_>>,
        ttls: Option<ArrayLike<'_>>,
    ) -> PyResult<u64> {
        let keys = self::keys(&keys, "keys")?;
        let lengths = self::lengths(&lengths, "lengths")?;
        check_size("lengths", lengths.len(), keys.len())?;
        let columns = [costs.as_ref(), priorities.as_ref(), ttls.as_ref()];
        let options = many::options(keys.len(), columns)?;
        let first = py.detach(|| self.inner.submit_many_with(&keys, &lengths, &options));
        first.map_err(|error| many::refused(error, &lengths, &options))
    }

    /// A new worker, to take batches: ``with scheduler.worker() as worker``.
    fn worker(&self) -> Worker {
        Worker { inner: self.inner.worker(), shared: Arc::clone(&self.shared) }
    }

    /// Takes a request back that waits: true if it will not be delivered, false if it was, or was
    /// cancelled before. Its capacity is free at once. Any thread; takes the forming lock.
    fn cancel(&self, ticket: Count<'_>) -> PyResult<bool> {
        Ok(self.inner.cancel(count(&ticket, "ticket")?))
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
        self.inner.reconfigure(&change).map_err(errors::config)
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
        let events = py.detach(|| {
            self.inner.observe_many(&predicted, &actual);
            self.inner.events()
        });
        log(py, &events)
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

    /// The edges in use, while the gate is open.
    #[getter]
    fn edges(&self) -> Edges {
        Edges(self.inner.edges())
    }

    /// A snapshot of the counters: ``submitted + resubmitted == taken + cancelled +
    /// expired + waiting`` and ``taken == resubmitted + done + lost + leased``; ``restarted`` counts climbers whose worker
    /// went away, ``batches`` the batches by reason. ``bins`` has a dict for each bin: what waits in it
    /// (``waiting``, ``parked``, ``oldest`` in seconds), its ``arrivals``, and the ``batches`` that it led with
    /// their ``rows`` and their cost in predicted steps, ``padded`` and ``useful``. ``waits`` is a histogram of the
    /// seconds that rows waited: ``bounds``, ``counts``, ``sum``. ``gate``: whether it is ``open``, the ``gain`` of bins that it last found, how
    /// often it ``closed`` and ``opened``; ``edges``: ``fits``, ``swaps``, and ``drifts`` of the traffic. The types
    /// are in ``multibin.stats``.
    fn stats(&self) -> Snapshot {
        let adaptation = self.inner.adaptation().unwrap_or_default();
        Snapshot { counters: self.inner.snapshot(), adaptation }
    }

    /// The same in the text exposition format of Prometheus (``text/plain; version=0.0.4``), with
    /// ``labels`` (``None``: none) on every sample.
    ///
    /// Raises ``ValueError`` for a label whose name is none, starts with ``__``, or is ``bin``, ``reason`` or
    /// ``le``.
    #[pyo3(signature = (*, labels: "dict[str, str] | None" = None))]
    fn prometheus(&self, labels: Option<Labels>) -> PyResult<String> {
        let labels = labels.unwrap_or_default();
        self.inner.snapshot().prometheus(&labels.pairs()).map_err(errors::value)
    }
}

/// What is known of a request besides its length.
#[cold]
fn options(
    cost: Option<Number<'_>>,
    priority: Option<Count<'_>>,
    ttl: Option<Number<'_>>,
) -> PyResult<Options> {
    Ok(Options {
        cost: cost.map(|given| length(&given, "cost")).transpose()?,
        priority: priority.map_or(Ok(0), |given| count(&given, "priority"))?,
        deadline: ttl.map(|given| seconds(&given, "ttl")).transpose()?,
    })
}

fn ageing_beside(ageing: f64, order: &str) -> PyErr {
    let message = "goes with order = \"oldest\" or \"shortest\", not with order";
    PyValueError::new_err(format!("ageing: {ageing} {message} = {order:?}"))
}

fn parse_order(order: &str) -> PyResult<Order> {
    let orders = [
        ("formed", Order::Formed),
        ("oldest", Order::Oldest),
        ("shortest", Order::Shortest),
        ("deadline", Order::Deadline),
    ];
    choose("order", order, &orders)
}
