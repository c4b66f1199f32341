"""What the engine's runs measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

import multibin as mb
from multibin.lab.compare.engine._policies import EnginePolicy
from multibin.lab.compare.engine._slots import Slots, of_batches, of_refill
from multibin.llm._outputs import RequestOutput

__all__ = ["EngineComparison", "EngineResult", "EngineRun", "run_of"]


@dataclass(frozen=True)
class EngineRun:
    """One policy once through all requests. Times are seconds.

    >>> from multibin.lab.compare.engine import EngineRun
    >>> from multibin.lab.compare.engine._slots import of_refill
    >>> EngineRun([0.5, 1.5], of_refill([1, 2], batch_size=2)).seconds
    1.5
    """

    latencies: list[float]
    """Seconds from the start to the end of each request."""
    slots: Slots

    @property
    def seconds(self) -> float:
        """Returns the seconds until the last request ended."""
        return max(self.latencies)


def run_of(
    policy: EnginePolicy, engine: mb.LLM, batch_size: int, outputs: Sequence[RequestOutput]
) -> EngineRun:
    """Returns what a call of `generate` measured that has just returned `outputs`."""
    latencies = [o.metrics.finished_time - o.metrics.arrival_time for o in outputs]
    if not policy.refills:
        return EngineRun(latencies, of_batches(engine.records, batch_size))
    begun = sorted(outputs, key=lambda output: output.metrics.first_token_time)
    tokens = [len(output.outputs[0].token_ids) for output in begun]
    return EngineRun(latencies, of_refill(tokens, batch_size))


@dataclass
class EngineResult:
    """A policy and its runs.

    >>> from multibin.lab.compare.engine import POLICIES, EngineResult, EngineRun
    >>> from multibin.lab.compare.engine._slots import of_refill
    >>> slots = of_refill([3, 1], batch_size=2)
    >>> result = EngineResult(POLICIES[0], [EngineRun([0.5, 1.5], slots), EngineRun([1, 2], slots)])
    >>> result.seconds, result.mean_latency, result.latency_at(1.0), result.slots.efficiency
    (1.75, 1.25, 1.75, 0.6666666666666666)
    """

    policy: EnginePolicy
    runs: list[EngineRun] = field(default_factory=list)

    @property
    def slots(self) -> Slots:
        """Returns the slots of the last run. Every run has them, as none depends on time."""
        return self.runs[-1].slots

    @property
    def requests(self) -> int:
        """Returns the number of requests of a run."""
        return len(self.runs[-1].latencies)

    @property
    def seconds(self) -> float:
        """Returns the seconds of a run, the median over the runs."""
        return median(run.seconds for run in self.runs)

    @property
    def rate(self) -> float:
        """Returns useful tokens per second."""
        return self.slots.tokens / self.seconds

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

    about: str
    """The configuration, in lines: requests, lengths and bins, model and machine."""
    results: list[EngineResult]
    answers: list[tuple[str, str]] = field(default_factory=list)
    """Some prompts and the texts behind them; none where prompts are drawn."""
