"""What the slots of a run held, step by step."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from multibin.llm._outputs import BatchRecord

__all__ = ["Bar", "Slots", "of_batches", "of_refill"]


class Bar(NamedTuple):
    """One row in one slot: useful steps, then steps in which the slot waits."""

    slot: int
    start: int
    useful: int
    wasted: int


@dataclass(frozen=True)
class Slots:
    """The slots of a run. A step is one token a row, the first one included.

    >>> from multibin.lab.compare.engine._slots import of_refill
    >>> slots = of_refill([5, 1, 3], batch_size=2)
    >>> slots.steps, slots.tokens, slots.efficiency
    (5, 9, 0.9)
    """

    batch_size: int
    steps: int
    """The steps of each batch's longest run, summed."""
    rows_computed: int
    """The rows of all forward passes, summed."""
    bars: list[Bar]
    ends: list[int]
    """The steps at which batches end."""

    @property
    def tokens(self) -> int:
        """Returns the tokens that were asked for and generated."""
        return sum(bar.useful for bar in self.bars)

    @property
    def efficiency(self) -> float:
        """Returns the share of the slots that holds a useful token."""
        return self.tokens / (self.batch_size * self.steps)


def of_batches(records: Iterable[BatchRecord], batch_size: int) -> Slots:
    """Returns the slots of batches that ran one after another, each until its longest row ended.

    >>> from multibin.lab.compare.engine._slots import of_batches
    >>> of_batches([], batch_size=8).steps
    0
    """
    bars: list[Bar] = []
    ends: list[int] = []
    start = rows = 0
    for record in records:
        tokens = sorted(record.tokens, reverse=True) + [0] * (batch_size - record.rows)
        bars += [Bar(i, start, n, record.steps - n) for i, n in enumerate(tokens)]
        start += record.steps
        rows += record.rows_computed
        ends.append(start)
    return Slots(batch_size, start, rows, bars, ends)


def of_refill(tokens: Sequence[int], batch_size: int) -> Slots:
    """Returns the slots of rows that each take the slot that is free first, at its next step.

    Args:
        tokens: of each row, in the order in which rows began.
        batch_size: the number of slots.
    """
    free = [(0, slot) for slot in range(batch_size)]
    bars: list[Bar] = []
    for count in tokens:
        start, slot = heapq.heappop(free)
        bars.append(Bar(slot, start, count, 0))
        heapq.heappush(free, (start + count, slot))
    steps = max((end for end, _ in free), default=0)
    bars += [Bar(slot, end, 0, steps - end) for end, slot in free]
    return Slots(batch_size, steps, sum(tokens), bars, [steps])
