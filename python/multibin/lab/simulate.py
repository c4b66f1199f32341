"""Simulates servers that take batches from the shipped scheduler, on a virtual clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from multibin import _args, _core
from multibin.costs import CostModel, CostTable

if TYPE_CHECKING:
    from multibin._core import Baseline, SchedulerConfig
    from multibin.costs import Costs
    from multibin.lab.traces import Trace
    from multibin.lab.traces.arrivals import ClosedLoop
    from multibin.stats import Adaptation

__all__ = ["Batches", "Event", "Records", "simulate"]

Seconds: TypeAlias = NDArray[np.float64]

REASONS = ("light_load", "overdue", "full", "elastic", "drain")
"""The rules that ``Batches.reason`` numbers."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Columns of the batches, in the order in which they left; shape ``[batches]``.

    With continuous batching a batch lasts from the start of an empty server until the server is
    empty again.

    >>> import multibin as mb
    >>> from multibin.lab.traces import from_arrays
    >>> config = mb.SchedulerConfig(mb.Edges([0, 8]), batch_size=2)
    >>> trace = from_arrays([5, 5], [2, 6])
    >>> batches = mb.simulate(trace, scheduler=config, costs=mb.CostModel(step=1.0)).batches
    >>> batches.rows.tolist(), batches.steps.tolist(), batches.finish.tolist()
    ([1, 1], [2, 6], [2.0, 8.0])
    >>> batches.resident.tolist(), batches.resident_tokens.tolist()  # prompts of 5 tokens
    ([1, 1], [7, 11])
    """

    start: Seconds
    finish: Seconds
    """When the last row ended."""
    rows: NDArray[np.uint32]
    steps: NDArray[np.uint32]
    """Steps of the longest run."""
    bin: NDArray[np.uint32]
    """The leader's bin."""
    reason: NDArray[np.uint8]
    """Positions in ``REASONS``."""
    server: NDArray[np.uint32]
    parked: NDArray[np.uint32]
    """Rows with state that waited at the server during the batch."""
    resident: NDArray[np.uint32]
    """The most rows whose state the server held at one time: those that ran and the parked ones.

    With continuous batching they are at most its slots, where ``rows`` counts all rows that were in
    the batch, one after another."""
    resident_tokens: NDArray[np.uint64]
    """The most tokens in the KV caches of the resident rows at one time.

    A row has the tokens of its prompt and those generated so far, without padding. With
    ``completes="batch"`` it keeps them until its batch ends, and with ``completes="row"`` until its
    own last step, as the engine does. A parked row keeps them, one that will recompute does not.

    With continuous batching in chunks and ``completes="batch"`` a row keeps them until the end of
    its chunk."""

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True)
class Event:
    """A change that adaptation made at the end of a batch.

    >>> from multibin.lab.simulate import Event
    >>> Event(time=12.5, kind="closed", gain=1.04, bins=None).kind
    'closed'
    """

    time: float
    """Seconds on the virtual clock."""
    kind: Literal["closed", "opened", "swapped"]
    """The gate closed or opened, or the edges were swapped."""
    gain: float
    """The throughput of bins over that of one bin; for swapped edges, the share that they gain."""
    bins: int | None
    """The number of bins of the swapped edges; None for the gate."""


@dataclass(frozen=True, eq=False)
class Records:
    """Columns of the requests, in the order of the trace; shape ``[n]``.

    Times are seconds on the virtual clock. A time is NaN if its event did not happen: a request
    that does not finish has no finite ``finish`` and counts in no throughput.

    Σ rows × steps of the batches is Σ ``steps`` + Σ ``waste`` of the requests. A batch of
    continuous batching is a whole busy time, in which rows come and go. Σ ``steps`` + Σ ``waste``
    of its requests is what the slots computed, at most slots × steps.

    >>> import multibin as mb
    >>> from multibin.lab.traces import from_arrays
    >>> trace = from_arrays([5, 5], [2, 6], arrivals=[0.0, 1.0])
    >>> config = mb.SchedulerConfig(mb.Edges([0, 8]), batch_size=1)
    >>> records = mb.simulate(trace, scheduler=config, costs=mb.CostModel(step=1.0))
    >>> records.finish.tolist(), records.wait.tolist(), records.latency.tolist()
    ([2.0, 8.0], [0.0, 1.0], [2.0, 7.0])
    >>> records.throughput, len(records.batches)
    (0.25, 2)
    """

    arrival: Seconds
    start: Seconds
    """Start of the first batch."""
    first_token: Seconds
    """End of the first step, or, with a ``CostTable``, of the prefill of the first batch."""
    finish: Seconds
    """The time of the answer."""
    bin: NDArray[np.uint32]
    """Bin of the first batch's leader."""
    batch: NDArray[np.uint32]
    """Position of the last batch."""
    entries: NDArray[np.uint32]
    """Batches that the request was in."""
    steps: NDArray[np.uint64]
    """Steps that its slot computed for it, in all its batches.

    They exceed its length where ``overrun="recompute"`` computes some again, and are fewer where it
    did not finish."""
    waste: NDArray[np.uint64]
    """Steps in which its slot waited for the longest row of its batches."""
    batches: Batches
    events: tuple[Event, ...]
    """The changes that adaptation made, in order of time; empty without adaptation."""
    adaptation: Adaptation | None
    """Totals of adaptation and the final gate, as ``Scheduler.stats()`` has them, or None."""

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def latency(self) -> Seconds:
        """Returns the seconds from arrival to answer."""
        return self.finish - self.arrival

    @property
    def wait(self) -> Seconds:
        """Returns the seconds from arrival to the start of the first batch."""
        return self.start - self.arrival

    @property
    def throughput(self) -> float:
        """Returns the requests per second from the first arrival to the last answer."""
        served = np.isfinite(self.finish)
        seconds = np.nanmax(self.finish, initial=0.0) - self.arrival[:1].sum()
        return float(served.sum() / seconds) if seconds > 0 else 0.0


