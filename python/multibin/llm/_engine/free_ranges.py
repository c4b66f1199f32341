"""Keeps the free ranges of a line of positions: coalesced, found by size and by place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator


class FreeRanges:
    """Holds ranges [start, stop) of which no two touch.

    Two sorted lists serve the searches, each a binary search. Two dicts serve coalescing.
    """

    def __init__(self) -> None:
        self._stops: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._by_place: list[int] = []
        self._by_size: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._stops)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yields (start, stop) from left to right."""
        return ((start, self._stops[start]) for start in self._by_place)

    @property
    def largest(self) -> int:
        """Returns the size of the largest range, 0 if there is none."""
        return self._by_size[-1][0] if self._by_size else 0

    def before(self, stop: int) -> int:
        """Returns the start of the range that ends at `stop`, or `stop` if there is none."""
        return self._starts.get(stop, stop)

    def after(self, start: int) -> int:
        """Returns the stop of the range that begins at `start`, or `start` if there is none."""
        return self._stops.get(start, start)

    def best(self, size: int) -> tuple[int, int] | None:
        """Returns the smallest range of at least `size`, of equal ones the leftmost."""
        at = bisect_left(self._by_size, (size, 0))
        if at == len(self._by_size):
            return None
        found, start = self._by_size[at]
        return start, start + found

    def around(self, position: int) -> tuple[int, int] | None:
        """Returns the range that holds `position` or ends there, or None."""
        at = bisect_right(self._by_place, position) - 1
        if at < 0:
            return None
        start = self._by_place[at]
        stop = self._stops[start]
        return (start, stop) if position <= stop else None

    def between(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Returns the ranges that begin in [start, stop), from left to right."""
        first, last = (bisect_left(self._by_place, at) for at in (start, stop))
        return [(at, self._stops[at]) for at in self._by_place[first:last]]

    def covers(self, start: int, stop: int) -> bool:
        """Returns true if all of [start, stop) is free."""
        found = self.around(start)
        return found is not None and stop <= found[1]

    def add(self, start: int, stop: int) -> None:
        """Frees [start, stop), which must not be free, and joins it with its neighbours."""
        left, right = self.before(start), self.after(stop)
        if left < start:
            self._remove(left, start)
        if right > stop:
            self._remove(stop, right)
        self._insert(left, right)

    def take(self, start: int, stop: int) -> None:
        """Removes [start, stop), all of which must be free."""
        found = self.around(start)
        assert found is not None
        assert stop <= found[1]
        self._remove(*found)
        if found[0] < start:
            self._insert(found[0], start)
        if stop < found[1]:
            self._insert(stop, found[1])

    def _insert(self, start: int, stop: int) -> None:
        self._stops[start], self._starts[stop] = stop, start
        insort(self._by_place, start)
        insort(self._by_size, (stop - start, start))

    def _remove(self, start: int, stop: int) -> None:
        del self._stops[start], self._starts[stop]
        del self._by_place[bisect_left(self._by_place, start)]
        del self._by_size[bisect_left(self._by_size, (stop - start, start))]
