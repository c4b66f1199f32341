"""Memories for rows: blocks of a fixed size, and slots of size classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from multibin.llm._engine.size_classes import SizeClasses
from multibin.llm._engine.space import Move, Space


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


@dataclass
class Slots:
    """Holds each row in one slot of a space; slots move where free positions are scattered."""

    space: Space
    classes: SizeClasses
    climbs: Copies = field(default_factory=Copies)
    moves: Copies = field(default_factory=Copies)
    rows: dict[int, Row] = field(default_factory=dict)

    def admit(self, row: Row) -> bool:
        capacity = self.classes.fit(max(row.cached, 1))
        if capacity > self.space.free_total:
            return False
        self._place(row, capacity)
        return True

    def grow(self, row: Row) -> bool:
        capacity = self.classes.next(row.capacity)
        if capacity > self.space.free_total + row.capacity:
            return False
        if capacity > self.space.largest_free:
            # Copied out first, so that its own slot counts as free.
            self.remove(row)
            self._place(row, capacity)
        else:
            old = row.start
            self._place(row, capacity)
            self.space.free(old)
            del self.rows[old]
        self.climbs.add(row.cached)
        return True

    def remove(self, row: Row) -> None:
        self.space.free(row.start)
        del self.rows[row.start]

    def _place(self, row: Row, capacity: int) -> None:
        start = self.space.allocate(capacity)
        if start is None:
            self._move(self.space.room(capacity) or [])
            start = self.space.allocate(capacity)
        assert start is not None
        row.start, row.capacity = start, capacity
        self.rows[start] = row

    def _move(self, moves: Iterable[Move]) -> None:
        for one in moves:
            self.space.move(one.source, one.destination)
            row = self.rows.pop(one.source)
            row.start = one.destination
            self.rows[row.start] = row
            self.moves.add(row.cached)
