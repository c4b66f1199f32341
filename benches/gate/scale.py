"""How much is tested, and by how many threads."""

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
    """Sizes, and the number of requests that they are tested with."""

    lab: Lab
    requests: int = 100_000
    seeds: int = 3
    """Seeds of the gates that are fed alone."""
    quick: bool = False

    @property
    def backlog(self) -> int:
        """Returns the requests that are there at the start, in runs with a backlog."""
        return self.requests // 2

    @property
    def longer(self) -> int:
        """Returns the requests of the claims that count rare events."""
        return 2 * self.requests

    @property
    def grid(self) -> tuple[Size, ...]:
        return tuple(grid((8,), (2, 16)) if self.quick else grid())

    @property
    def chosen(self) -> tuple[Size, ...]:
        return tuple(size for size in CHOSEN if not self.quick or size in self.grid)

    @property
    def many_ways(self) -> tuple[Size, ...]:
        """Returns the sizes that are tested in many ways."""
        return tuple(size for size in self.chosen if size in MANY_WAYS)

    def few(self, all_of: Sequence[Job]) -> Sequence[Job]:
        """Returns all, or the first one in a quick run."""
        return all_of[:1] if self.quick else all_of


def each(jobs: Iterable[Job], do: Callable[[Job], Result]) -> list[Result]:
    """Returns the results in order. Threads are enough: simulator and gate release the GIL."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(do, jobs))
