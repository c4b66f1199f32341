"""The policies by name, and the batch former of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin import _args
from multibin.lab.compare._settings import Settings

__all__ = ["ONE_BIN", "POLICIES", "Fit", "Former", "Policy", "by_name", "fit"]

Former: TypeAlias = mb.SchedulerConfig | mb.Baseline

ONE_BIN = mb.Edges([0, 1])
"""The edges of a single bin, which takes every length: the last bin has no upper end."""


@dataclass(frozen=True)
class Fit:
    """What a policy's former is made of: the batch size, and edges fitted to a sample of lengths.

    >>> import multibin as mb
    >>> from multibin.lab.compare import Fit, by_name
    >>> bins = Fit(batch_size=8, edges=mb.Edges([0, 32, 256]), levels=mb.Edges([0, 64, 256]))
    >>> fifo, strict = by_name(["strict"])
    >>> strict.former(bins).edges == bins.edges, strict.former(bins).fill
    (True, 'strict')
    """

    batch_size: int
    """Rows of a full batch."""
    edges: mb.Edges
    levels: mb.Edges
    """Edges for the policies that climb."""
    chunk: int = 16
    """Steps between refills, for the policy ``chunked``."""


@dataclass(frozen=True)
class Policy:
    """A way to form batches. ``POLICIES`` has those with a name."""

    name: str
    description: str
    """What it does, for the help."""
    former: Callable[[Fit], Former]
    blind: bool = False
    """It gets no predictions: every request starts in the first bin."""
    slots: bool = True
    """Its batches keep their rows, so that rows × steps is the use of slots."""


POLICIES = (
    Policy(
        "fifo",
        "one bin: the oldest leave together as soon as a server is free",
        lambda fit: mb.SchedulerConfig(ONE_BIN, fit.batch_size),
    ),
    Policy(
        "strict",
        "bins of which only full ones leave (Algorithm 1 of arXiv 2412.04504)",
        lambda fit: mb.SchedulerConfig(fit.edges, fit.batch_size, fill="strict"),
    ),
    Policy(
        "elastic",
        "bins, topped up from the nearest ones: no request waits for a full bin",
        lambda fit: mb.SchedulerConfig(fit.edges, fit.batch_size),
    ),
    Policy(
        "climb",
        "no predictions: start in the first level, move up when a batch reaches its limit",
        lambda fit: mb.SchedulerConfig(fit.levels, fit.batch_size, overrun="climb"),
        blind=True,
    ),
    Policy(
        "climb-predicted",
        "levels: start in the level of the prediction, move up when a batch reaches its limit",
        lambda fit: mb.SchedulerConfig(fit.levels, fit.batch_size, overrun="climb"),
    ),
    Policy(
        "continuous",
        "continuous batching: a free slot is refilled at the next step, oldest first",
        lambda fit: mb.Baseline.continuous(fit.batch_size),
        slots=False,
    ),
    Policy(
        "chunked",
        "continuous batching that refills free slots every --chunk steps",
        lambda fit: mb.Baseline.continuous(fit.batch_size, chunk=fit.chunk),
        slots=False,
    ),
    Policy(
        "nearest",
        "no bins: the oldest leads, the nearest lengths follow",
        lambda fit: mb.Baseline.nearest(fit.batch_size),
    ),
    Policy(
        "look-ahead",
        "no bins: the oldest leads, the nearest lengths among the oldest 8 batches follow",
        lambda fit: mb.Baseline.look_ahead(fit.batch_size, 8 * fit.batch_size),
    ),
    Policy(
        "heaviest",
        "the bin leads whose first rows have the largest sum of squared waits",
        lambda fit: mb.Baseline.heaviest_bin(fit.edges, fit.batch_size),
    ),
    Policy(
        "shortest",
        "shortest prediction first, until a request was bypassed 200 times",
        lambda fit: mb.Baseline.shortest_first(fit.batch_size),
    ),
    Policy(
        "sorted",
        "the oldest 8 batches of requests, sorted by prediction and cut",
        lambda fit: mb.Baseline.sorted_window(8 * fit.batch_size, [(2**32 - 1, fit.batch_size)]),
    ),
)


def by_name(names: Sequence[str]) -> list[Policy]:
    """Returns the policies of these names, each once, FIFO first.

    Raises:
        ValueError: there is no such name.

    >>> from multibin.lab.compare import by_name
    >>> [policy.name for policy in by_name(["elastic", "fifo", "elastic"])]
    ['fifo', 'elastic']
    """
    known = {policy.name: policy for policy in POLICIES}
    for name in names:
        _args.one_of("policy", name, [*known])
    return [known[name] for name in dict.fromkeys(["fifo", *names])]


def fit(settings: Settings, sample: NDArray[np.int64]) -> Fit:
    """Returns edges for output lengths like those of ``sample``, tokens, shape ``[n]``, n ≥ 1.

    >>> from multibin.lab.compare import Settings, fit
    >>> from multibin.lab.traces import chat
    >>> bins = fit(Settings("chat", bins=4, levels=3), chat(1000, seed=0).output_tokens)
    >>> len(bins.edges), len(bins.levels)
    (4, 3)
    """
    levels = mb.Edges.feedback(sample, settings.levels, settings.move_cost)
    return Fit(settings.batch_size, _edges(settings, sample), levels, settings.chunk)


def _edges(settings: Settings, sample: NDArray[np.int64]) -> mb.Edges:
    if settings.edges == "quantile":
        return mb.Edges.quantile(sample, settings.bins)
    if settings.edges == "uniform":
        return mb.Edges.uniform(0, int(sample.max()), settings.bins)
    return mb.Edges.optimal(sample, settings.bins, settings.batch_size)
