"""The engine's use of the scheduler: everything is submitted, then batches are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

import multibin
from multibin.llm.admission import predicted
from multibin.llm.arguments import integer, one_of, plain, real

Scheduling: TypeAlias = Literal["multibin", "fifo"]
Fill: TypeAlias = Literal["elastic", "strict"]
Overrun: TypeAlias = Literal["climb", "finish"]
Order: TypeAlias = Literal["formed", "oldest", "shortest"]

FIRST_EDGE = 16
"""Tokens at which the first of the bins that `bins=k` makes ends."""

MOST_BINS = 4096
"""More than `multibin.Edges` takes none."""


@dataclass(frozen=True)
class Policy:
    """How batches are formed: the arguments of `LLM`, checked."""

    scheduling: Scheduling = "multibin"
    batch_size: int = 32
    bins: int = 16
    edges: multibin.Edges | None = None
    fill: Fill = "elastic"
    overrun: Overrun = "climb"
    order: Order | None = None
    max_wait: float | None = None

    def __post_init__(self) -> None:
        one_of("scheduling", self.scheduling, ("multibin", "fifo"))
        integer("batch_size", self.batch_size, low=1)
        integer("bins", self.bins, low=1)
        one_of("fill", self.fill, ("elastic", "strict"))
        one_of("overrun", self.overrun, ("climb", "finish"))
        if self.order is not None:
            one_of("order", self.order, ("formed", "oldest", "shortest"))
        if self.max_wait is not None and real("max_wait", self.max_wait) < 0:
            raise ValueError(f"max_wait must be at least 0 seconds, not {self.max_wait}")

    @property
    def climbs(self) -> bool:
        """Whether a request that outlives its batch goes on in another."""
        return self.scheduling == "multibin" and self.overrun == "climb"

    def lengths(self, given: ArrayLike | None, budgets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lengths to schedule by; those that nobody predicted climb from the first bin, or
        count as all that the request may generate.
        """
        if given is not None:
            return predicted(given, budgets)
        return np.zeros_like(budgets) if self.climbs else budgets

    def worker(self, lengths: NDArray[np.int64], longest: int) -> multibin.Worker:
        """A worker that takes every request once, under its position in `lengths`, and climbers
        again.
        """
        scheduler = self._scheduler(len(lengths), longest)
        scheduler.submit_many(np.arange(len(lengths), dtype=np.uint64), lengths)
        scheduler.close()
        return scheduler.worker()

    def _scheduler(self, requests: int, longest: int) -> multibin.Scheduler:
        # Larger batches are the same: no bin is ever full.
        batch_size = min(int(self.batch_size), requests + 1)
        capacity = max(requests, batch_size)
        if self.scheduling == "fifo":
            return multibin.Scheduler(
                multibin.Edges([0, longest]), batch_size, capacity=capacity, fill="strict"
            )
        edges = self.edges or multibin.Edges(geometric(self.bins, longest))
        return multibin.Scheduler(
            edges,
            batch_size,
            capacity=capacity,
            max_wait=self.max_wait,
            fill=self.fill,
            order=self.order,
            overrun=self.overrun,
        )


def as_edges(edges: multibin.Edges | Sequence[float] | None) -> multibin.Edges | None:
    """`edges`, made from increasing bounds where they are not edges yet.

    Raises:
        TypeError: neither.
        ValueError: bounds that do not increase, or fewer than two.
    """
    if edges is None or isinstance(edges, multibin.Edges):
        return edges
    ordered = isinstance(edges, Sequence) and not isinstance(edges, str | bytes)
    if not ordered and not isinstance(edges, np.ndarray | torch.Tensor):
        raise TypeError(f"edges must be multibin.Edges or increasing bounds, not {edges!r:.80}")
    try:
        return multibin.Edges(plain(edges))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"edges={edges!r:.80}: {error}") from None


def geometric(bins: int, longest: int) -> list[int]:
    """Edges 0, 16, … `longest`, each about the same factor above the last; fewer bins where that
    leaves no whole number between two, and at most `MOST_BINS`.
    """
    if bins == 1 or longest <= FIRST_EDGE:
        return [0, longest]
    inner = np.geomspace(FIRST_EDGE, longest, min(bins, MOST_BINS)).round().astype(int)
    return [0, *np.unique(inner).tolist()]
