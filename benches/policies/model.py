"""What is compared: loads, policies and what a batch costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.traces import Trace, arrivals, lengths, predictions

__all__ = [
    *("BATCH_SIZES", "BINS", "FIXED", "LEVELS", "MODELS", "MOVE", "POLICIES", "STEP"),
    *("Former", "Lab", "Load", "Policy", "costs"),
]

Former: TypeAlias = mb.SchedulerConfig | mb.Baseline

BATCH_SIZES = (8, 32)
FIXED, STEP = 0.05, 0.02
"""Seconds of a batch and of each of its steps."""
MOVE = 2.0
"""Steps that a full batch of rows pays for coming with state from another batch."""
BINS, LEVELS = 16, 12
SAMPLE = 20_000
"""Lengths that edges are fitted to, drawn apart from those that are played."""


@dataclass(frozen=True)
class Load:
    """Requests and how they arrive. The rate is given apart."""

    shape: str = "chat"
    cv: float = 1.0
    """Standard deviation of the gaps between arrivals over their mean; 1: Poisson."""
    error: float | None = 0.0
    """σ of the predictions: true length × exp(σ·Z). None: shuffled, no information."""
    servers: int = 1
    spell: tuple[float, float] = (0.0, 1.0)
    """Shares of the run between which predictions have the error; they are true outside."""


@dataclass(frozen=True)
class Policy:
    """A way to form batches, from edges (of bins, of levels) and a batch size."""

    name: str
    former: Callable[[mb.Edges, mb.Edges, int], Former]
    blind: bool = False
    """Every request is predicted 0 and starts in the first level."""
    free: bool = False
    """``fixed`` is not charged."""
    gate: bool = False
    """It has one bin while predictions are useless."""


ONE_BIN = mb.Edges([0, 1])
OPEN = 2**32 - 1


def _vbs(_bins: mb.Edges, _levels: mb.Edges, b: int) -> Former:
    """Returns the paper's cells (lengths up to 50, 100, 150, 200, open), scaled to end with B."""
    sizes = [(upper, b * more) for upper, more in ((50, 16), (100, 8), (150, 4), (200, 2))]
    return mb.Baseline.sorted_window(16 * b, [*sizes, (OPEN, b)])


def _heavy(weight: Literal["wait", "wait squared"]) -> Callable[[mb.Edges, mb.Edges, int], Former]:
    return lambda bins, _, b: mb.Baseline.heaviest_bin(bins, b, weight=weight)


def _climb(levels: mb.Edges, b: int, parked: int | None = None) -> Former:
    return mb.SchedulerConfig(levels, b, overrun="climb", max_parked=parked)


def _continuous(chunk: int) -> Callable[[mb.Edges, mb.Edges, int], Former]:
    return lambda _bins, _levels, b: mb.Baseline.continuous(b, chunk=chunk)


POLICIES = {
    policy.name: policy
    for policy in (
        Policy("FIFO", lambda _, __, b: mb.SchedulerConfig(ONE_BIN, b)),
        Policy("strict bins", lambda bins, _, b: mb.SchedulerConfig(bins, b, fill="strict")),
        Policy("elastic bins", lambda bins, _, b: mb.SchedulerConfig(bins, b)),
        Policy("elastic bins, gated", lambda bins, _, b: mb.SchedulerConfig(bins, b), gate=True),
        Policy("climbing, blind", lambda _, levels, b: _climb(levels, b), blind=True),
        Policy(
            "climbing, blind, 2B parked", lambda _, levels, b: _climb(levels, b, 2 * b), blind=True
        ),
        Policy("climbing, predicted", lambda _, levels, b: _climb(levels, b)),
        Policy("recompute", lambda bins, _, b: mb.SchedulerConfig(bins, b, overrun="recompute")),
        Policy("sorted window 8B", lambda _, __, b: mb.Baseline.sorted_window(8 * b, [(OPEN, b)])),
        Policy("VBS, up to 16B rows", _vbs),
        Policy("shortest first", lambda _, __, b: mb.Baseline.shortest_first(b)),
        Policy("look-ahead 8B", lambda _, __, b: mb.Baseline.look_ahead(b, 8 * b)),
        Policy("nearest, no bins", lambda _, __, b: mb.Baseline.nearest(b)),
        Policy("heaviest bin, Σ wait", _heavy("wait")),
        Policy("heaviest bin, Σ wait²", _heavy("wait squared")),
        Policy("continuous, every step", _continuous(1)),
        Policy("continuous, every 16", _continuous(16)),
        Policy("continuous, every step, fixed = 0", _continuous(1), free=True),
        Policy("continuous, every 16, fixed = 0", _continuous(16), free=True),
    )
}
MODELS = {
    "a batch of moved rows 2 steps": MOVE,
    "each moved row 2 steps": None,
    "moves for nothing": 0.0,
}
"""Steps that a full batch of moved rows pays; None: 2 a row."""


