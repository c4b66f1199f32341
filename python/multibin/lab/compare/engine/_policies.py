"""The policies that the engine runs, with the options of ``LLM`` that are each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import multibin as mb

__all__ = ["FIFO", "FOR_CHAT", "GENERATE", "POLICIES", "EnginePolicy", "Fit"]


@dataclass(frozen=True)
class Fit:
    """What policies with bins are made of.

    >>> import multibin as mb
    >>> from multibin.lab.compare.engine import POLICIES, Fit
    >>> fit = Fit(edges=mb.Edges([0, 32, 256]), levels=mb.Edges([0, 64, 256]))
    >>> POLICIES[1].title, POLICIES[1].options(fit)["edges"] == fit.levels
    ('climbing, no prediction', True)
    """

    edges: mb.Edges
    levels: mb.Edges
    """Edges for rows that climb."""


@dataclass(frozen=True)
class EnginePolicy:
    """A way to form batches, as a line of the table."""

    title: str
    """Says what it knows of the lengths."""
    options: Callable[[Fit], dict[str, Any]]
    predicted: bool = False
    """Whether it gets the true lengths."""

    @property
    def refills(self) -> bool:
        """Returns whether the slot of a row that ended is taken at once, so that no batch ends."""
        return self.options is _continuous


def _fifo(_: Fit) -> dict[str, Any]:
    return {"scheduling": "fifo"}


def _continuous(_: Fit) -> dict[str, Any]:
    return {"scheduling": "continuous"}


def _climb(fit: Fit) -> dict[str, Any]:
    return {"edges": fit.levels, "overrun": "climb"}


def _strict(fit: Fit) -> dict[str, Any]:
    return {"edges": fit.edges, "fill": "strict", "overrun": "finish"}


def _elastic(fit: Fit) -> dict[str, Any]:
    return {"edges": fit.edges, "overrun": "finish"}


FIFO = EnginePolicy("FIFO", _fifo)

POLICIES = (
    FIFO,
    EnginePolicy("climbing, no prediction", _climb),
    EnginePolicy("continuous, no prediction", _continuous),
    EnginePolicy("strict bins, true lengths", _strict, predicted=True),
    EnginePolicy("elastic bins, true lengths", _elastic, predicted=True),
    EnginePolicy("continuous, true lengths", _continuous, predicted=True),
)
"""In the order of the table: the first is what the others are compared to."""

FOR_CHAT = tuple(policy for policy in POLICIES if not policy.predicted)
"""The policies that know no lengths, as before a prompt is answered."""

GENERATE = EnginePolicy("generate of transformers", _fifo)
"""Not the engine: batches in order of arrival, padded on the left, run until all rows end."""