def simulate(
    trace: Trace,
    *,
    scheduler: SchedulerConfig | Baseline,
    costs: Costs,
    servers: int = 1,
    drain: bool = True,
    gate: bool = False,
    closed_loop: ClosedLoop | None = None,
    max_resident: int | None = None,
) -> Records:
    """Plays a trace through the batch former of a scheduler, on a virtual clock.

    The clock counts nanoseconds. A run that is longer than 2⁶³ of them (292 years) is played with
    coarser ticks: 2¹⁶ ns, or a power of that.

    Args:
        trace: the requests. Without arrivals all arrive at time 0; without predictions the true
            lengths are predicted. A prompt's ``cached_tokens`` are in no cost of its prefill, but
            count in the caches of the rows.
        scheduler: a configuration (the ``config`` of a live scheduler), or a ``Baseline`` to
            compare with. The capacity is ignored, and a request over the budget runs alone. With
            ``adapt`` the scheduler adapts to the finished requests.
        costs: how long a batch takes, a ``CostModel`` or a ``CostTable``.
        servers: how many servers run batches at the same time; an idle one takes the next batch.
        drain: closes the scheduler after the last arrival, so that it serves every request.
            Without it a strict scheduler leaves partial bins behind.
        gate: watches the predictions of the last finished requests. Once bins would gain less than
            10 % throughput, arriving requests go to the first bin, until bins would gain 15 %.
            This is the gate of ``Adapt``, also for a scheduler without one. Baselines have none.
        closed_loop: users that send the trace's requests, instead of the trace's own times. A user
            sends its next request after the answer to the one before. Strict bins may wait for
            requests that are then never sent. Requests that were not sent have NaN for all times;
            those that wait have only their arrival. Continuous batching in chunks notices answers
            at the end of a chunk.
        max_resident: the most rows whose state a server holds, running or waiting to go on, at
            least the rows of a batch. A batch starts no more new rows than there is room for.
            None sets no limit.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of range, or not all times are finite with these ``costs``.

    >>> import multibin as mb
    >>> from multibin.lab.traces import chat
    >>> config = mb.SchedulerConfig(mb.Edges([0, 32, 256]), batch_size=8)
    >>> records = mb.simulate(chat(100, seed=0), scheduler=config, costs=mb.CostModel(step=0.02))
    >>> len(records), bool((records.finish > 0).all())
    (100, True)
    """
    _check(trace, costs, closed_loop)
    users, arrival = _arrivals(trace, closed_loop)
    predicted = trace.output_tokens if trace.predicted is None else trace.predicted
    requests, batches, events, adaptation = _core.simulate(
        scheduler,
        arrival,
        predicted,
        trace.output_tokens,
        trace.prompt_tokens,
        "table" if isinstance(costs, CostTable) else "linear",
        costs.parameters,
        costs.completes,
        servers,
        drain,
        gate,
        users,
        max_resident,
        trace.cached_tokens,
    )
    return Records(
        batches=Batches(**cast(dict[str, Any], batches)),
        events=tuple(Event(*cast(Any, event)) for event in events),
        adaptation=cast("Adaptation | None", adaptation),
        **cast(dict[str, Any], requests),
    )


def _check(trace: Trace, costs: Costs, closed_loop: ClosedLoop | None) -> None:
    """Raises a ``TypeError`` for another class; the core checks the other arguments."""
    from multibin.lab.traces import Trace
    from multibin.lab.traces.arrivals import ClosedLoop

    expected: list[tuple[str, object, tuple[type, ...]]] = [
        ("trace", trace, (Trace,)),
        ("costs", costs, (CostModel, CostTable)),
    ]
    if closed_loop is not None:
        expected.append(("closed_loop", closed_loop, (ClosedLoop,)))
    for name, value, classes in expected:
        if not isinstance(value, classes):
            names = " or ".join(f"a {each.__name__}" for each in classes)
            raise TypeError(_args.sentence(name, names, value))


def _arrivals(trace: Trace, closed_loop: ClosedLoop | None) -> tuple[int | None, Seconds]:
    """Returns the number of users and their pauses, or None and the times of arrival."""
    if closed_loop is None:
        return None, np.zeros(len(trace)) if trace.arrivals is None else trace.arrivals
    if len(closed_loop.pauses) != len(trace):
        rule = f"one for each of {len(trace)} requests"
        raise ValueError(_args.sentence("closed_loop.pauses", rule, len(closed_loop.pauses)))
    return closed_loop.users, closed_loop.pauses
