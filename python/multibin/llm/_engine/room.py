"""Plans moves that join free ranges into one that is long enough, at the least cost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from multibin.llm._engine.free_ranges import FreeRanges

TRIALS = 16
"""Stretches of which the slots are tried elsewhere, the cheapest first."""


class Move(NamedTuple):
    """Names a slot that moves: where it starts now, where it will, and its capacity."""

    source: int
    destination: int
    capacity: int


class Stretch(NamedTuple):
    """Names positions from `start` to `stop`, of which `occupied` are inside slots."""

    occupied: int
    start: int
    stop: int


class Line(NamedTuple):
    """Holds what lies on the positions: slots in order, their capacities, and free ranges."""

    starts: Sequence[int]
    capacities: Mapping[int, int]
    free: FreeRanges

    def inside(self, stretch: Stretch) -> list[tuple[int, int]]:
        """Returns starts and capacities of the slots inside a stretch, from left to right."""
        first, last = (bisect_left(self.starts, at) for at in (stretch.start, stretch.stop))
        return [(start, self.capacities[start]) for start in self.starts[first:last]]


def slide(slots: Iterable[tuple[int, int]], start: int) -> list[Move]:
    """Returns moves that put slots one behind another from `start` on."""
    moves = []
    for source, capacity in slots:
        if source != start:
            moves.append(Move(source, start, capacity))
        start += capacity
    return moves


def make_room(line: Line, capacity: int, most: float) -> list[Move] | None:
    """Returns moves after which a free range has `capacity` positions, or None.

    Slots of one stretch slide together, or go to free ranges elsewhere: what moves fewer
    positions, and at most `most`. Made in this order, each is safe through a temporary copy.
    """
    sliding = min(_to_slide(line, capacity, most), default=None)
    limit = most if sliding is None else sliding.occupied - 1
    for stretch in sorted({*_to_empty(line, capacity, limit)})[:TRIALS]:
        moves = _elsewhere(line, stretch)
        if moves is not None:
            return moves
    return None if sliding is None else slide(line.inside(sliding), sliding.start)


def _to_slide(line: Line, capacity: int, most: float) -> Iterator[Stretch]:
    """Yields stretches from hole to hole that have `capacity` free positions."""
    holes = list(line.free)
    first = free = 0
    for start, stop in holes:
        free += stop - start
        while free - (width := holes[first][1] - holes[first][0]) >= capacity:
            free -= width
            first += 1
        occupied = stop - holes[first][0] - free
        if free >= capacity and occupied <= most:
            yield Stretch(occupied, holes[first][0], stop)


def _to_empty(line: Line, capacity: int, most: float) -> Iterator[Stretch]:
    """Yields stretches of at least `capacity` positions, each from a hole on.

    Each slot inside fits some hole. Together they may not.
    """
    largest = line.free.largest
    for start, stop in line.free:
        occupied, end = 0, stop
        while end - start < capacity:
            slot = line.capacities.get(end)
            if slot is None or slot > largest or occupied + slot > most:
                break
            occupied += slot
            end = line.free.after(end + slot)
        else:
            yield Stretch(occupied, start, end)


def _elsewhere(line: Line, stretch: Stretch) -> list[Move] | None:
    """Returns moves of all slots of a stretch to free ranges outside, or None."""
    free = line.free
    taken = free.between(stretch.start, stretch.stop)
    for one in taken:
        free.take(*one)
    moves: list[Move] = []
    slots = sorted(line.inside(stretch), key=lambda slot: -slot[1])
    for source, capacity in slots:
        found = free.best(capacity)
        if found is None:
            break
        moves.append(Move(source, found[0], capacity))
        free.take(found[0], found[0] + capacity)
    for move in moves:
        free.add(move.destination, move.destination + move.capacity)
    for one in taken:
        free.add(*one)
    return moves if len(moves) == len(slots) else None
