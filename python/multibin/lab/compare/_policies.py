"""The policies by name, and the batch former of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.compare._settings import Settings

__all__ = ["POLICIES", "Fit", "Policy", "chosen", "fit"]

Former: TypeAlias = mb.SchedulerConfig | mb.Baseline

ONE_BIN = mb.Edges([0, 1])
"""The last bin has no upper end, so a single one takes every length."""


@dataclass(frozen=True)
class Fit:
    """What formers are made of: settings, and edges fitted to a sample of lengths."""

    settings: Settings
    edges: mb.Edges
    levels: mb.Edges

    @property
    def batch_size(self) -> int:
        """Rows of a full batch."""
        return self.settings.batch_size


@dataclass(frozen=True)
class Policy:
    """A way to form batches."""

    name: str
    words: str
    """What it does, for the help and the configuration."""
    former: Callable[[Fit], Former]
    blind: bool = False
    """It gets no predictions: everybody starts in the first bin."""
    slots: bool = True
    """Rows × steps of its batches is the use of slots; not so where rows change in mid-batch."""


POLICIES = (
    Policy(
        "fifo",
        "one bin, the oldest leave together as soon as a server is free",
        lambda fit: mb.SchedulerConfig(ONE_BIN, fit.batch_size),
    ),
    Policy(
        "strict",
        "bins, only full ones leave (Algorithm 1 of arXiv 2412.04504)",
        lambda fit: mb.SchedulerConfig(fit.edges, fit.batch_size, fill="strict"),
    ),
    Policy(
        "elastic",
        "bins, topped up from the nearest ones: nobody waits for a full one",
        lambda fit: mb.SchedulerConfig(fit.edges, fit.batch_size),
    ),
    Policy(
        "climb",
        "no predictions: start in the first level, move up when a batch's limit is reached",
        lambda fit: mb.SchedulerConfig(fit.levels, fit.batch_size, overrun="climb"),
        blind=True,
    ),
    Policy(
        "climb-predicted",
        "as climb, but a request starts in the level of its prediction",
        lambda fit: mb.SchedulerConfig(fit.levels, fit.batch_size, overrun="climb"),
    ),
    Policy(
        "refill",
        "continuous batching: a free slot is filled at the next step, oldest first",
        lambda fit: mb.Baseline.continuous(fit.batch_size),
        slots=False,
    ),
    Policy(
        "chunked",
        "as refill, but slots are filled every --chunk steps",
        lambda fit: mb.Baseline.continuous(fit.batch_size, chunk=fit.settings.chunk),
        slots=False,
    ),
    Policy(
        "nearest",
        "no bins: the oldest leads, the nearest lengths follow",
        lambda fit: mb.Baseline.nearest(fit.batch_size),
    ),
    Policy(
        "look-ahead",
        "as nearest, among the oldest 8 batches' worth",
        lambda fit: mb.Baseline.look_ahead(fit.batch_size, 8 * fit.batch_size),
    ),
    Policy(
        "heaviest",
        "the bin whose first rows have waited the most, by the sum of squares, leads",
        lambda fit: mb.Baseline.heaviest_bin(fit.edges, fit.batch_size),
    ),
    Policy(
        "shortest",
        "shortest prediction first, until somebody was passed over 200 times",
        lambda fit: mb.Baseline.shortest_first(fit.batch_size),
    ),
    Policy(
        "sorted",
        "the oldest 8 batches' worth, sorted by prediction and cut",
        lambda fit: mb.Baseline.sorted_window(8 * fit.batch_size, [(2**32 - 1, fit.batch_size)]),
    ),
)


def chosen(names: Sequence[str]) -> list[Policy]:
    """The policies of these names, each once, FIFO first.

    Raises ``ValueError`` for a name that there is not.
    """
    known = {policy.name: policy for policy in POLICIES}
    for name in names:
        if name not in known:
            raise ValueError(f"policy: {name!r} is not one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(["fifo", *names])]


def fit(settings: Settings, sample: NDArray[np.int64]) -> Fit:
    """Edges for output lengths like those of ``sample``, tokens, shape ``[n]``, n ≥ 1."""
    levels = mb.Edges.feedback(sample, settings.levels, settings.move_cost)
    return Fit(settings, _edges(settings, sample), levels)


def _edges(settings: Settings, sample: NDArray[np.int64]) -> mb.Edges:
    if settings.edges == "quantile":
        return mb.Edges.quantile(sample, settings.bins)
    if settings.edges == "uniform":
        return mb.Edges.uniform(0, int(sample.max()), settings.bins)
    return mb.Edges.optimal(sample, settings.bins, settings.batch_size)
