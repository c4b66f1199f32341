"""Discrete-event simulation of servers that take batches: the shipped scheduler, virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from multibin import _core
from multibin.costs import CostModel, CostTable

if TYPE_CHECKING:
    from multibin._core import Baseline, SchedulerConfig
    from multibin.costs import Costs
    from multibin.stats import Adaptation
    from multibin.traces import Trace
    from multibin.traces.arrivals import ClosedLoop

__all__ = ["Batches", "Event", "Records", "simulate"]

Seconds: TypeAlias = NDArray[np.float64]

REASONS = ("light_load", "overdue", "full", "elastic", "drain")
"""What the numbers of ``Batches.reason`` mean."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Columns of the batches, in the order in which they left; shape ``[batches]``."""

    start: Seconds
    finish: Seconds
    """When the last row ended."""
    rows: NDArray[np.uint32]
    steps: NDArray[np.uint32]
    """Of the longest run. Of refill: from the start of an empty server until it is empty again."""
    bin: NDArray[np.uint32]
    """The leader's."""
    reason: NDArray[np.uint8]
    """Positions in ``REASONS``."""
    server: NDArray[np.uint32]
    parked: NDArray[np.uint32]
    """Rows with state that waited at the server meanwhile."""

    def __len__(self) -> int:
        return len(self.start)

    @property
    def resident(self) -> NDArray[np.uint32]:
        """Rows whose state the server held: the batch's and those that waited there. Of refill:
        all that were in the batch, one after another.
        """
        return self.rows + self.parked


@dataclass(frozen=True)
class Event:
    """Something that adaptation did, at the end of a batch."""

    time: float
    """Seconds on the virtual clock."""
    kind: Literal["closed", "opened", "swapped"]
    """The gate closed or opened, or other edges are in use."""
    gain: float
    """Of the gate: the throughput of bins over that of one bin. Of edges: the share of throughput
    that they gain."""
    bins: int | None
    """How many bins the edges have; None of the gate."""


@dataclass(frozen=True, eq=False)
class Records:
    """Columns of the requests, in the order of the trace; shape ``[n]``. Times are seconds on the
    virtual clock, NaN where it never came to that: a request that does not finish has no finite
    ``finish`` and counts in no throughput.

    Σ rows × steps of the batches is Σ ``steps`` + Σ ``waste`` of the requests. A batch of refill is
    a whole busy time, in which rows come and go: there Σ ``steps`` + Σ ``waste`` of its requests is
    what the slots computed, at most slots × steps.
    """

    arrival: Seconds
    start: Seconds
    """The first batch starts."""
    first_token: Seconds
    """The first step ends, or, with a ``CostTable``, the prefill of its batch."""
    finish: Seconds
    """The answer is given."""
    bin: NDArray[np.uint32]
    """Of the first batch's leader."""
    batch: NDArray[np.uint32]
    """Position of the last batch."""
    entries: NDArray[np.uint32]
    """Batches that the request was in."""
    steps: NDArray[np.uint64]
    """Steps that its slot computed for it, in all its batches: more than it takes where
    ``overrun="recompute"`` computes some again, fewer where it did not finish."""
    waste: NDArray[np.uint64]
    """Steps in which its slot waited for the longest row of its batches."""
    batches: Batches
    events: tuple[Event, ...]
    """What adaptation did, in order of time; empty without adaptation."""
    adaptation: Adaptation | None
    """What adaptation did in all, and where the gate stands at the end, as ``Scheduler.stats()``
    says it; None without adaptation."""

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def latency(self) -> Seconds:
        """Seconds from arrival to answer."""
        return self.finish - self.arrival

    @property
    def wait(self) -> Seconds:
        """Seconds from arrival to the start of the first batch."""
        return self.start - self.arrival

    @property
    def throughput(self) -> float:
        """Requests per second from the first arrival to the last answer."""
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
        trace: arrival times (all 0 if it has none), prompt and output tokens, predicted lengths
            (the true ones if it has none).
        scheduler: how it behaves (of a live one, its ``config``). Its capacity is not counted; what
            it would refuse for its budget is served alone. With ``adapt`` it adapts to what has
            finished. Or a ``Baseline``, to compare with.
        costs: how long a batch takes, a ``CostModel`` or a ``CostTable``.
        servers: how many run batches at the same time; an idle one takes the next batch.
        drain: close after the last arrival, so that everything is served. Without it a strict
            scheduler leaves partial bins behind.
        gate: watch the predictions of the last requests that finished: while bins would gain less
            than 10 % throughput (and until they would gain 15 %), requests that arrive go to the
            first bin. The gate of ``Adapt``, also for a scheduler without one. Baselines have none.
        closed_loop: users that send the trace's requests, each its next one after the answer to the
            one before; the trace's own times are not used. Strict bins may wait for requests that
            are then never sent: these have NaN for all times, and those that wait for all but their
            arrival. Refill in chunks notices at a chunk's end which rows were answered in it.
        max_resident: the most rows whose state a server holds, running or waiting to go on: a batch
            starts no more than that leaves room for. At least a batch's rows. None: no limit.

    Raises:
        ValueError, TypeError: an argument out of range, by name and value; a ``costs`` with which
            not all times are finite numbers of seconds.
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
    )
    return Records(
        batches=Batches(**cast(dict[str, Any], batches)),
        events=tuple(Event(*cast(Any, event)) for event in events),
        adaptation=cast("Adaptation | None", adaptation),
        **cast(dict[str, Any], requests),
    )


def _check(trace: Trace, costs: Costs, closed_loop: ClosedLoop | None) -> None:
    """Whether they are of their classes; the core looks at the other arguments."""
    from multibin.traces import Trace
    from multibin.traces.arrivals import ClosedLoop

    wanted: list[tuple[str, object, tuple[type, ...]]] = [
        ("trace", trace, (Trace,)),
        ("costs", costs, (CostModel, CostTable)),
    ]
    if closed_loop is not None:
        wanted.append(("closed_loop", closed_loop, (ClosedLoop,)))
    for name, value, classes in wanted:
        if not isinstance(value, classes):
            names = " or ".join(each.__name__ for each in classes)
            raise TypeError(f"{name}: needs {names}, got {value!r} of {type(value)}")


def _arrivals(trace: Trace, closed_loop: ClosedLoop | None) -> tuple[int | None, Seconds]:
    """How many users there are, and their pauses; or None, and the times of arrival."""
    if closed_loop is None:
        return None, np.zeros(len(trace)) if trace.arrivals is None else trace.arrivals
    if len(closed_loop.pauses) != len(trace):
        given = len(closed_loop.pauses)
        raise ValueError(f"closed_loop: {given} pauses for {len(trace)} requests")
    return closed_loop.users, closed_loop.pauses
