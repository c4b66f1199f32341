"""Batches that the scheduler forms of work whose lengths are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import multibin
from multibin._args import Ints
from multibin.llm._load.failures import is_out_of_memory

LEAST = 16
"""Tokens of the smallest pass that a lack of memory leads to."""

ROWS = 4096
"""The most rows of a batch, whose tokens are the real limit."""

BINS = 32
"""The most bins of padded batches."""


@dataclass
class Work:
    """What was scored, and what it took."""

    candidates: int = 0
    steps: int = 0
    tokens: int = 0
    """Tokens of all candidates with their questions."""
    computed_tokens: int = 0
    """Tokens that ran, with padding; fewer than `tokens` where beginnings are shared."""
    passes: int = 0
    cached_bytes: int = 0
    """Keys and values that are kept between calls."""

    def ran(self, tokens: int) -> None:
        """Counts a pass."""
        self.passes += 1
        self.computed_tokens += tokens


class Limit:
    """The most tokens of a pass: fewer after a lack of memory."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def fits(self, run: Callable[[], None]) -> bool:
        """Runs a pass; returns false, and halves the limit, if it lacked memory."""
        try:
            run()
        except Exception as error:
            if not is_out_of_memory(error) or self.tokens <= LEAST:
                raise
            self.tokens = max(LEAST, self.tokens // 2)
            return False
        return True


def by_cost(costs: Ints, most: int) -> Iterator[list[int]]:
    """Yields indices in their order, in batches whose costs sum up to at most `most`."""
    costs = np.clip(costs, 1, most)
    scheduler = multibin.Scheduler(
        multibin.Edges([0, most]), ROWS, capacity=_capacity(costs), budget=most, budget_of="cost"
    )
    return _drained(scheduler, costs, costs)


def by_length(lengths: Ints, most: int) -> Iterator[list[int]]:
    """Yields indices in batches of like lengths: rows times the longest are at most `most`.

    The edges of the bins are those with the least padding. A longer row is alone.
    """
    longest = int(lengths.max())
    bins = min(BINS, len(np.unique(lengths)))
    edges = multibin.Edges.optimal(lengths, bins, max(1, most // longest))
    scheduler = multibin.Scheduler(
        edges, ROWS, capacity=_capacity(lengths), budget=max(most, longest)
    )
    return _drained(scheduler, lengths, None)


def _capacity(lengths: Ints) -> int:
    return max(len(lengths), ROWS)


def _drained(
    scheduler: multibin.Scheduler, lengths: Ints, costs: Ints | None
) -> Iterator[list[int]]:
    scheduler.submit_many(np.arange(len(lengths)), lengths, costs=costs)
    scheduler.close()
    with scheduler.worker() as worker:
        while True:
            try:
                batch = worker.next_batch()
            except multibin.ClosedError:
                return
            with batch:
                yield batch.keys.tolist()
