"""The allocator of slots: no overlap, no lost positions, moves that are safe, best windows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from multibin.llm._engine.space import Move, Slot, Space

CAPACITIES = (3, 5, 8)


def filled(size: int, capacities: list[int]) -> Space:
    space = Space(size)
    for capacity in capacities:
        assert space.allocate(capacity) is not None
    return space


class Ledger(RuleBasedStateMachine):
    """A space beside the list of its positions: what each cell holds."""

    @initialize(size=st.integers(0, 60))
    def start(self, size: int) -> None:
        self.space = Space(size)
        self.cells: list[int | None] = [None] * size
        self.labels: dict[int, int] = {}
        """Labels of slots by start; a cell holds the label of its slot."""
        self.count = 0

    @rule(capacity=st.sampled_from(CAPACITIES), near=st.none() | st.integers(0, 60))
    def allocate(self, capacity: int, near: int | None) -> None:
        most = self.space.largest_free
        start = self.space.allocate(capacity, near)
        assert (start is None) == (capacity > most)
        if start is not None:
            self._write(start, capacity, self.count)
            self.count += 1

    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        if self.labels:
            start = data.draw(st.sampled_from(sorted(self.labels)))
            self._erase(start, self.space.capacity(start))
            self.space.free(start)

    @rule(size=st.integers(0, 30))
    def grow(self, size: int) -> None:
        self.space.grow(self.space.size + size)
        self.cells += [None] * size

    @rule(capacity=st.integers(1, 40), most=st.integers(0, 40))
    def room(self, capacity: int, most: int) -> None:
        moves = self.space.room(capacity, most)
        if moves is None:
            assert most < 40 or self.space.free_total < capacity or self.space.used > most
            return
        assert sum(move.capacity for move in moves) <= most
        self._apply(moves)
        assert self.space.largest_free >= capacity

    @rule()
    def defragment(self) -> None:
        self._apply(self.space.defragment())
        assert self.space.largest_free == self.space.free_total

    @rule(capacity=st.sampled_from(CAPACITIES), data=st.data())
    def window(self, capacity: int, data: st.DataObject) -> None:
        equal = [slot.start for slot in self.space.slots() if slot.capacity == capacity]
        own = [start for start in equal if data.draw(st.booleans())]
        found = self.space.window(capacity, data.draw(st.permutations(own)))
        most = self._most_in_place(capacity, own)
        if found is None:
            assert most is None
            return
        assert len(own) - len(found.moves) == most
        # All destinations are free now: the moves are safe in any order.
        assert all(
            self.cells[move.destination : move.destination + capacity] == [None] * capacity
            for move in found.moves
        )
        self._apply(data.draw(st.permutations(found.moves)))
        wanted = range(found.base, found.base + capacity * len(own), capacity)
        assert all(self.space.capacity(start) == capacity for start in wanted)

    @invariant()
    def it_is_what_the_cells_say(self) -> None:
        space = self.space
        slots = [Slot(start, space.capacity(start)) for start in sorted(self.labels)]
        assert space.slots() == slots
        assert len(space) == len(slots)
        assert space.used == sum(slot.capacity for slot in slots)
        assert space.used + space.free_total == space.size == len(self.cells)
        assert space.free_ranges() == self._holes()
        assert space.largest_free == max((hole.capacity for hole in self._holes()), default=0)

    def _holes(self) -> list[Slot]:
        holes: list[Slot] = []
        for position, label in enumerate(self.cells):
            if label is not None:
                continue
            if holes and holes[-1].stop == position:
                holes[-1] = Slot(holes[-1].start, holes[-1].capacity + 1)
            else:
                holes.append(Slot(position, 1))
        return holes

    def _most_in_place(self, capacity: int, own: list[int]) -> int | None:
        width = capacity * len(own)
        counts = []
        for base in range(len(self.cells) - width + 1 if own else 0):
            cells = range(base, base + width, capacity)
            if all(c in own or not any(self._labels(c, capacity)) for c in cells):
                counts.append(sum(c in own for c in cells))
        return max(counts, default=None)

    def _labels(self, start: int, capacity: int) -> list[bool]:
        return [label is not None for label in self.cells[start : start + capacity]]

    def _apply(self, moves: list[Move]) -> None:
        """Makes moves one by one, each through a copy, and compares what arrives."""
        for move in moves:
            label = self._erase(move.source, move.capacity)
            self.space.move(move.source, move.destination)
            self._write(move.destination, move.capacity, label)

    def _write(self, start: int, capacity: int, label: int) -> None:
        assert self.cells[start : start + capacity] == [None] * capacity, "overlap"
        self.cells[start : start + capacity] = [label] * capacity
        self.labels[start] = label

    def _erase(self, start: int, capacity: int) -> int:
        label = self.labels.pop(start)
        assert self.cells[start : start + capacity] == [label] * capacity
        self.cells[start : start + capacity] = [None] * capacity
        return label


TestLedger = pytest.mark.thread_unsafe(reason="one machine of states")(Ledger.TestCase)
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_smallest_range_that_is_long_enough_is_taken() -> None:
    space = filled(40, [8, 8, 8, 8])
    space.free(0)
    space.free(16)
    assert space.allocate(5) == 0
    assert space.allocate(3) == 5, "it fits exactly"
    assert space.allocate(8) == 16
    assert space.allocate(8) == 32
    assert space.allocate(1) is None


@pytest.mark.parametrize(
    ("near", "start"),
    [
        pytest.param(8, 8, id="from the right"),
        pytest.param(24, 16, id="from the left, where another slot begins"),
        pytest.param(10, 10, id="inside a free range"),
        pytest.param(4, 32, id="inside a slot: best fit"),
    ],
)
def test_near(near: int, start: int) -> None:
    space = filled(40, [8, 8, 8, 8])
    space.free(8)
    space.free(16)
    assert space.allocate(8, near) == start


def test_a_slot_may_move_onto_itself() -> None:
    space = filled(10, [2, 6])
    space.free(0)
    space.move(2, 0)
    assert space.slots() == [Slot(0, 6)]


def test_what_fails_changes_nothing() -> None:
    space = filled(10, [4, 4])
    before = space.slots()
    for wrong in (lambda: space.move(0, 1), lambda: space.move(0, 7), lambda: space.free(1)):
        with pytest.raises(ValueError, match="must be where"):
            wrong()  # type: ignore[no-untyped-call]
    assert space.slots() == before
    assert space.free_ranges() == [Slot(8, 2)]
    space.move(0, 0)
    assert space.slots() == before


def test_room_prefers_the_fewest_copies() -> None:
    # [0, 6) free, [6, 9) a slot, [9, 29) a slot, [29, 32) free.
    space = filled(32, [6, 3, 20])
    space.free(0)
    assert space.room(8) == [Move(6, 29, 3)], "the slot goes elsewhere"
    assert space.room(8, 2) is None
    assert space.room(6) == []
    assert space.room(10) is None
    assert space.allocate(3, near=29) == 29
    space.allocate(1)
    space.free(6)
    # [0, 1) a slot, [1, 9) free.
    assert space.room(9) is None
    space.free(9)
    space.place(Slot(15, 3))
    # [1, 15) free, [15, 18) a slot, [18, 29) free: the slot fits no hole outside.
    assert space.room(25) == [Move(15, 1, 3)], "the slot slides"


def test_a_window_without_rows_in_place() -> None:
    space = Space(30)
    for start, capacity in ((0, 4), (4, 1), (5, 4), (9, 1)):
        space.place(Slot(start, capacity))
    assert space.window(4, [5, 0]) == (10, [Move(0, 10, 4), Move(5, 14, 4)])
    assert space.window(4, []) is None
    with pytest.raises(ValueError, match="own must be starts of slots of 4, got 4"):
        space.window(4, [4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Space(-1), "size must be at least 0, got -1"),
        (lambda: Space(8).allocate(0), "capacity must be at least 1, got 0"),
        (lambda: Space(8).room(0), "capacity must be at least 1, got 0"),
        (lambda: Space(8).grow(7), "size must be at least 8, got 7"),
        (lambda: Space(8).free(0), "start must be where a slot starts, got 0"),
        (lambda: Space(8).place(Slot(4, 5)), "start must be where 5 positions are free, got 4"),
        (lambda: filled(8, [5]).move(0, 4), "destination must be where 5 positions are free"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@given(st.integers(1, 50))
def test_a_space_without_slots_has_one_range(size: int) -> None:
    space = Space(0)
    space.grow(size)
    assert space.free_ranges() == [Slot(0, size)]
    assert space.defragment() == []
