"""Compares costs with a benchmark: predicted beside measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from multibin.costs import Costs
from multibin.lab.fit_costs._observed import Observed, observe
from multibin.lab.fit_costs._predict import Times, predict

if TYPE_CHECKING:
    from multibin._core import Baseline, SchedulerConfig
    from multibin.lab.traces import Trace

__all__ = ["METRICS", "Check", "Figure", "check", "compare"]

METRICS = {
    "ttft": "time to first token",
    "tpot": "time per output token",
    "latency": "latency",
}

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True)
class Figure:
    """One number of a benchmark: predicted and measured.

    >>> from multibin.lab.fit_costs import Figure
    >>> round(Figure("latency", "p99", measured=2.0, predicted=2.1).error, 3)
    0.05
    """

    metric: str
    """``throughput`` in requests per second, or ``ttft``, ``tpot`` or ``latency`` in seconds."""
    statistic: str
    """``mean``, ``p50``, ``p90`` or ``p99``; of the throughput ``requests``."""
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Returns the relative error of the prediction; NaN where nothing was measured."""
        return self.predicted / self.measured - 1 if self.measured else float("nan")


@dataclass(frozen=True)
class Check:
    """Predicted beside measured numbers of one benchmark.

    >>> from multibin.lab.fit_costs import Check, Figure
    >>> found = Check((Figure("latency", "p99", 2.0, 1.9),), requests=500, notes=())
    >>> round(found.figure("latency", "p99").error, 3), round(found.worst, 3)
    (-0.05, 0.05)
    """

    figures: tuple[Figure, ...]
    requests: int
    """Requests that were compared."""
    notes: tuple[str, ...]
    """What was assumed, a sentence each."""

    def figure(self, metric: str, statistic: str) -> Figure:
        """Returns one of the figures.

        Raises:
            KeyError: there is none of this name.
        """
        for figure in self.figures:
            if (figure.metric, figure.statistic) == (metric, statistic):
                return figure
        raise KeyError((metric, statistic))

    @property
    def worst(self) -> float:
        """Returns the largest relative error of a figure, without its sign."""
        errors = [abs(figure.error) for figure in self.figures]
        return max((error for error in errors if not math.isnan(error)), default=0.0)


def check(trace: Trace, costs: Costs, scheduler: SchedulerConfig | Baseline) -> Check:
    """Plays a benchmark's requests by ``scheduler``, and compares the times with those measured.

    Args:
        trace: a benchmark, as ``traces.read`` reads it, with measured times.
        costs: how long a batch takes.
        scheduler: how batches are formed, such as ``Baseline.continuous(64)``.

    Raises:
        ValueError: the trace has no measured times, or those of fewer than 20 requests.

    >>> import multibin as mb
    >>> from dataclasses import replace
    >>> from multibin.lab.fit_costs import check
    >>> from multibin.lab.traces import Measured, chat
    >>> trace, slots = chat(50, seed=0), mb.Baseline.continuous(8)
    >>> played = mb.simulate(trace, scheduler=slots, costs=mb.CostModel(step=0.02, completes="row"))
    >>> tpot = (played.finish - played.first_token) / (trace.output_tokens - 1).clip(1)
    >>> times = Measured(played.first_token, played.latency, tpot)
    >>> costs = mb.CostModel(step=0.03, completes="row")
    >>> found = check(replace(trace, measured=times), costs, slots)
    >>> round(found.figure("latency", "mean").error, 3)
    0.5
    """
    seen = observe(trace)
    return compare(trace, seen, predict(trace, seen, scheduler, costs))


def compare(
    trace: Trace, seen: Observed, found: Times, chosen: NDArray[np.bool_] | None = None
) -> Check:
    """Compares predicted times with those observed of the chosen requests, or of all."""
    rows = np.ones(len(seen), bool) if chosen is None else chosen
    target = Times.measured(seen)
    start = float(seen.arrival[rows].min())
    figures = [_throughput(target.finish[rows], found.finish[rows], start)]
    for metric in METRICS:
        theirs, ours = getattr(target, metric)[rows], getattr(found, metric)[rows]
        both = np.isfinite(theirs) & np.isfinite(ours)
        if both.any():
            figures += _statistics(metric, theirs[both], ours[both])
    return Check(tuple(figures), int(rows.sum()), _notes(trace))


def _throughput(
    measured: NDArray[np.float64], predicted: NDArray[np.float64], start: float
) -> Figure:
    rates = [len(each) / (float(np.nanmax(each)) - start) for each in (measured, predicted)]
    return Figure("throughput", "requests", *rates)


def _statistics(
    metric: str, theirs: NDArray[np.float64], ours: NDArray[np.float64]
) -> list[Figure]:
    figures = [Figure(metric, "mean", float(theirs.mean()), float(ours.mean()))]
    for name, share in QUANTILES.items():
        both = (float(np.quantile(each, share)) for each in (theirs, ours))
        figures.append(Figure(metric, name, *both))
    return figures


def _notes(trace: Trace) -> tuple[str, ...]:
    if trace.arrivals is not None:
        return ()
    return (
        "The file has no times of arrival: all requests are taken to come at once, as with an"
        " infinite request rate.",
    )
