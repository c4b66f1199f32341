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
    """A policy and what became of the requests. Times are seconds."""

    policy: Policy
    records: mb.Records
    output_tokens: NDArray[np.int64]
    """True lengths in steps, shape ``[n]``."""
    batch_size: int
    skipped: int
    """Requests at the start that latencies and waits leave out."""
    saturation: float | None = None
    """The highest stable rate, requests per second; None if it was not searched."""

    @property
    def throughput(self) -> float:
        """Requests per second from the first arrival to the last answer, all requests."""
        return self.records.throughput

    @property
    def latency(self) -> NDArray[np.float64]:
        """From arrival to answer, after the warm-up."""
        return self.records.latency[self.skipped :]

    @property
    def longest(self) -> NDArray[np.intp]:
        """Positions of the longest 1 % after the warm-up, at least one."""
        lengths = self.output_tokens[self.skipped :]
        count = max(1, round(LONGEST * len(lengths)))
        return self.skipped + np.argsort(-lengths, kind="stable")[:count]

    @property
    def longest_wait_p99(self) -> float:
        """The 99 % quantile of the wait for the first batch, of the longest 1 %."""
        return float(np.quantile(self.records.wait[self.longest], 0.99))

    @property
    def longest_latency_p99(self) -> float:
        """The 99 % quantile of the latency of the longest 1 %."""
        return float(np.quantile(self.records.latency[self.longest], 0.99))

    @property
    def slot_efficiency(self) -> float | None:
        """Useful steps, those of requests that finish, over batch size × steps of all batches; None
        where that is not the slots' use.
        """
        if not self.policy.slots:
            return None
        steps = self.records.batches.steps.astype(np.int64).sum()
        useful = self.output_tokens[np.isfinite(self.records.finish)].sum()
        return float(useful / (self.batch_size * steps))

    @property
    def entries(self) -> float:
        """Batches that a request was in, on average."""
        return float(self.records.entries.mean())

    @property
    def steady(self) -> bool:
        """Whether the backlog does not grow; else latencies depend on the run's length."""
        return is_steady(self.records)

    def latency_at(self, quantile: float) -> float:
        """A quantile of the latency after the warm-up."""
        return float(np.quantile(self.latency, quantile))


def compare(settings: Settings, trace: Trace, fit: Fit, policies: list[Policy]) -> Iterator[Result]:
    """Plays ``trace`` through each policy.

    Raises ``ValueError`` as ``multibin.simulate``.
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
    """One policy once through a trace."""
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