def costs(batch_size: int, policy: Policy, move: float | None = MOVE) -> mb.CostModel:
    """Returns what a batch costs. Each moved row pays 1/B of ``move``."""
    steps = 2.0 * batch_size if move is None else move
    fixed = 0.0 if policy.free else FIXED
    return mb.CostModel(fixed=fixed, step=STEP, moved_row=steps * STEP / batch_size)


@dataclass(frozen=True)
class Seed:
    """A seed for each thing that is drawn, so that none repeats the draws of another."""

    requests: int
    arrivals: int
    predictions: int

    @classmethod
    def of(cls, seed: int) -> Seed:
        return cls(*np.random.SeedSequence(seed).generate_state(3).tolist())


def _predicted(load: Load, actual: NDArray[np.int64], seeds: Seed) -> NDArray[np.int64]:
    if load.error is None:
        wrong = predictions.shuffled(actual, seeds.predictions)
    else:
        wrong = predictions.log_normal(actual, load.error, seeds.predictions)
    first, last = (round(share * len(actual)) for share in load.spell)
    return np.concatenate([actual[:first], wrong[first:last], actual[last:]])


class Lab:
    """Draws requests and fits edges.

    ``chat`` are the lengths that the chat load resamples; seeds count from ``first``.
    """

    def __init__(
        self, chat: NDArray[np.int64], requests: int, searched: int, seeds: int, first: int = 0
    ) -> None:
        self.chat, self.requests, self.searched = chat, requests, searched
        self.seeds, self.first = seeds, first
        self.drawn = cache(self._drawn)
        self.sample = cache(lambda shape: self.lengths(shape, SAMPLE, 10**6))
        self.edges = cache(self._edges)

    def lengths(self, shape: str, n: int, seed: int) -> NDArray[np.int64]:
        """Returns true output lengths of one of the shapes, in tokens."""
        if shape == "chat":
            return lengths.empirical(n, self.chat, seed)
        if shape == "uniform 90–110":
            return lengths.uniform(n, 90, 110, seed)
        if shape == "exponential":
            return lengths.exponential(n, 200, seed, high=2000)
        if shape == "bimodal":
            return lengths.bimodal(n, 60, 900, 0.2, seed)
        raise ValueError(f"shape must be one of the shapes, got {shape!r}")

    def _drawn(self, load: Load, n: int, seed: int) -> Trace:
        """Returns the requests of a load at 1 per second, one server."""
        seeds = Seed.of(self.first + seed)
        actual = self.lengths(load.shape, n, seeds.requests)
        times = arrivals.gamma(n, 1.0, load.cv, seeds.arrivals)
        return Trace(np.zeros(n, np.int64), actual, times, _predicted(load, actual, seeds))

    def _edges(self, shape: str, batch_size: int, move: float | None) -> tuple[mb.Edges, mb.Edges]:
        """Returns bins and levels, fitted to true lengths."""
        sample = self.sample(shape)
        steps = 2.0 * batch_size if move is None else move
        levels = mb.Edges.feedback(sample, LEVELS, steps + FIXED / STEP)
        return mb.Edges.optimal(sample, BINS, batch_size), levels

    def base(self, load: Load, batch_size: int) -> float:
        """Returns FIFO's saturation, B / E[batch time] of all servers, in requests per second."""
        longest = float(theory.expected_max(self._known(load.shape), batch_size))
        return load.servers * batch_size / (FIXED + STEP * longest)

    def bound(self, load: Load, batch_size: int) -> float:
        """Returns B / E[l], where l is the seconds of a request's own steps."""
        return load.servers * batch_size / (STEP * float(self._known(load.shape).mean()))

    def _known(self, shape: str) -> NDArray[np.int64]:
        return self.chat if shape == "chat" else self.sample(shape)
