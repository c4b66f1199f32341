"""Where the keys and values of each row are: in a slot, in host memory, or to be recomputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from multibin.llm._engine.arena import Arena, Copy
from multibin.llm._engine.rows import Budget, Costs, Counts, Row
from multibin.llm._engine.size_classes import ALIGNMENT
from multibin.llm._engine.space import Move, Slot
from multibin.llm._load.failures import is_out_of_memory
from multibin.llm._load.hf import moved

MOST_MOVES = 4
"""Rows of one capacity that move at a time so that they are consecutive.

One that joins or leaves needs one move or two; in a full cache, calls of attention cost less.
"""


@dataclass
class Memory:
    """Gives rows their slots, and finds room by moving, offloading or dropping parked rows."""

    arena: Arena
    budget: Budget
    counts: Counts = field(default_factory=Counts)
    costs: Costs = field(default_factory=Costs)
    host_used: int = 0
    """Bytes of blocks in host memory."""
    host_rows: int = 0
    """Rows that have these blocks."""
    version: int = 0
    """Grows whenever slots of running rows may have moved."""
    parked: dict[Row, None] = field(default_factory=dict)
    """Rows with a slot that do not run, in the order in which they were parked."""
    kept: dict[Row, None] = field(default_factory=dict)
    """Rows of finished requests, whose beginning others may share; the first to go."""
    rows: dict[int, Row] = field(default_factory=dict)
    """All rows with a slot, by its start."""
    gone: list[Row] = field(default_factory=list)
    """Rows that were kept and have made room; `Joining` forgets their prompts."""
    limit: int | None = None
    """Positions beyond which the arena did not grow, for lack of memory."""

    @property
    def most_positions(self) -> int:
        """Returns the positions that the arena may have."""
        if not self.budget.grows:
            return self.arena.space.size
        budget = self.budget.device // self.arena.layout.position_bytes
        return budget if self.limit is None else min(budget, self.limit)

    @property
    def most(self) -> int:
        """Returns the positions that a row can have when it is alone."""
        return min(self.arena.classes.longest, self.most_positions)

    def clear(self) -> None:
        """Frees everything, also what an interrupted change has left."""
        for row in {*self.rows.values(), *self.parked, *self.kept}:
            row.slot, row.block, row.cached = None, None, 0
        self.rows, self.parked, self.kept, self.gone = {}, {}, {}, []
        self.arena.reset()
        self.host_used, self.host_rows, self.limit = 0, 0, None
        self.version += 1

    def place(self, row: Row, positions: int) -> bool:
        """Gives a row without a slot one for this many positions; returns false if none is free.

        What the row has in host memory is copied back; where the device lacks memory to do so, the
        row stays there.
        """
        capacity = self._fit(positions)
        start = self._allocate(capacity, most=capacity)
        if start is None:
            return False
        self._settle(row, start)
        if row.block is not None:
            try:
                self.arena.store(row.block, start)
            except Exception as error:
                self._leave(row)
                if is_out_of_memory(error):
                    return False
                raise
            self._forget_block(row)
            self.counts.restored += 1
        return True

    def climb(self, row: Row, positions: int) -> bool:
        """Moves a row to a slot for this many positions; returns false if none is free."""
        capacity = self._fit(positions)
        start = self._allocate(capacity, most=4 * capacity)
        if start is None:
            return False
        # Finding room may have moved the row itself.
        old = row.start
        try:
            self.arena.copy([Copy(old, start, row.cached)])
        except BaseException:
            self.arena.space.free(start)
            raise
        self._leave(row)
        self._settle(row, start)
        self.counts.climbs += 1
        return True

    def share(self, source: Row, row: Row, positions: int) -> None:
        """Copies the first positions of another row, which has the same tokens there.

        Without the memory to do so nothing changes.
        """
        try:
            self.arena.copy([Copy(source.start, row.start, positions)])
        except Exception as error:
            if is_out_of_memory(error):
                return
            raise
        row.cached = positions
        row.is_shared = source.is_shared = True
        self.counts.shared += positions

    def park(self, row: Row) -> None:
        """Notes that a row stops running: its slot is its own while there is room."""
        self.parked[row] = None
        self.counts.parked += 1

    def resume(self, row: Row) -> None:
        """Notes that a parked row runs again, in its slot."""
        self.parked.pop(row, None)

    def keep(self, row: Row, positions: int, most: int) -> None:
        """Keeps the beginning of a row whose request has ended, of at most `most` such rows."""
        self.parked.pop(row, None)
        row.cached = positions
        self.kept[row] = None
        if len(self.kept) > most:
            self._release_kept()

    def release(self, row: Row) -> None:
        """Frees what a row has."""
        self.parked.pop(row, None)
        self.kept.pop(row, None)
        if row.slot is not None:
            self._leave(row)
        if row.block is not None:
            self._forget_block(row)
        row.cached = 0
        row.states = None

    def evict(self, row: Row) -> None:
        """Takes the slot of a row: its content goes to host memory, or is dropped."""
        size = row.cached * self.arena.layout.position_bytes
        keeps = row.cached and self.host_used + size <= self.budget.host
        if not keeps or self.costs.recompute(row.cached, size) or not self._offload(row, size):
            row.cached = 0
            row.states = None
            self.counts.dropped += 1
        self.parked.pop(row, None)
        if row.slot is not None:
            self._leave(row)

    def drop(self, row: Row) -> None:
        """Gives up the content of a row."""
        self.release(row)
        self.counts.dropped += 1

    def stats(self) -> dict[str, Any]:
        """Returns rows, slots and bytes of each size class, and what happened to rows."""
        size = self.arena.layout.position_bytes
        # Another thread may ask.
        classes = Counter(self.arena.space.capacities())
        slots = [row.slot for row in list(self.rows.values()) if self._runs(row)]
        running = Counter(slot.capacity for slot in slots if slot is not None)
        return {
            "classes": [
                {
                    "capacity": capacity,
                    "slots": count,
                    "rows": running[capacity],
                    "bytes": capacity * count * size,
                }
                for capacity, count in sorted(classes.items())
            ],
            "rows_kept": len(self.kept),
            "rows_parked_device": len(self.parked),
            "rows_parked_host": self.host_rows,
            "bytes_host": self.host_used,
            "arena_bytes": self.arena.space.size * size,
            "arena_bytes_used": self.arena.space.used * size,
            **vars(self.counts),
        }

    def _runs(self, row: Row) -> bool:
        return row not in self.parked and row not in self.kept

    def _settle(self, row: Row, start: int) -> None:
        """Notes the new slot of a row, and zeroes it behind what is cached."""
        row.slot = Slot(start, self.arena.space.capacity(start))
        self.rows[start] = row
        self.arena.clear(start + row.cached, row.slot.stop)

    def _leave(self, row: Row) -> None:
        self.arena.space.free(row.start)
        del self.rows[row.start]
        row.slot = None

    def _offload(self, row: Row, size: int) -> bool:
        """Copies a row to host memory; returns false if there is none."""
        begin = perf_counter()
        try:
            row.block = self.arena.fetch(row.start, row.cached)
            if row.states is not None:
                row.states = moved(row.states, "cpu")
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            row.block = None
            return False
        if self.costs.copy_byte is None:
            self._finish_copies()
            self.costs.copy_byte = (perf_counter() - begin) / size
        self.host_used += size
        self.host_rows += 1
        self.counts.offloaded += 1
        return True

    def _finish_copies(self) -> None:
        """Waits for the device, to measure a copy: once."""
        self.arena.storage[0, 0, 0, :1, :1].tolist()

    def _forget_block(self, row: Row) -> None:
        assert row.block is not None
        self.host_used -= row.block.shape[3] * self.arena.layout.position_bytes
        self.host_rows -= 1
        row.block = None

    def _fit(self, positions: int) -> int:
        """Returns a capacity for so many positions, which the arena may have."""
        return min(self.arena.classes.fit(positions), max(self.most_positions, positions))

    def _allocate(self, capacity: int, most: int) -> int | None:
        """Returns the start of a new slot; kept and parked rows make room for it.

        Args:
            capacity: its positions.
            most: the most positions that are copied to close gaps, rather than to wait or to evict
                a row.
        """
        space = self.arena.space
        while (start := space.allocate(capacity)) is None:
            if self._grow(capacity) or self._release_kept() or self._close_gaps(capacity, most):
                continue
            if not self.parked:
                return None
            # The row that was parked last returns last.
            self.evict(next(reversed(self.parked)))
        return start

    def _grow(self, capacity: int) -> bool:
        """Enlarges the arena within its budget; returns whether it did."""
        size = self.arena.space.size
        while size < self.most_positions:
            wanted = min(max(2 * size, size + capacity), self.most_positions)
            try:
                self.arena.grow(wanted)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self.limit = size + (wanted - size) * 3 // 4 // ALIGNMENT * ALIGNMENT
            else:
                self.version += 1
                return True
        return False

    def _release_kept(self) -> bool:
        """Releases the row that was kept first; returns false if there is none."""
        if not self.kept:
            return False
        row = next(iter(self.kept))
        self.release(row)
        self.gone.append(row)
        return True

    def _close_gaps(self, capacity: int, most: int) -> bool:
        """Moves slots so that a range of this capacity is free, where that many positions are."""
        moves = self.arena.space.room(capacity, most)
        try:
            self._make(moves or ())
        except Exception as error:
            if is_out_of_memory(error):
                return False
            raise
        return bool(moves)

    def arrange(self, rows: Sequence[Row], *, uniform: bool) -> None:
        """Moves running rows so that those of one capacity are consecutive, where space allows.

        Args:
            rows: all running rows.
            uniform: give all rows the capacity of the largest slot first.
        """
        if uniform:
            self._make_uniform(rows)
        for capacity in sorted({row.capacity for row in rows}):
            own = [row.start for row in rows if row.capacity == capacity]
            window = self.arena.space.window(capacity, own)
            if window is not None and (uniform or len(window.moves) <= MOST_MOVES):
                self._make(window.moves)

    def _make_uniform(self, rows: Sequence[Row]) -> None:
        capacity = max(row.capacity for row in rows)
        for row in rows:
            if row.capacity < capacity and not self.climb(row, capacity):
                return

    def _make(self, moves: Sequence[Move]) -> None:
        """Moves slots with their rows, in this order."""
        if _overlap(moves):
            # After a lack of memory, each row is either where it was or where it goes.
            for move in moves:
                self._make_at_once([move])
        elif moves:
            self._make_at_once(moves)

    def _make_at_once(self, moves: Sequence[Move]) -> None:
        """Moves slots with their rows; one alone may overlap its own source."""
        rows = [self.rows[move.source] for move in moves]
        pairs = list(zip(rows, moves, strict=True))
        copies = [Copy(move.source, move.destination, row.cached) for row, move in pairs]
        if len(copies) == 1:
            self.arena.move(copies[0])
        else:
            self.arena.copy(copies)
        self.version += 1
        for row, move in pairs:
            self.arena.space.move(move.source, move.destination)
            del self.rows[move.source]
            row.slot = Slot(move.destination, move.capacity)
            self.rows[move.destination] = row
            self.arena.clear(move.destination + row.cached, row.slot.stop)
        self.counts.moved += len(moves)


def _overlap(moves: Iterable[Move]) -> bool:
    """Returns whether a destination overlaps a source."""
    sources = sorted((move.source, move.source + move.capacity) for move in moves)
    return any(
        source < move.destination + move.capacity and move.destination < stop
        for move in moves
        for source, stop in sources
    )
