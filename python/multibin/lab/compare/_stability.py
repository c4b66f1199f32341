"""The highest rate at which a policy is stable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import multibin as mb

__all__ = ["PRECISION", "is_steady", "saturation"]

PRECISION = 1e-3
"""Relative width at which the search ends."""

WIDEST = 1000.0
"""How far the search may go from where it starts."""


def is_steady(records: mb.Records) -> bool:
    """Whether the backlog, requests that have arrived and are not answered, does not grow: its mean
    over the last quarter of the time in which requests arrive exceeds that over the second
    quarter by at most √n / 2 of the n requests. Not so where all arrive at once, or where some
    never do. A request that does not finish is in the backlog to the end.

    *The backlog*, because it treats all policies alike: waits for the first batch stay short where
    climbers pile up behind it, quantiles stay low where a few starve, and the throughput in
    overload is higher than the highest stable rate where the short are served first.

    *Quarters of the arrivals*, because what comes after them is served without load, and the first
    quarter is the start from an empty system.

    *√n / 2*, because the backlog of a queue in exact balance wanders by the order of √n while n
    requests come. With this allowance the rate that ``saturation`` finds for a FIFO on chat lengths
    is right on average over 40 seeds (within 0.2 % of B / E[batch time]; batches of 8 and 32); from
    seed to seed it varies by 0.5 to 0.7 % with 100,000 requests and 0.2 to 0.3 % with 400,000.
    Twice the allowance finds 0.5 % too much. Where a backlog builds up slowly, as with many bins
    and large batches, few requests find too little: 1.6 % for 16 bins and batches of 32 with
    100,000, 0.7 % with 400,000.
    """
    span = float(records.arrival[-1] - records.arrival[0])
    if span == 0 or np.isnan(records.arrival).any():
        return False
    quarters = records.arrival[0] + span * np.array([0.25, 0.5, 0.75, 1.0])
    growth = _backlog(records, *quarters[2:]) - _backlog(records, *quarters[:2])
    return bool(growth <= np.sqrt(len(records)) / 2)


def saturation(play: Callable[[float], mb.Records], start: float) -> float:
    """The highest stable rate, requests per second, to ``PRECISION`` downwards, by bisection.

    ``play`` simulates the same requests and the same pattern of arrivals at a rate, so that runs
    differ in it alone, and ``start`` is a rate to begin with, of the right order.

    Raises ``ValueError`` where no rate is stable, or every one.
    """
    low, high = _bracket(lambda rate: is_steady(play(rate)), start)
    while high > low * (1 + PRECISION):
        middle = float(np.sqrt(low * high))
        if is_steady(play(middle)):
            low = middle
        else:
            high = middle
    return low


def _bracket(steady: Callable[[float], bool], start: float) -> tuple[float, float]:
    """A stable rate and one above it that is not, within a quarter of each other."""
    rate, factor = start, 1.25 if steady(start) else 0.8
    while start / WIDEST < rate < start * WIDEST:
        following = rate * factor
        if steady(following) == (factor < 1):
            return (rate, following) if factor > 1 else (following, rate)
        rate = following
    raise ValueError(
        f"saturation: from {start:.4g} to {rate:.4g} requests/s the backlog always"
        f" {'grows' if factor < 1 else 'stays'}; more requests may tell"
    )


def _backlog(records: mb.Records, start: float, end: float) -> float:
    """Mean number of requests between arrival and answer from ``start`` to ``end``."""
    since = np.clip(records.arrival, start, end)
    until = np.clip(np.nan_to_num(records.finish, nan=np.inf), start, end)
    return float((until - since).sum() / (end - start))
