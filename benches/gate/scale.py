"""How much is tried, and by how many threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from benches.gate.model import CHOSEN, Lab, Size, grid

__all__ = ["Scale", "each"]

MANY_WAYS = tuple(Size(*pair) for pair in ((8, 16), (32, 16), (256, 4), (32, 64), (512, 16)))

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Scale:
    """Sizes and how many requests they are tried with."""

    lab: Lab
    requests: int = 100_000
    seeds: int = 3
    """Of the gates that are fed by hand."""
    quick: bool = False

    @property
    def backlog(self) -> int:
        """Requests that are there at the start, where some are."""
        return self.requests // 2

    @property
    def longer(self) -> int:
        """Requests of the claims that count rare things."""
        return 2 * self.requests

    @property
    def grid(self) -> tuple[Size, ...]:
        return tuple(grid((8,), (2, 16)) if self.quick else grid())

    @property
    def chosen(self) -> tuple[Size, ...]:
        return tuple(size for size in CHOSEN if not self.quick or size in self.grid)

    @property
    def many_ways(self) -> tuple[Size, ...]:
        """Those that are tried in many ways."""
        return tuple(size for size in self.chosen if size in MANY_WAYS)

    def few(self, all_of: Sequence[Job]) -> Sequence[Job]:
        """The first of these, of a quick run."""
        return all_of[:1] if self.quick else all_of


def each(jobs: Iterable[Job], do: Callable[[Job], Result]) -> list[Result]:
    """In order. The simulator and the gate release the GIL, so threads are enough."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(do, jobs))
