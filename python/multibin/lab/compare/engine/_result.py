"""What the engine's runs measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

import numpy as np

from multibin.lab.compare._policies import Fit, Policy
from multibin.lab.compare._workloads import Workload
from multibin.lab.compare.engine._settings import EngineSettings
from multibin.llm._outputs import BatchRecord

__all__ = ["EngineComparison", "EngineResult", "EngineRun"]


@dataclass(frozen=True)
class EngineRun:
    """One policy once through all requests. Times are seconds.

    >>> from multibin.lab.compare.engine import EngineRun
    >>> EngineRun([0.5, 1.5], records=[]).seconds
    1.5
    """

    latencies: list[float]
    """Seconds from the start to the end of each request."""
    records: list[BatchRecord]

    @property
    def seconds(self) -> float:
        """Returns the seconds until the last request ended."""
        return max(self.latencies)


@dataclass
class EngineResult:
    """A policy and its runs.

    >>> from multibin.lab.compare import by_name
    >>> from multibin.lab.compare.engine import EngineResult, EngineRun
    >>> fifo = by_name([])[0]
    >>> result = EngineResult(fifo, 8, [EngineRun([0.5, 1.5], []), EngineRun([1.0, 2.0], [])])
    >>> result.seconds, result.mean_latency, result.latency_at(1.0)
    (1.75, 1.25, 1.75)
    """

    policy: Policy
    batch_size: int
    runs: list[EngineRun] = field(default_factory=list)

    @property
    def records(self) -> list[BatchRecord]:
        """Returns the batches of the last run. Every run forms them, as none depends on time."""
        return self.runs[-1].records

    @property
    def requests(self) -> int:
        """Returns the number of requests of a run."""
        return len(self.runs[-1].latencies)

    @property
    def seconds(self) -> float:
        """Returns the seconds of a run, the median over the runs."""
        return median(run.seconds for run in self.runs)

    @property
    def tokens(self) -> int:
        """Returns the tokens that were asked for and generated."""
        return sum(record.useful_tokens for record in self.records)

    @property
    def slot_efficiency(self) -> float:
        """Returns useful tokens over batch size × steps of each batch's longest run."""
        return self.tokens / (self.batch_size * self.steps)

    @property
    def steps(self) -> int:
        """Returns the steps of each batch's longest run, summed: one token a row each."""
        return sum(record.steps for record in self.records)

    @property
    def rows_computed(self) -> int:
        """Returns the rows of all forward passes, summed."""
        return sum(record.rows_computed for record in self.records)

    @property
    def mean_latency(self) -> float:
        """Returns the mean seconds from the start to a request's end, the median over the runs."""
        return median(float(np.mean(run.latencies)) for run in self.runs)

    def latency_at(self, quantile: float) -> float:
        """Returns a quantile of the seconds to a request's end, the median over the runs."""
        return median(float(np.quantile(run.latencies, quantile)) for run in self.runs)


@dataclass(frozen=True)
class EngineComparison:
    """The policies side by side, with what they ran on."""

    settings: EngineSettings
    workload: Workload
    fit: Fit
    model: str
    """The model's name."""
    machine: str
    """Device, threads and version of torch."""
    results: list[EngineResult]
