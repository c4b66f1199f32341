"""Allocates slots on one line of positions: best fit, and moves that close gaps."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from multibin._args import integer, sentence
from multibin.llm._engine.free_ranges import FreeRanges
from multibin.llm._engine.room import Line, Move, make_room, slide

__all__ = ["Move", "Slot", "Space", "Window"]


class Slot(NamedTuple):
    """Names the positions [start, start + capacity) of one row."""

    start: int
    capacity: int

    @property
    def stop(self) -> int:
        """Returns the position behind the slot."""
        return self.start + self.capacity


class Window(NamedTuple):
    """Names consecutive slots of one capacity: the first starts at `base`."""

    base: int
    moves: list[Move]
    """What brings the rows there that lie elsewhere; destinations are free, in any order."""


class Space:
    """Allocates slots on the positions from 0 to `size`.

    A change or a search is a binary search in sorted lists. `window` grows with the rows that it is
    given; `room`, `defragment` and `slots` grow with all slots.
    """

    def __init__(self, size: int) -> None:
        self._size = integer("size", size)
        self._used = 0
        self._slots: dict[int, int] = {}
        self._order: list[int] = []
        self._free = FreeRanges()
        if size:
            self._free.add(0, size)

    def __len__(self) -> int:
        """Returns the number of slots."""
        return len(self._slots)

    @property
    def size(self) -> int:
        """Returns the positions in all."""
        return self._size

    @property
    def used(self) -> int:
        """Returns the positions inside slots."""
        return self._used

    @property
    def free_total(self) -> int:
        """Returns the positions outside slots."""
        return self._size - self._used

    @property
    def largest_free(self) -> int:
        """Returns the largest capacity that `allocate` can give without moves."""
        return self._free.largest

    def slots(self) -> list[Slot]:
        """Returns all slots from left to right."""
        return [Slot(start, self._slots[start]) for start in self._order]

    def capacities(self) -> list[int]:
        """Returns the capacities of all slots; any thread may ask."""
        return list(self._slots.values())

    def free_ranges(self) -> list[Slot]:
        """Returns all free ranges from left to right; no two touch."""
        return [Slot(start, stop - start) for start, stop in self._free]

    def capacity(self, start: int) -> int:
        """Returns the capacity of the slot at `start`.

        Raises:
            ValueError: no slot starts there.
        """
        try:
            return self._slots[start]
        except KeyError:
            raise ValueError(sentence("start", "where a slot starts", start)) from None

    def allocate(self, capacity: int, near: int | None = None) -> int | None:
        """Returns the start of a new slot, or None if no free range is long enough.

        Args:
            capacity: its positions, at least 1.
            near: a position that the slot should touch, from the right if it can. Where it
                cannot, and without `near`, the smallest range that is long enough gets it.
        """
        integer("capacity", capacity, 1)
        start = None if near is None else self._beside(near, capacity)
        if start is None:
            found = self._free.best(capacity)
            if found is None:
                return None
            start = found[0]
        self._put(start, capacity)
        return start

    def place(self, slot: Slot) -> None:
        """Allocates the positions of `slot`.

        Raises:
            ValueError: they are not all free.
        """
        if not self._free.covers(slot.start, slot.stop):
            rule = f"where {slot.capacity} positions are free"
            raise ValueError(sentence("start", rule, slot.start))
        self._put(*slot)

    def free(self, start: int) -> None:
        """Frees the slot at `start`.

        Raises:
            ValueError: no slot starts there.
        """
        capacity = self.capacity(start)
        del self._slots[start], self._order[bisect_left(self._order, start)]
        self._free.add(start, start + capacity)
        self._used -= capacity

    def move(self, source: int, destination: int) -> None:
        """Moves the slot at `source`; the new one may overlap the old one.

        Raises:
            ValueError: no slot starts at `source`, or the destination is not free.
        """
        capacity = self.capacity(source)
        self.free(source)
        if not self._free.covers(destination, destination + capacity):
            self._put(source, capacity)
            rule = f"where {capacity} positions are free"
            raise ValueError(sentence("destination", rule, destination))
        self._put(destination, capacity)

    def apply(self, moves: Iterable[Move]) -> None:
        """Makes moves one after another."""
        for one in moves:
            self.move(one.source, one.destination)

    def grow(self, size: int) -> None:
        """Adds positions at the right end, up to `size` in all.

        Raises:
            ValueError: `size` is less than now.
        """
        integer("size", size, self._size)
        if size > self._size:
            self._free.add(self._size, size)
            self._size = size

    def window(self, capacity: int, own: Sequence[int]) -> Window | None:
        """Returns consecutive slots for the rows at `own`, of which the most are in place.

        The window has as many slots as `own`. Each is free or among `own`. With equally many
        rows in place, the leftmost window counts. Nothing changes until `apply`.

        Args:
            capacity: the capacity of every slot in `own`.
            own: starts of slots, in any order.

        Returns:
            None if no such window exists.

        Raises:
            ValueError: a start in `own` is not that of a slot of this capacity.
        """
        for start in own:
            if self._slots.get(start) != capacity:
                raise ValueError(sentence("own", f"starts of slots of {capacity}", start))
        ordered = sorted(set(own))
        base = self._most_in_place(capacity, ordered)
        if base is None:
            found = self._free.best(capacity * len(ordered))
            if found is None or not ordered:
                return None
            base = found[0]
        wanted = range(base, base + capacity * len(ordered), capacity)
        inside = set(ordered).intersection(wanted)
        gaps = (start for start in wanted if start not in inside)
        outside = (start for start in ordered if start not in inside)
        moves = [Move(*pair, capacity) for pair in zip(outside, gaps, strict=True)]
        return Window(base, moves)

    def defragment(self) -> list[Move]:
        """Returns moves that slide all slots to the left, so that free space is one range.

        Each move is safe through a temporary copy if they are made in this order.
        """
        return slide(self.slots(), 0)

    def room(self, capacity: int, most: float = inf) -> list[Move] | None:
        """Returns moves that free `capacity` positions in one range: those that copy the least.

        Each move is safe through a temporary copy if they are made in this order. With a limit
        of four times `capacity` the moves are cheap, and few positions are left unused.

        Args:
            capacity: the positions that must become free in one range.
            most: the most positions that the moves may copy, counted by capacities.

        Returns:
            An empty list if there is such a range; None if too few positions are free, or if the
            moves copy more than `most`.
        """
        integer("capacity", capacity, 1)
        if capacity <= self.largest_free:
            return []
        if capacity > self.free_total:
            return None
        return make_room(Line(self._order, self._slots, self._free), capacity, most)

    def _put(self, start: int, capacity: int) -> None:
        self._free.take(start, start + capacity)
        self._slots[start] = capacity
        insort(self._order, start)
        self._used += capacity

    def _beside(self, near: int, capacity: int) -> int | None:
        """Returns where a slot can start or stop at `near`, or None."""
        found = self._free.around(near)
        if found is None:
            return None
        if near + capacity <= found[1]:
            return near
        return near - capacity if near - capacity >= found[0] else None

    def _most_in_place(self, capacity: int, own: list[int]) -> int | None:
        """Returns the base of the window with the most of `own` in place, or None."""
        width, best, base = len(own) * capacity, 0, None
        for start, stop, members in self._runs(capacity, own):
            # A best window starts at a member or ends with the run.
            bases = [member for member in members if member + width <= stop]
            if start + width <= stop:
                bases.append(stop - width)
            for one in bases:
                inside = bisect_left(members, one + width) - bisect_left(members, one)
                if inside > best:
                    best, base = inside, one
        return base

    def _runs(self, capacity: int, own: list[int]) -> list[tuple[int, int, list[int]]]:
        """Returns runs (start, stop, members) of cells that are free or members.

        Cells of a run are consecutive; its members are those of `own` that lie on cells.
        """
        runs: list[tuple[int, int, list[int]]] = []
        members: list[int] = []
        for start in own:
            free_until = self._free.after(members[-1] + capacity) if members else -1
            if members and start == free_until and (start - members[-1]) % capacity == 0:
                members.append(start)
                continue
            if members:
                runs.append(self._run(capacity, members))
            members = [start]
        if members:
            runs.append(self._run(capacity, members))
        return runs

    def _run(self, capacity: int, members: list[int]) -> tuple[int, int, list[int]]:
        first, last = members[0], members[-1] + capacity
        before = (first - self._free.before(first)) // capacity
        after = (self._free.after(last) - last) // capacity
        return first - before * capacity, last + after * capacity, members
