"""Memories for rows: blocks of a fixed size, and slots of size classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from multibin.llm._engine.size_classes import SizeClasses
from multibin.llm._engine.space import Move, Slot, Space


@dataclass(eq=False)
class Row:
    """A request: how many positions it caches, how many it may, and the steps that it needs."""

    number: int
    cached: int
    steps: int
    capacity: int = 0
    start: int = 0
    since: int = 0
    """The step before which `cached` and `steps` were counted."""


class Memory(Protocol):
    """Gives rows room; a method returns false where there is none, and changes nothing."""

    def admit(self, row: Row) -> bool:
        """Gives a new row room for what it caches."""

    def grow(self, row: Row) -> bool:
        """Gives a row room for one position more than it has."""

    def remove(self, row: Row) -> None:
        """Frees what a row has."""


class Blocks:
    """Holds rows in blocks that may lie anywhere; one block of the longest row is a dense cache."""

    def __init__(self, size: int, block: int) -> None:
        self.free, self.block = size // block, block

    def admit(self, row: Row) -> bool:
        blocks = -(-max(row.cached, 1) // self.block)
        if blocks > self.free:
            return False
        self.free -= blocks
        row.capacity = blocks * self.block
        return True

    def grow(self, row: Row) -> bool:
        if not self.free:
            return False
        self.free -= 1
        row.capacity += self.block
        return True

    def remove(self, row: Row) -> None:
        self.free += row.capacity // self.block


@dataclass
class Copies:
    """Counts what is copied, rows and positions."""

    rows: int = 0
    positions: int = 0

    def add(self, positions: int) -> None:
        self.rows += 1
        self.positions += positions


JOIN, CLIMB = 1, 4
"""Positions that moves may copy for one position of a slot: for a new row, and for a climb."""


@dataclass
class Slots:
    """Holds each row in one slot of a space; slots move where free positions are scattered."""

    space: Space
    classes: SizeClasses
    climbs: Copies = field(default_factory=Copies)
    moves: Copies = field(default_factory=Copies)
    rows: dict[int, Row] = field(default_factory=dict)

    def admit(self, row: Row) -> bool:
        return self._place(row, self.classes.fit(max(row.cached, 1)), JOIN)

    def grow(self, row: Row) -> bool:
        old, capacity = Slot(row.start, row.capacity), self.classes.next(row.capacity)
        if capacity <= self.space.largest_free:
            self._place(row, capacity, CLIMB)
            self._forget(old)
        else:
            # Copied out first, so that its own slot counts as free.
            self._forget(old)
            if not self._place(row, capacity, CLIMB):
                self.space.place(old)
                self.rows[old.start] = row
                return False
        self.climbs.add(row.cached)
        return True

    def remove(self, row: Row) -> None:
        self._forget(Slot(row.start, row.capacity))

    def _forget(self, slot: Slot) -> None:
        self.space.free(slot.start)
        del self.rows[slot.start]

    def _place(self, row: Row, capacity: int, most: int) -> bool:
        moves = self.space.room(capacity, most * capacity)
        if moves is None:
            return False
        for one in moves:
            self._move(one)
        start = self.space.allocate(capacity)
        assert start is not None
        row.start, row.capacity = start, capacity
        self.rows[start] = row
        return True

    def _move(self, one: Move) -> None:
        self.space.move(one.source, one.destination)
        row = self.rows.pop(one.source)
        row.start = one.destination
        self.rows[row.start] = row
        self.moves.add(row.cached)
