"""The engine's use of the scheduler: it submits all requests, then takes batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

import multibin
from multibin._args import integer, number, one_of, sentence
from multibin.llm._engine.tensors import without_tensors
from multibin.llm._load.failures import first_line

Scheduling: TypeAlias = Literal["multibin", "fifo", "continuous"]
Fill: TypeAlias = Literal["elastic", "strict"]
Overrun: TypeAlias = Literal["climb", "finish", "recompute"]
Order: TypeAlias = Literal["formed", "oldest", "shortest", "deadline"]

FIRST_EDGE = 16
"""Tokens at which the first bin of `bins=k` ends."""

CONTINUOUS_BINS = 256
"""Bins by which refill orders predicted lengths."""

PASS_TOKENS, PASS_TOKENS_CPU = 2048, 512
"""The most tokens of a prompt pass, so that running rows do not wait for long."""

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
    ageing: float | None = None
    budget: int | None = None
    max_padding: float | None = None
    adapt: multibin.Adapt | None = None
    refill_every: int = 1
    max_prefill_tokens: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        one_of("scheduling", self.scheduling, ("multibin", "fifo", "continuous"))
        integer("batch_size", self.batch_size, low=1)
        integer("bins", self.bins, low=1)
        one_of("fill", self.fill, ("elastic", "strict"))
        one_of("overrun", self.overrun, ("climb", "finish", "recompute"))
        integer("refill_every", self.refill_every, low=1)
        if self.order is not None:
            one_of("order", self.order, ("formed", "oldest", "shortest", "deadline"))
        for name in ("max_wait", "ageing", "max_padding"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), low=0)
        if self.max_prefill_tokens is not None:
            integer("max_prefill_tokens", self.max_prefill_tokens, low=1)
        # Wrong values and pairs of the scheduler's own arguments are refused before a model loads.
        self.scheduler(FIRST_EDGE, capacity=1)

    @property
    def climbs(self) -> bool:
        """Returns whether a request that outlives its batch continues in another."""
        return self.scheduling == "multibin" and self.overrun != "finish"

    @property
    def adapts(self) -> bool:
        """Returns whether the scheduler learns from finished requests."""
        return self.scheduling == "multibin" and self.adapt is not None

    def pass_tokens(self, device: torch.device) -> int:
        """Returns the most tokens of a prompt pass."""
        if self.max_prefill_tokens is not None:
            return int(self.max_prefill_tokens)
        return PASS_TOKENS_CPU if device.type == "cpu" else PASS_TOKENS

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

    def scheduler(
        self,
        longest: int,
        capacity: int,
        *,
        predicted: bool = True,
        live: bool = False,
        edges: multibin.Edges | None = None,
    ) -> multibin.Scheduler:
        """Returns a scheduler for requests that generate at most `longest` tokens.

        Args:
            longest: the most tokens of a request.
            capacity: the most requests that wait or run.
            predicted: whether lengths say more than what a request may generate.
            live: whether requests come while others run, so that a batch need not be full.
            edges: edges that an earlier scheduler has learned; None: those of the policy.
        """
        # A larger batch size changes nothing: no bin ever fills one of this size.
        batch_size = min(int(self.batch_size), capacity + 1)
        options: dict[str, Any] = {"capacity": max(capacity, batch_size), "ageing": self.ageing}
        if self.scheduling == "continuous":
            # Each request is a batch: the shortest of what predictions leave is the longest.
            bins = min(CONTINUOUS_BINS, longest) if predicted else 1
            return multibin.Scheduler(
                multibin.Edges.uniform(0, longest, bins),
                1,
                max_wait=self.max_wait,
                order=None if self.ageing is not None else "shortest",
                **options,
            )
        if self.budget is not None:
            options["budget"] = self.budget
        if self.scheduling == "fifo":
            fill: Fill = "elastic" if live else "strict"
            return multibin.Scheduler(
                multibin.Edges([0, longest]), batch_size, fill=fill, **options
            )
        edges = edges or self.edges or multibin.Edges(geometric_edges(self.bins, longest))
        return multibin.Scheduler(
            edges,
            batch_size,
            max_wait=self.max_wait,
            fill=self.fill,
            order=self.order,
            # The engine keeps the tokens of a row whose keys and values it gives up.
            overrun="climb" if self.climbs else "finish",
            max_padding=self.max_padding,
            adapt=self.adapt,
            **options,
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
