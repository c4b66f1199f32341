"""Plays a workload through policies and measures them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare._policies import Fit, Policy
from multibin.lab.compare._settings import Settings
from multibin.lab.compare._stability import is_steady
from multibin.lab.compare._workloads import closed_loop
from multibin.lab.traces import Trace

__all__ = ["Result", "compare", "play"]

LONGEST = 0.01
"""Share of the requests that count as the longest."""


@dataclass(frozen=True, eq=False)
class Result:
    """A policy and its records. Times are seconds.

    >>> from multibin.lab.compare import Settings, by_name, compare, fit
    >>> from multibin.lab.traces import chat
    >>> trace, settings = chat(200, seed=0), Settings("chat", warm_up=0.0)
    >>> bins = fit(settings, trace.output_tokens)
    >>> fifo, elastic = compare(settings, trace, bins, by_name(["elastic"]))
    >>> elastic.throughput > fifo.throughput, elastic.slot_efficiency > fifo.slot_efficiency
    (True, True)
    """

    policy: Policy
    records: mb.Records
    output_tokens: NDArray[np.int64]
    """True lengths in steps, shape ``[n]``."""
    batch_size: int
    skipped: int
    """Requests at the start that latencies and waits leave out."""
    saturation: float | None = None
    """The highest stable rate, in requests per second; None if it was not searched."""

    @property
    def throughput(self) -> float:
        """Returns all requests per second, from the first arrival to the last answer."""
        return self.records.throughput

    @property
    def latency(self) -> NDArray[np.float64]:
        """Returns the seconds from arrival to answer, after the warm-up."""
        return self.records.latency[self.skipped :]

    @property
    def longest(self) -> NDArray[np.intp]:
        """Returns the positions of the longest 1 % after the warm-up, at least one."""
        lengths = self.output_tokens[self.skipped :]
        count = max(1, round(LONGEST * len(lengths)))
        return self.skipped + np.argsort(-lengths, kind="stable")[:count]

    @property
    def longest_wait_p99(self) -> float:
        """Returns the 99 % quantile of the longest 1 %'s wait for the first batch."""
        return float(np.quantile(self.records.wait[self.longest], 0.99))

    @property
    def longest_latency_p99(self) -> float:
        """Returns the 99 % quantile of the longest 1 %'s latency."""
        return float(np.quantile(self.records.latency[self.longest], 0.99))

    @property
    def slot_efficiency(self) -> float | None:
        """Returns the steps of finished requests over batch size × steps of all batches.

        It is None for a policy whose batches replace their rows.
        """
        if not self.policy.slots:
            return None
        steps = self.records.batches.steps.astype(np.int64).sum()
        useful = self.output_tokens[np.isfinite(self.records.finish)].sum()
        return float(useful / (self.batch_size * steps))

    @property
    def entries(self) -> float:
        """Returns the mean number of batches that a request was in."""
        return float(self.records.entries.mean())

    @property
    def steady(self) -> bool:
        """Returns whether the backlog does not grow.

        If it grows, latencies depend on the length of the run.
        """
        return is_steady(self.records)

    def latency_at(self, quantile: float) -> float:
        """Returns a quantile of the latency after the warm-up."""
        return float(np.quantile(self.latency, quantile))


def compare(settings: Settings, trace: Trace, fit: Fit, policies: list[Policy]) -> Iterator[Result]:
    """Plays ``trace`` through each policy and yields the results.

    Raises:
        ValueError: ``multibin.simulate`` refuses an argument.

    >>> from multibin.lab.compare import Settings, by_name, compare, fit
    >>> from multibin.lab.traces import chat
    >>> settings, trace = Settings("chat"), chat(100, seed=0)
    >>> results = compare(settings, trace, fit(settings, trace.output_tokens), by_name(["climb"]))
    >>> [result.policy.name for result in results]
    ['fifo', 'climb']
    """
    for policy in policies:
        yield Result(
            policy=policy,
            records=play(settings, trace, fit, policy),
            output_tokens=trace.output_tokens,
            batch_size=settings.batch_size,
            skipped=int(settings.warm_up * len(trace)),
        )


def play(settings: Settings, trace: Trace, fit: Fit, policy: Policy) -> mb.Records:
    """Plays ``trace`` once through one policy.

    >>> from multibin.lab.compare import Settings, by_name, fit, play
    >>> from multibin.lab.traces import chat
    >>> settings, trace = Settings("chat", batch_size=4), chat(100, seed=0)
    >>> len(play(settings, trace, fit(settings, trace.output_tokens), by_name([])[0]))
    100
    """
    if policy.blind:
        trace = trace.with_predicted(np.zeros(len(trace), np.int64))
    return mb.simulate(
        trace,
        scheduler=policy.former(fit),
        costs=settings.costs,
        servers=settings.servers,
        closed_loop=closed_loop(settings, len(trace)),
        max_resident=settings.max_resident,
    )
