"""What could be run: a policy with its edges, batch size and waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare import Settings, Workload
from multibin.lab.compare._policies import ONE_BIN, Fit, Former, Policy, fit
from multibin.lab.plan._question import CLIMBING, PREDICTING, Question
from multibin.lab.theory import expected_max, per_bin
from multibin.lab.traces import Trace

__all__ = ["WORTH", "Candidate", "candidates"]

WORTH = 1.10
"""What bins must gain in full batches, or the gate of the scheduler would close: see ``gain``."""

PAIRS = 20_000
"""Requests whose predictions and lengths tell the gain."""

PLACED = ("optimal", "quantile")
"""Ways to place the bins that are tried."""

OPTIONS: dict[str, dict[str, Any]] = {
    "strict": {"fill": "strict"},
    "climb": {"overrun": "climb"},
    "climb-predicted": {"overrun": "climb"},
}
"""Of ``mb.Scheduler``, where they are not the default."""


@dataclass(frozen=True)
class Candidate:
    """A way to form batches, complete enough to be run."""

    policy: Policy
    settings: Settings
    """With the candidate's batch size."""
    edges: mb.Edges = ONE_BIN
    placed: str = ""
    """How the edges were fitted; empty for a single bin."""
    gain: float | None = None
    """E[longest of B] ÷ Σ mass · E[longest of B | bin of the prediction] (``theory.per_bin``), the
    throughput that bins gain in full batches; None where predictions do not matter."""
    max_wait: float | None = None
    """Seconds."""
    max_parked: int | None = None

    @property
    def batch_size(self) -> int:
        """Rows of a full batch."""
        return self.settings.batch_size

    @property
    def worth(self) -> bool:
        """Whether the predictions are worth their bins: the gain is at least ``WORTH``."""
        return self.gain is None or self.gain >= WORTH

    @property
    def options(self) -> dict[str, Any]:
        """Of ``mb.Scheduler``, beside edges and batch size."""
        given = {"max_wait": self.max_wait, "max_parked": self.max_parked}
        chosen = {name: value for name, value in given.items() if value is not None}
        return OPTIONS.get(self.policy.name, {}) | chosen

    @property
    def former(self) -> Former:
        """What ``mb.simulate`` plays."""
        if self.policy.name == "refill":
            return mb.Baseline.continuous(self.batch_size)
        return mb.SchedulerConfig(self.edges, batch_size=self.batch_size, **self.options)

    @property
    def line(self) -> str:
        """``former``, or the scheduler of it, as Python where multibin is imported as ``mb``."""
        if self.policy.name == "refill":
            return f"mb.Baseline.continuous({self.batch_size})"
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        edges = f"mb.Edges({self.edges.bounds.tolist()})"
        return f"mb.Scheduler({edges}, batch_size={self.batch_size}{options})"

    @property
    def fitted(self) -> Fit:
        """For ``comparison.compare``."""
        return Fit(self.settings, self.edges, self.edges)

    @property
    def played(self) -> Policy:
        """The policy with this candidate's former."""
        return replace(self.policy, former=lambda _: self.former)


def candidates(question: Question, load: Workload) -> list[Candidate]:
    """Every policy with every batch size and number of bins that the question allows, each once."""
    found = [
        candidate
        for batch_size in question.batch_sizes
        for candidate in _of_size(question, load, batch_size)
    ]
    return list({(each.policy.name, each.line): each for each in found}.values())


def _of_size(question: Question, load: Workload, batch_size: int) -> Iterator[Candidate]:
    settings = replace(question.settings, batch_size=batch_size)
    for policy in question.policies:
        if policy.name in ("fifo", "refill"):
            yield Candidate(policy, settings)
    for bins in question.bins:
        for placed in PLACED:
            made = fit(replace(settings, bins=bins, levels=bins, edges=placed), load.sample)
            yield from _binned(question, load, made, placed)


def _binned(question: Question, load: Workload, made: Fit, placed: str) -> Iterator[Candidate]:
    gain = _gain(load, made.edges, made.batch_size)
    for policy in question.policies:
        if policy.name in ("fifo", "refill"):
            continue
        edges, how, parked = made.edges, placed, None
        if policy.name in CLIMBING:
            edges, how, parked = made.levels, "feedback", question.max_parked
        if len(edges) == 1 and policy.name != "strict":
            continue
        known = gain if policy.name in PREDICTING and len(edges) > 1 else None
        settings = replace(made.settings, edges="optimal")
        yield Candidate(policy, settings, edges, how, known, max_parked=parked)


def _gain(load: Workload, edges: mb.Edges, batch_size: int) -> float:
    actual, predicted = _pairs(load.played)
    batch_time = per_bin(actual, edges, batch_size, predicted).batch_time
    return expected_max(actual, batch_size) / batch_time


def _pairs(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return trace.output_tokens[:PAIRS], trace.predictions[:PAIRS]
