"""Prompts with the number of tokens that each has to get."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lengths", "Workload", "draw"]


@dataclass(frozen=True)
class Lengths:
    """Outputs are log-normal and clipped, prompts uniform; bounds are inclusive."""

    median: float = 64.0
    sigma: float = 1.0
    shortest: int = 4
    longest: int = 512
    prompts: tuple[int, int] = (16, 256)

    def outputs(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draws `n` output lengths."""
        drawn = self.median * np.exp(self.sigma * rng.standard_normal(n))
        return drawn.round().clip(self.shortest, self.longest).astype(np.int64)


@dataclass(frozen=True)
class Workload:
    """Requests in order of arrival."""

    prompts: list[list[int]]
    lengths: NDArray[np.int64]
    """Tokens that each request has to get."""
    batch_size: int

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def tokens(self) -> int:
        """Returns the tokens of all requests."""
        return int(self.lengths.sum())

    @property
    def positions(self) -> int:
        """Returns the positions that the longest request needs."""
        return max(map(len, self.prompts)) + int(self.lengths.max())

    def take(self, rows: NDArray[np.int64]) -> Workload:
        """Returns the requests at these positions, in this order."""
        return Workload([self.prompts[i] for i in rows], self.lengths[rows], self.batch_size)

    def first(self, part: float) -> Workload:
        """Returns the requests that arrive first: this part of them, rounded up to whole batches.

        >>> work = draw(10, 4, 100)
        >>> len(work.first(0)), len(work.first(0.5)), len(work.first(1))
        (4, 8, 10)
        """
        batches = max(1, math.ceil(part * len(self) / self.batch_size))
        return self.take(np.arange(min(batches * self.batch_size, len(self))))

    def warm_up(self, tokens: int = 4) -> Workload:
        """Returns the first batch, with at most `tokens` tokens for each request."""
        batch = self.first(0)
        return Workload(batch.prompts, batch.lengths.clip(max=tokens), self.batch_size)


def draw(
    requests: int,
    batch_size: int,
    vocabulary: int,
    *,
    seed: int = 0,
    lengths: Lengths | None = None,
) -> Workload:
    """Draws a workload; it is the same for the same arguments.

    >>> draw(3, 8, 100).lengths.tolist() == draw(3, 8, 100).lengths.tolist()
    True
    """
    lengths = lengths or Lengths()
    rng = np.random.default_rng(seed)
    outputs = lengths.outputs(requests, rng)
    low, high = lengths.prompts
    sizes = rng.integers(low, high, requests, endpoint=True)
    prompts = [rng.integers(0, vocabulary, n).tolist() for n in sizes]
    return Workload(prompts, outputs, batch_size)
