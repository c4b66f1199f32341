"""Cuts what must be computed into passes, and a pass into blocks for attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from multibin.reward._scorer.tree import SHARE, Segment, cut


@dataclass(frozen=True)
class AttentionCost:
    """How long attention over a block of rows takes, in the time of one product of two tokens."""

    call: float
    """What a block takes beside its products."""


@dataclass(frozen=True)
class Block:
    """Segments of one pass behind the same parent, padded on the right to the longest."""

    rows: Sequence[int]
    """Indices of the segments in the pass."""
    past: int
    """Positions before the first token of each."""
    width: int
    """Tokens of the longest."""


class Pass:
    """Segments that run together, one behind another."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self.begins = [0, *accumulate(len(one.tokens) for one in segments)]
        """Where each segment begins, and the end of the last."""
        self.index = {segment: number for number, segment in enumerate(segments)}

    @property
    def tokens(self) -> int:
        """Returns how many tokens run."""
        return self.begins[-1]

    @cached_property
    def reads(self) -> list[tuple[Segment, int]]:
        """Returns the segment and the position of each wanted value."""
        return [(one, at) for one in self.segments for at in sorted(one.wanted)]

    @cached_property
    def wanted(self) -> list[int]:
        """Returns the places in the pass of the wanted values."""
        return [self.begins[self.index[one]] + at - one.start for one, at in self.reads]

    @cached_property
    def kept(self) -> list[Segment]:
        """Returns the earlier segments that those of this pass follow."""
        found: dict[Segment, None] = {}
        for segment in self.segments:
            for one in segment.path[:-1]:
                if one not in self.index:
                    found[one] = None
        return list(found)

    def blocks(self, cost: AttentionCost) -> Iterator[Block]:
        """Yields the blocks: segments of one parent in bins of like length."""
        families: dict[Segment | None, list[int]] = {}
        for number, segment in enumerate(self.segments):
            # Segments with nothing before them are alike, whatever tree they are in.
            families.setdefault(segment.parent if segment.start else None, []).append(number)
        for family in families.values():
            yield from self._bins(family, cost)

    def _bins(self, family: list[int], cost: AttentionCost) -> Iterator[Block]:
        past = self.segments[family[0]].start
        rows = sorted(family, key=lambda number: len(self.segments[number].tokens))
        lengths = np.array([len(self.segments[number].tokens) for number in rows])
        for first, stop in least_cost(lengths, past, cost):
            yield Block(rows[first:stop], past, int(lengths[stop - 1]))


def least_cost(lengths: NDArray[np.int64], past: int, cost: AttentionCost) -> list[tuple[int, int]]:
    """Cuts ascending lengths into blocks of the least cost, by dynamic programming.

    A block of n rows takes ``call + n · width · (past + width)``.

    Returns:
        the first row of each block, and the one behind its last.
    """
    n = len(lengths)
    best, cut = np.zeros(n + 1), np.zeros(n + 1, dtype=np.int64)
    for stop in range(1, n + 1):
        width = float(lengths[stop - 1])
        rows = np.arange(stop, 0, -1)
        totals = best[:stop] + cost.call + rows * width * (past + width)
        cut[stop] = int(totals.argmin())
        best[stop] = totals[cut[stop]]
    blocks, stop = [], n
    while stop:
        blocks.append((int(cut[stop]), stop))
        stop = int(cut[stop])
    return blocks[::-1]


def passes(segments: Sequence[Segment], most: int) -> Iterator[Pass]:
    """Yields passes of at most `most` tokens, in the order of `segments`; longer ones are cut."""
    waiting, taken, room = list(segments)[::-1], list[Segment](), most
    while waiting:
        segment = waiting.pop()
        count = len(segment.tokens)
        if count > room and not taken:
            waiting += [segment, cut(segment, _upper(count, room))]
            continue
        if count > room:
            yield Pass(taken)
            taken, room = [], most
            waiting.append(segment)
            continue
        taken.append(segment)
        room -= count
    if taken:
        yield Pass(taken)


def _upper(count: int, room: int) -> int:
    """Returns how many of `count` tokens are cut off for a pass of `room`.

    The rest keeps the tokens by which later calls find what follows.
    """
    return min(room, count - SHARE) if room >= SHARE and count >= 2 * SHARE else room
