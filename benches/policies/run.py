"""Plays policies and measures them, each run once."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from benches.policies.model import MOVE, POLICIES, Lab, Load, Policy, costs
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare import is_steady, saturation
from multibin.lab.traces import Trace

__all__ = ["MEASURES", "Runs"]

WARM_UP, LONGEST = 0.1, 0.01
MEASURES = (
    *("mean", "p99", "p99.9", "worst"),
    *("long mean", "long p99", "long p99.9", "long worst"),
    *("wait mean", "wait p99", "long wait mean", "long wait p99"),
    *("steady", "begun"),
)
"""Latencies in seconds of all requests and of the longest 1 %, and waits for the first batch.

``steady``: the backlog stays. ``begun``: the most requests that had begun and not finished while
others arrived."""


@dataclass
class Runs:
    """Runs by policy, load, batch size and rate; one row of ``MEASURES`` a seed."""

    lab: Lab
    policies: Mapping[str, Policy] = field(default_factory=lambda: POLICIES)

    def __post_init__(self) -> None:
        self.at = cache(self._at)
        self.saturations = cache(self._saturations)
        self.rates_of_p99 = cache(self._rates_of_p99)
        self.count, self.began = 0, time.perf_counter()

    def _at(self, name: str, load: Load, batch_size: int, rate: float) -> NDArray[np.float64]:
        """Measures at a rate in requests per second; shape ``[seeds, measures]``."""
        rows = []
        for seed in range(self.lab.seeds):
            records = self.play(name, load, batch_size, rate, self.lab.requests, seed)
            rows.append(_measure(records, self.lab.drawn(load, self.lab.requests, seed)))
        return np.array(rows)

    def relative(self, name: str, load: Load, batch_size: int, x: float) -> NDArray[np.float64]:
        """Measures at a multiple of FIFO's saturation."""
        return self.at(name, load, batch_size, x * self.lab.base(load, batch_size))

    def mean(self, name: str, load: Load, batch_size: int, x: float, measure: str) -> float:
        """Returns one measure at a multiple of FIFO's saturation, the mean over seeds."""
        column = self.relative(name, load, batch_size, x)[:, MEASURES.index(measure)]
        return float(column.mean())

    def steady(self, name: str, load: Load, batch_size: int, x: float) -> bool:
        """Returns whether the backlog stays in most seeds."""
        return self.mean(name, load, batch_size, x, "steady") > 0.5

    def play(
        self,
        name: str,
        load: Load,
        batch_size: int,
        rate: float,
        n: int,
        seed: int,
        move: float | None = MOVE,
    ) -> mb.Records:
        self._progress()
        policy = self.policies[name]
        trace = self.lab.drawn(load, n, seed).scale_rate(rate)
        if policy.blind:
            trace = trace.with_predicted(np.zeros(n, np.int64))
        former = policy.former(*self.lab.edges(load.shape, batch_size, move), batch_size)
        model = costs(batch_size, policy, move)
        return mb.simulate(
            trace, scheduler=former, costs=model, servers=load.servers, gate=policy.gate
        )

    def _saturations(
        self,
        name: str,
        batch_size: int,
        seeds: int,
        move: float | None = MOVE,
        error: float | None = 0.0,
        longer: int = 1,
    ) -> NDArray[np.float64]:
        """Returns the highest stable rates on Poisson chat, one a seed, in requests per second.

        ``longer`` multiplies the number of requests.
        """
        load, n = Load(error=error), longer * self.lab.searched
        start, found = self.lab.base(load, batch_size) * 1.5, []
        for seed in range(seeds):
            own = self.lab.drawn(load, n, seed).rate
            start = saturation(
                lambda rate, seed=seed, own=own: self.play(  # type: ignore[misc]
                    name, load, batch_size, rate / own, n, seed, move
                ),
                start,
            )
            found.append(start)
        return np.array(found)

    def _rates_of_p99(self, name: str, batch_size: int, seconds: float) -> NDArray[np.float64]:
        """Returns the rates at which the p99 latency reaches ``seconds``, one a seed."""
        return np.array([self._rate(name, batch_size, seconds, s) for s in range(self.lab.seeds)])

    def _rate(self, name: str, batch_size: int, seconds: float, seed: int) -> float:
        load, n = Load(), self.lab.requests
        low, high = 0.5 * self.lab.base(load, batch_size), self.lab.bound(load, batch_size)
        while high > low * 1.001:
            middle = (low + high) / 2
            records = self.play(name, load, batch_size, middle, n, seed)
            reached = np.quantile(records.latency[int(WARM_UP * n) :], 0.99) > seconds
            low, high = (low, middle) if reached else (middle, high)
        return low

    def _progress(self) -> None:
        self.count += 1
        if self.count % 100 == 0:
            seconds = time.perf_counter() - self.began
            print(f"\r{self.count:,} simulations, {seconds:.0f} s", end="", file=sys.stderr)


def _measure(records: mb.Records, drawn: Trace) -> list[float]:
    skipped = int(WARM_UP * len(drawn))
    lengths = drawn.output_tokens[skipped:]
    long = np.argsort(-lengths, kind="stable")[: max(1, round(LONGEST * len(lengths)))]
    latency, wait = records.latency[skipped:], records.wait[skipped:]
    return [
        *_summary(latency, (0.99, 0.999, 1.0)),
        *_summary(latency[long], (0.99, 0.999, 1.0)),
        *_summary(wait, (0.99,)),
        *_summary(wait[long], (0.99,)),
        float(is_steady(records)),
        _begun(records),
    ]


def _begun(records: mb.Records) -> float:
    """Returns the most rows that run or wait with state; ends count before starts."""
    last = records.arrival[-1]
    times = np.concatenate([records.finish, records.start])
    steps = np.repeat([-1, 1], len(records))
    order = np.argsort(times, kind="stable")
    return float(np.cumsum(steps[order])[times[order] <= last].max())


def _summary(values: NDArray[np.float64], quantiles: Sequence[float]) -> list[float]:
    return [float(values.mean()), *np.quantile(values, quantiles).tolist()]
