"""The engine's use of the scheduler: it submits all requests, then takes batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

import multibin
from multibin._args import integer, number, one_of, sentence
from multibin.llm._engine.tensors import without_tensors
from multibin.llm._load.failures import first_line

Scheduling: TypeAlias = Literal["multibin", "fifo"]
Fill: TypeAlias = Literal["elastic", "strict"]
Overrun: TypeAlias = Literal["climb", "finish"]
Order: TypeAlias = Literal["formed", "oldest", "shortest"]

FIRST_EDGE = 16
"""Tokens at which the first bin of `bins=k` ends."""

MAX_BINS = 4096
"""The most bins that `multibin.Edges` takes."""


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
        """Checks the fields."""
        one_of("scheduling", self.scheduling, ("multibin", "fifo"))
        integer("batch_size", self.batch_size, low=1)
        integer("bins", self.bins, low=1)
        one_of("fill", self.fill, ("elastic", "strict"))
        one_of("overrun", self.overrun, ("climb", "finish"))
        if self.order is not None:
            one_of("order", self.order, ("formed", "oldest", "shortest"))
        if self.max_wait is not None:
            number("max_wait", self.max_wait, low=0)

    @property
    def climbs(self) -> bool:
        """Returns whether a request that outlives its batch continues in another."""
        return self.scheduling == "multibin" and self.overrun == "climb"

    def lengths(
        self, predictions: ArrayLike | None, budgets: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Returns the lengths by which requests are scheduled.

        Without predictions, requests climb from the first bin, or count as all that they may
        generate.
        """
        if predictions is not None:
            return predicted_lengths(predictions, budgets)
        return np.zeros_like(budgets) if self.climbs else budgets

    def worker(self, lengths: NDArray[np.int64], longest: int) -> multibin.Worker:
        """Returns a worker that takes every request once, and climbers again.

        The key of a request is its position in `lengths`.
        """
        scheduler = self._scheduler(len(lengths), longest)
        scheduler.submit_many(np.arange(len(lengths), dtype=np.uint64), lengths)
        scheduler.close()
        return scheduler.worker()

    def _scheduler(self, requests: int, longest: int) -> multibin.Scheduler:
        # A larger batch size changes nothing: no bin ever fills one of this size.
        batch_size = min(int(self.batch_size), requests + 1)
        capacity = max(requests, batch_size)
        if self.scheduling == "fifo":
            return multibin.Scheduler(
                multibin.Edges([0, longest]), batch_size, capacity=capacity, fill="strict"
            )
        edges = self.edges or multibin.Edges(geometric_edges(self.bins, longest))
        return multibin.Scheduler(
            edges,
            batch_size,
            capacity=capacity,
            max_wait=self.max_wait,
            fill=self.fill,
            order=self.order,
            overrun=self.overrun,
        )


def to_edges(edges: multibin.Edges | Sequence[float] | None) -> multibin.Edges | None:
    """Returns `edges`, made from increasing bounds where they are not edges yet.

    Raises:
        TypeError: neither edges nor bounds.
        ValueError: bounds that do not increase, or fewer than two.
    """
    if edges is None or isinstance(edges, multibin.Edges):
        return edges
    rule = "multibin.Edges or increasing bounds"
    ordered = isinstance(edges, Sequence) and not isinstance(edges, str | bytes)
    if not ordered and not isinstance(edges, np.ndarray | torch.Tensor):
        raise TypeError(sentence("edges", rule, edges))
    try:
        return multibin.Edges(without_tensors(edges))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{sentence('edges', rule, edges)}: {error}") from None


def geometric_edges(bins: int, longest: int) -> list[int]:
    """Returns edges 0, 16, … `longest`, each about one factor above the last.

    There are fewer bins where no whole number is left between two edges, and at most `MAX_BINS`.
    """
    if bins == 1 or longest <= FIRST_EDGE:
        return [0, longest]
    inner = np.geomspace(FIRST_EDGE, longest, min(bins, MAX_BINS)).round().astype(int)
    return [0, *np.unique(inner).tolist()]


def predicted_lengths(lengths: ArrayLike, budgets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns predicted output tokens, rounded up and clipped to what each request can generate.

    Raises:
        TypeError: not numbers.
        ValueError: not one for each request; a negative, infinite or NaN one.
    """
    values = _numbers(lengths)
    if values.shape != budgets.shape:
        raise ValueError(
            f"lengths must hold one number for each of {len(budgets)} prompts, "
            f"got shape {values.shape}"
        )
    for position in np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[:1]:
        raise ValueError(
            sentence(f"lengths[{position}]", "finite and at least 0", values[position].item())
        )
    return np.minimum(np.ceil(values.astype(np.float64)), budgets).astype(np.int64)


def _numbers(lengths: ArrayLike) -> NDArray[np.integer | np.floating]:
    try:
        values = np.asarray(without_tensors(lengths))
    except (TypeError, ValueError, RuntimeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{sentence('lengths', 'numbers', lengths)}: {first_line(error)}") from None
    if values.size == 0:
        values = values.astype(np.float64)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{sentence('lengths', 'numbers', lengths)}, of dtype {values.dtype}")
    return values
