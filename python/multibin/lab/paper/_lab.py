"""Simulates the paper's three workloads with the shipped scheduler.

A step is a millisecond, so that real-valued times are lengths in whole steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.theory import Distribution
from multibin.lab.traces import Trace, arrivals, from_arrays

__all__ = ["EXPONENTIAL", "GSM8K", "TOKENS", "UNIFORM", "Curve", "Lab", "Load", "saturation"]

Floats = NDArray[np.float64]

STEPS_PER_SECOND = 1000
COSTS = mb.CostModel(step=1 / STEPS_PER_SECOND)

SEED = 20_240_412

SECONDS_PER_TOKEN = 0.00702
"""Seconds per token that the absolute rates of Fig. 6 need; the 0.0366 of Fig. 5 is a slip."""

TOKENS = np.array(
    [
        *(34, 87, 102, 113, 122, 129, 136, 142, 147, 153, 158, 164, 169, 174, 179, 184, 190, 195),
        *(201, 205, 212, 218, 224, 231, 238, 245, 253, 262, 271, 280, 290, 300, 313, 328, 343, 360),
        *(382, 407, 437, 488, 579),
    ]
)
"""GSM8K answers, read from the points of Fig. 5: quantiles at 0, 2.5 … 100 %."""


@dataclass(frozen=True, eq=False)
class Load:
    """A workload of the paper: Poisson arrivals, strict bins; seconds and requests per second."""

    times: Distribution
    inverse: Callable[[Floats], Floats]
    """The time below which a fraction of the requests lies, which turns uniform draws into times.

    ``times.quantile`` has more digits and is slow."""
    edges: Callable[[int], Floats]
    """Returns the k + 1 bounds of k bins."""
    batch_size: int
    servers: int
    rates: Floats
    """Rates of the paper's figure."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One load at all its rates; shape ``[rates]``."""

    throughput: Floats
    """Requests per second, from the first arrival to the last answer."""
    latency: Floats
    """Mean seconds from arrival to answer, without the first tenth and the last twentieth.

    The start finds empty bins, and the end closes half-filled ones."""


def _equal_mass(times: Distribution) -> Callable[[int], Floats]:
    return lambda bins: times.quantile(np.linspace(0, 1, bins + 1))


_UNIFORM = Distribution.uniform(1, 20)
_ANSWERS = Distribution.quantiles(TOKENS * SECONDS_PER_TOKEN)

UNIFORM = Load(
    _UNIFORM,
    inverse=lambda p: 1 + 19 * p,
    edges=_equal_mass(_UNIFORM),
    batch_size=128,
    servers=1,
    rates=np.linspace(4, 12, 21),
)
"""Figs. 3 and 4: l ~ U[1, 20] seconds."""

GSM8K = Load(
    _ANSWERS,
    inverse=lambda p: np.interp(p, np.linspace(0, 1, len(TOKENS)), TOKENS * SECONDS_PER_TOKEN),
    edges=_equal_mass(_ANSWERS),
    batch_size=8,
    servers=8,
    rates=np.linspace(8, 40, 17),
)
"""Fig. 6: answers of a language model, equal-mass bins."""

EXPONENTIAL = Load(
    Distribution.exponential(10),
    inverse=lambda p: -10 * np.log1p(-p),
    edges=lambda bins: theory.exponential_edges(10, bins, 200),
    batch_size=200,
    servers=1,
    rates=np.linspace(1, 14, 14),
)
"""Fig. 9: exponential times of mean 10 seconds, edges of Lemma A.1."""


def saturation(load: Load, bounds: ArrayLike) -> float:
    """Returns the requests per second with full batches only, in closed form (Prop. 4.1)."""
    return load.servers * theory.throughput(load.times, bounds, load.batch_size)


class Lab:
    """Simulates the loads. Each load has its own requests, equal for all bins and rates.

    Args:
        requests: requests of a run. The noisiest number is the mean latency near saturation. With
            400,000 requests its standard error is about .5 %; with 100,000 some rows leave their
            tolerance by chance.
        report: is called with a short line before each run.

    >>> from multibin.lab.paper import Lab
    >>> lines = []
    >>> lab = Lab(requests=1000, report=lines.append)
    >>> lab.report("done")
    >>> lines
    ['done']
    """

    def __init__(
        self, requests: int = 400_000, report: Callable[[str], object] = lambda _: None
    ) -> None:
        self.requests = requests
        self.report = report
        self._traces: dict[Load, Trace] = {}
        self._curves: dict[tuple[Load, int], Curve] = {}

    def saturated(self, load: Load, bins: int) -> float:
        """Returns the requests per second when all requests are there at the start."""
        self.report(f"saturation, k={bins}")
        return self._play(self._trace(load).with_arrivals(None), load, bins).throughput

    def latency(self, load: Load, bins: int, rate: float, servers: int) -> float:
        """Returns the mean latency of ``Curve`` at one rate, with another number of servers."""
        self.report(f"k={bins} at λ={rate:g}, {servers} servers")
        trace = self._trace(load).scale_rate(rate)
        return _steady(self._play(trace, load, bins, servers))

    def curve(self, load: Load, bins: int) -> Curve:
        """Returns the load at all its rates. Each curve is simulated once."""
        if (load, bins) not in self._curves:
            records = [self._at(load, bins, rate) for rate in load.rates]
            throughput, latency = np.array(records).T
            self._curves[load, bins] = Curve(throughput, latency)
        return self._curves[load, bins]

    def _at(self, load: Load, bins: int, rate: float) -> tuple[float, float]:
        self.report(f"k={bins} at λ={rate:g}")
        records = self._play(self._trace(load).scale_rate(rate), load, bins)
        return records.throughput, _steady(records)

    def _play(self, trace: Trace, load: Load, bins: int, servers: int | None = None) -> mb.Records:
        # The last bin has no upper end, whatever its bound.
        inner = load.edges(bins)[:-1] * STEPS_PER_SECOND
        edges = mb.Edges([*inner, 2**32 - 1])
        scheduler = mb.SchedulerConfig(edges, load.batch_size, fill="strict")
        return mb.simulate(trace, scheduler=scheduler, costs=COSTS, servers=servers or load.servers)

    def _trace(self, load: Load) -> Trace:
        """Returns the requests of a load at one per second."""
        if load not in self._traces:
            draws = np.random.default_rng(SEED).random(self.requests)
            steps = np.rint(load.inverse(draws) * STEPS_PER_SECOND).clip(1).astype(np.int64)
            times = arrivals.poisson(self.requests, 1.0, seed=SEED + 1)
            self._traces[load] = from_arrays(np.zeros_like(steps), steps, arrivals=times)
        return self._traces[load]


def _steady(records: mb.Records) -> float:
    n = len(records)
    return float(records.latency[n // 10 : n - n // 20].mean())
