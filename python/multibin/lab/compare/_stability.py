"""Searches the highest rate at which a policy is stable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import multibin as mb

__all__ = ["PRECISION", "is_steady", "saturation"]

PRECISION = 1e-3
"""Relative width at which the search ends."""

WIDEST = 1000.0
"""The factor by which the search may leave its start."""


def is_steady(records: mb.Records) -> bool:
    """Returns whether the backlog does not grow: the requests that arrived and are not answered.

    The time in which requests arrive has four quarters. The mean backlog of the last quarter may
    exceed that of the second by √n / 2 of the n requests. The backlog counts as growing where all
    requests arrive at once, or some never arrive. A request that does not finish stays in it.

    *The backlog* treats all policies alike. Waits for the first batch stay short where climbers
    pile up behind it, and quantiles stay low where a few requests starve. The throughput in
    overload exceeds the highest stable rate where short requests go first.

    *Quarters of the arrivals*: requests after the last arrival see no load, and the first quarter
    starts from an empty system.

    *√n / 2*: the backlog of a queue in exact balance wanders by the order of √n while n requests
    come. With this allowance ``saturation`` is right on average for a FIFO on chat lengths. Where a
    backlog builds up slowly, as with many bins and large batches, few requests find too little.

    >>> import multibin as mb
    >>> from multibin.lab.compare import is_steady
    >>> from multibin.lab.traces import arrivals, chat
    >>> one_bin, costs = mb.SchedulerConfig(mb.Edges([0, 1]), batch_size=8), mb.CostModel(step=0.02)
    >>> def played(rate):
    ...     trace = chat(2000, seed=0).with_arrivals(arrivals.poisson(2000, rate, seed=1))
    ...     return mb.simulate(trace, scheduler=one_bin, costs=costs)
    >>> is_steady(played(rate=1.0)), is_steady(played(rate=100.0))
    (True, False)
    """
    span = float(records.arrival[-1] - records.arrival[0])
    if span == 0 or np.isnan(records.arrival).any():
        return False
    quarters = records.arrival[0] + span * np.array([0.25, 0.5, 0.75, 1.0])
    growth = _backlog(records, *quarters[2:]) - _backlog(records, *quarters[:2])
    return bool(growth <= np.sqrt(len(records)) / 2)


def saturation(
    play: Callable[[float], mb.Records], start: float, precision: float = PRECISION
) -> float:
    """Returns the highest stable rate in requests per second, by bisection.

    Args:
        play: simulates the same requests with the same pattern of arrivals at a rate, so that runs
            differ in the rate alone.
        start: a rate of the right order.
        precision: the most that the result may be too low, relative.

    Raises:
        ValueError: no rate is stable, or every one.

    >>> import multibin as mb
    >>> from multibin.lab.compare import saturation
    >>> from multibin.lab.traces import arrivals, chat
    >>> trace = chat(2000, seed=0).with_arrivals(arrivals.poisson(2000, rate=1.0, seed=1))
    >>> config, costs = mb.SchedulerConfig(mb.Edges([0, 1]), 8), mb.CostModel(step=0.02)
    >>> rate = saturation(
    ...     lambda rate: mb.simulate(trace.scale_rate(rate), scheduler=config, costs=costs), 4.0
    ... )
    >>> 2.0 < rate < 5.0
    True
    """
    low, high = _bracket(lambda rate: is_steady(play(rate)), start)
    while high > low * (1 + precision):
        middle = float(np.sqrt(low * high))
        if is_steady(play(middle)):
            low = middle
        else:
            high = middle
    return low


def _bracket(steady: Callable[[float], bool], start: float) -> tuple[float, float]:
    """Returns a stable rate and an unstable one, at most a quarter above it."""
    rate, factor = start, 1.25 if steady(start) else 0.8
    while start / WIDEST < rate < start * WIDEST:
        following = rate * factor
        if steady(following) == (factor < 1):
            return (rate, following) if factor > 1 else (following, rate)
        rate = following
    raise ValueError(
        f"no saturation found: from {start:.4g} to {rate:.4g} requests/s the backlog always"
        f" {'grows' if factor < 1 else 'stays'}; more requests may decide"
    )


def _backlog(records: mb.Records, start: float, end: float) -> float:
    """Returns the mean number of requests without answer from ``start`` to ``end``."""
    since = np.clip(records.arrival, start, end)
    until = np.clip(np.nan_to_num(records.finish, nan=np.inf), start, end)
    return float((until - since).sum() / (end - start))
