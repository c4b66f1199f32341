"""Lists what could run: a policy with its edges, batch size and waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare import ONE_BIN, Fit, Former, Policy, Settings, fit
from multibin.lab.plan._load import Load
from multibin.lab.plan._question import CLIMBING, PREDICTING, Question
from multibin.lab.theory import expected_max, per_bin
from multibin.lab.traces import Trace

__all__ = ["MIN_GAIN", "Candidate", "candidates"]

MIN_GAIN = 1.10
"""What bins must gain in full batches: with less, the scheduler's gate would close."""

PAIRS = 20_000
"""Requests whose predictions and lengths the gain is computed from."""

PLACEMENTS = ("optimal", "quantile")
"""Ways to place the bins that are tried."""

OPTIONS: dict[str, dict[str, Any]] = {
    "strict": {"fill": "strict"},
    "climb": {"overrun": "climb"},
    "climb-predicted": {"overrun": "climb"},
}
"""Options of ``mb.Scheduler`` that differ from the default, by policy."""


@dataclass(frozen=True)
class Candidate:
    """A way to form batches, complete enough to run.

    >>> import multibin as mb
    >>> from multibin.lab.compare import Settings, by_name
    >>> from multibin.lab.plan import Candidate
    >>> elastic = by_name(["elastic"])[1]
    >>> candidate = Candidate(elastic, Settings("chat"), mb.Edges([0, 32, 256]), "optimal")
    >>> candidate.description
    'elastic, 2 optimal bins, batches of up to 8'
    >>> candidate.python
    'mb.Scheduler(mb.Edges([0, 32, 256]), batch_size=8)'
    """

    policy: Policy
    settings: Settings
    """The settings of the load, with the candidate's batch size."""
    edges: mb.Edges = ONE_BIN
    placement: str = ""
    """How the edges were fitted; empty for a single bin."""
    gain: float | None = None
    """The throughput that bins gain in full batches; None where predictions do not matter.

    It is E[longest of B] ÷ Σ mass · E[longest of B | bin of the prediction], ``theory.per_bin``."""
    max_wait: float | None = None
    """Seconds."""
    max_parked: int | None = None

    @property
    def batch_size(self) -> int:
        """Returns the rows of a full batch."""
        return self.settings.batch_size

    @property
    def gains_enough(self) -> bool:
        """Returns whether the predictions justify their bins: the gain is at least ``MIN_GAIN``."""
        return self.gain is None or self.gain >= MIN_GAIN

    @property
    def options(self) -> dict[str, Any]:
        """Returns the options of ``mb.Scheduler`` beside edges and batch size."""
        limits = {"max_wait": self.max_wait, "max_parked": self.max_parked}
        chosen = {name: value for name, value in limits.items() if value is not None}
        return OPTIONS.get(self.policy.name, {}) | chosen

    @property
    def former(self) -> Former:
        """Returns what ``mb.simulate`` plays."""
        if self.policy.name == "continuous":
            return mb.Baseline.continuous(self.batch_size)
        return mb.SchedulerConfig(self.edges, batch_size=self.batch_size, **self.options)

    @property
    def python(self) -> str:
        """Returns the scheduler or baseline as Python, with multibin imported as ``mb``."""
        if self.policy.name == "continuous":
            return f"mb.Baseline.continuous({self.batch_size})"
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        edges = f"mb.Edges({self.edges.bounds.tolist()})"
        return f"mb.Scheduler({edges}, batch_size={self.batch_size}{options})"

    @property
    def description(self) -> str:
        """Returns policy, bins, batch size and waits in a few words."""
        bins = len(self.edges)
        kind = "levels" if self.placement == "feedback" else f"{self.placement} bins"
        parts = [self.policy.name]
        if self.placement:
            parts.append(f"{bins} {kind}" if bins > 1 else "one bin")
        parts.append(f"batches of up to {self.batch_size}")
        if self.max_wait is not None:
            parts.append(f"overdue after {self.max_wait:g} s")
        if self.max_parked is not None:
            parts.append(f"at most {self.max_parked} parked")
        return ", ".join(parts)

    @property
    def fit(self) -> Fit:
        """Returns the edges for ``compare`` and ``play``."""
        return Fit(self.batch_size, self.edges, self.edges)

    @property
    def own_policy(self) -> Policy:
        """Returns the policy with the candidate's own former, for ``compare`` and ``play``."""
        return replace(self.policy, former=lambda _: self.former)


def candidates(question: Question, load: Load) -> list[Candidate]:
    """Returns each policy with each batch size and number of bins that the question allows.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question, candidates, load
    >>> from multibin.lab.traces import chat
    >>> settings = Settings("chat", rate=1.0)
    >>> question = Question(settings, Objective(1.0), batch_sizes=(8,), bins=(4,))
    >>> found = candidates(question, load(question, chat(2000, seed=0)))
    >>> found[0].description, len(found)
    ('fifo, batches of up to 8', 8)
    """
    found = [
        candidate
        for batch_size in question.batch_sizes
        for candidate in _of_size(question, load, batch_size)
    ]
    return list({(each.policy.name, each.python): each for each in found}.values())


def _of_size(question: Question, load: Load, batch_size: int) -> Iterator[Candidate]:
    settings = replace(question.settings, batch_size=batch_size)
    for policy in question.policies:
        if policy.name in ("fifo", "continuous"):
            yield Candidate(policy, settings)
    for bins in question.bins:
        for placement in PLACEMENTS:
            binned = replace(settings, bins=bins, levels=bins, edges=placement)
            yield from _binned(question, load, binned)


def _binned(question: Question, load: Load, settings: Settings) -> Iterator[Candidate]:
    found = fit(settings, load.sample)
    gain = _gain(load, found.edges, settings.batch_size)
    for policy in question.policies:
        if policy.name in ("fifo", "continuous"):
            continue
        edges, placement, parked = found.edges, settings.edges, None
        if policy.name in CLIMBING:
            edges, placement, parked = found.levels, "feedback", question.max_parked
        if len(edges) == 1 and policy.name != "strict":
            continue
        known = gain if policy.name in PREDICTING and len(edges) > 1 else None
        own = replace(settings, edges="optimal")
        yield Candidate(policy, own, edges, placement, known, max_parked=parked)


def _gain(load: Load, edges: mb.Edges, batch_size: int) -> float:
    actual, predicted = _pairs(load.trace)
    batch_time = per_bin(actual, edges, batch_size, predicted).batch_time
    return expected_max(actual, batch_size) / batch_time


def _pairs(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return trace.output_tokens[:PAIRS], trace.predictions[:PAIRS]
