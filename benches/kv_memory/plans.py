"""Names the ways to give rows room, each with its memory and its closed figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benches.kv_memory.memory import Blocks, Memory, Slots
from benches.kv_memory.simulation import Outcome, Server
from benches.kv_memory.traffic import Rows

from multibin import Edges
from multibin.llm._engine.size_classes import (
    MOST,
    SizeClasses,
    Traffic,
    allocated,
    geometric,
    of_edges,
    optimal,
)
from multibin.llm._engine.space import Space

SHORTEST = 256
"""The smallest of the geometric classes, in positions."""


@dataclass(frozen=True)
class Plan:
    """A way to give rows room."""

    name: str
    memory: Callable[[int], Memory]
    """Makes the memory of a number of positions."""
    positions: float
    """Positions allocated over all row-steps, NaN if classes change meanwhile."""
    online: bool = False
    """Classes follow the requests that finish."""

    def run(self, rows: Rows, size: int) -> tuple[Outcome, Memory]:
        """Runs all rows in a memory of `size` positions."""
        memory, traffic = self.memory(size), Traffic(rows.longest)

        def finished(prompt: int, output: int) -> None:
            assert isinstance(memory, Slots)
            traffic.observe(prompt, output)
            memory.classes = traffic.refit(memory.classes) or memory.classes

        return Server(rows, memory, finished if self.online else None).run(), memory


def plans(rows: Rows) -> list[Plan]:
    """Returns the ways that are compared; the first is the baseline."""
    edges = Edges.quantile(rows.outputs, MOST).bounds
    first = geometric(SHORTEST, rows.longest)
    return [
        _blocks("blocks of 16", rows, 16),
        _blocks("blocks of 256", rows, 256),
        _blocks("one dense length", rows, rows.longest),
        _classes("geometric classes", rows, first),
        _classes("classes of edges", rows, of_edges(edges, rows.prompts, longest=rows.longest)),
        _classes("optimal classes", rows, optimal(rows.weights)),
        Plan("classes fitted online", lambda size: Slots(Space(size), first), np.nan, online=True),
    ]


def _blocks(name: str, rows: Rows, block: int) -> Plan:
    capacities = -(-np.arange(len(rows.weights)) // block) * block
    return Plan(name, lambda size: Blocks(size, block), float(rows.weights @ capacities))


def _classes(name: str, rows: Rows, classes: SizeClasses) -> Plan:
    return Plan(name, lambda size: Slots(Space(size), classes), allocated(rows.weights, classes))
