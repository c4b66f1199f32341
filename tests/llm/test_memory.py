"""Slots, parking, host copies and eviction: rows stay whole, and the books add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.llm.test_arena import UNEVEN, holds, parts, write

from multibin.llm._engine.arena import Arena, Copy
from multibin.llm._engine.memory import Memory
from multibin.llm._engine.rows import Budget, Costs, Row
from multibin.llm._engine.size_classes import SizeClasses

SIZE = UNEVEN.position_bytes
CLASSES = SizeClasses((8, 16, 24))


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    """As in a run."""
    with torch.inference_mode():
        yield


def memory(positions: int, host: int = 0, *, grows: bool = False) -> Memory:
    arena = Arena(UNEVEN, 0 if grows else positions, CLASSES)
    return Memory(arena, Budget(positions * SIZE, host * SIZE, grows))


def fill(memory: Memory, row: Row, length: int, value: float) -> None:
    write(memory.arena, row.start, length, value)
    row.cached = length


def placed(memory: Memory, length: int, value: float) -> Row:
    row = Row()
    assert memory.place(row, length)
    fill(memory, row, length, value)
    return row


def test_a_slot_has_the_smallest_capacity_and_is_zero_behind_the_row() -> None:
    one = memory(48)
    one.arena.storage.fill_(torch.nan)
    row = placed(one, 11, 1)
    assert row.capacity == 16
    assert not any(part.any() for part in parts(one.arena, row.start + 11, 5))
    assert one.climb(row, 17)
    assert row.capacity == 24
    assert holds(one.arena, row.start, 11, 1)
    assert not any(part.any() for part in parts(one.arena, row.start + 11, 13))
    assert one.arena.space.used == 24


def test_what_makes_room_first() -> None:
    """Kept rows go first, then gaps close, then the row that was parked last goes to the host."""
    one = memory(48, host=100)
    kept, left, right = placed(one, 8, 1), placed(one, 16, 2), placed(one, 24, 3)
    one.keep(kept, 8, most=4)
    small = placed(one, 8, 4)
    assert kept.slot is None
    assert one.gone == [kept]
    one.park(left)
    one.park(right)
    assert placed(one, 16, 5).capacity == 16
    assert (left.slot is None, right.slot is None) == (False, True)
    assert right.block is not None
    assert one.host_used == 24 * SIZE
    one.release(left)
    one.release(small)
    # 8 positions at the left, 16 behind them, and 8 at the right.
    assert one.place(right, 24)
    assert holds(one.arena, right.start, 24, 3)
    assert not one.host_used
    assert (one.counts.offloaded, one.counts.restored, one.counts.dropped) == (1, 1, 0)


def test_a_row_without_room_in_the_host_is_dropped() -> None:
    one = memory(24, host=20)
    row = placed(one, 24, 1)
    one.park(row)
    other = placed(one, 8, 2)
    assert (row.slot, row.block, row.cached) == (None, None, 0)
    assert one.counts.dropped == 1
    assert not one.place(row, 24)
    one.release(other)
    assert one.place(row, 24)


def test_a_host_without_memory_drops_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory(24, host=100)
    row = placed(one, 24, 1)
    one.park(row)

    def fetch(*_: int) -> torch.Tensor:
        raise torch.OutOfMemoryError("no pinned memory")

    monkeypatch.setattr(one.arena, "fetch", fetch)
    assert placed(one, 8, 2).slot is not None
    assert (row.slot, row.block, row.cached) == (None, None, 0)
    assert (one.counts.offloaded, one.counts.dropped) == (0, 1)


def test_recomputing_is_chosen_where_it_takes_less_time() -> None:
    assert not Costs().recompute(10, 10)
    assert not Costs(copy_byte=1.0).recompute(10, 10)
    costs = Costs(copy_byte=1e-9, prefill_token=1e-6)
    assert costs.recompute(1, 1001)
    assert not costs.recompute(1, 499)
    costs.prefilled(10, 1e-5)
    assert costs.prefill_token == pytest.approx(1e-6)
    one = memory(24, host=100)
    one.costs = Costs(copy_byte=1.0, prefill_token=1e-9)
    row = placed(one, 24, 1)
    one.evict(row)
    assert row.block is None
    assert one.counts.dropped == 1


def test_an_ended_row_is_not_parked_and_kept_at_once() -> None:
    one = memory(24, host=100)
    row = placed(one, 8, 1)
    one.park(row)
    one.keep(row, 8, most=4)
    assert row not in one.parked
    placed(one, 24, 2)
    assert not one.host_used


def test_a_kept_row_too_many_goes() -> None:
    one = memory(48)
    rows = [placed(one, 8, at) for at in range(3)]
    for row in rows:
        one.keep(row, 8, most=2)
    assert list(one.kept) == rows[1:]
    assert one.gone == rows[:1]


def test_an_arena_grows_by_doubling_within_its_budget() -> None:
    one = memory(70, grows=True)
    sizes = []
    for at in range(4):
        row = placed(one, 16, at)
        sizes.append(one.arena.space.size)
        assert holds(one.arena, row.start, 16, at)
    assert sizes == [16, 32, 64, 64]
    assert one.most == 24
    assert not one.place(Row(), 8)
    assert one.arena.space.size == 70


def test_an_arena_grows_by_less_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory(100, grows=True)
    row = placed(one, 16, 1)
    grow = one.arena.grow

    def scarce(positions: int) -> None:
        if positions > 40:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        grow(positions)

    monkeypatch.setattr(one.arena, "grow", scarce)
    placed(one, 24, 2)
    assert one.arena.space.size == 40
    assert one.limit is None
    assert not one.place(Row(), 8)
    assert one.limit == one.most_positions == 40
    one.clear()
    assert (row.slot, one.limit, one.most_positions) == (None, None, 100)


def test_another_error_of_growth_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory(100, grows=True)

    def broken(_: int) -> None:
        raise RuntimeError("the device is lost")

    monkeypatch.setattr(one.arena, "grow", broken)
    with pytest.raises(RuntimeError, match="the device is lost"):
        one.place(Row(), 8)


def test_moves_that_lack_memory_leave_each_row_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps would close by two moves, of which the second finds no memory."""
    one = memory(64)
    rows = [placed(one, 8 if at % 2 else 16, at) for at in range(5)]
    for gap in (rows[0], rows[2]):
        one.release(gap)
    move = one.arena.move
    made: list[Copy] = []

    def scarce(copy: Copy) -> None:
        if made:
            raise torch.OutOfMemoryError("no memory")
        made.append(copy)
        move(copy)

    monkeypatch.setattr(one.arena, "move", scarce)
    assert not one.place(Row(), 24) or made
    for at in (1, 3, 4):
        assert holds(one.arena, rows[at].start, rows[at].cached, at)
        assert one.rows[rows[at].start] is rows[at]


def test_uniform_rows_are_one_run() -> None:
    one = memory(120)
    rows = [placed(one, length, at) for at, length in enumerate((8, 16, 24))]
    one.arrange(rows, uniform=True)
    assert [row.capacity for row in rows] == [24] * 3
    starts = sorted(row.start for row in rows)
    assert starts == list(range(starts[0], starts[0] + 72, 24))
    for at, row in enumerate(rows):
        assert holds(one.arena, row.start, row.cached, at)


class Rows(RuleBasedStateMachine):
    """Rows come, climb, park, return and go, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = torch.inference_mode()
        self.mode.__enter__()
        self.memory = memory(88, host=40, grows=True)
        self.values: dict[Row, int] = {}
        self.next = 0

    def teardown(self) -> None:
        for row in list(self.values):
            self.memory.release(row)
        try:
            assert not self.memory.arena.space.used
            assert not self.memory.host_used
            assert not self.memory.rows
        finally:
            self.mode.__exit__(None, None, None)

    def running(self) -> list[Row]:
        memory = self.memory
        return [r for r in self.values if r.slot and r not in memory.parked | memory.kept]

    @rule(length=st.integers(1, 24))
    def place(self, length: int) -> None:
        row = Row()
        self.next += 1
        if self.memory.place(row, length):
            fill(self.memory, row, length, self.next)
            self.values[row] = self.next

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def climb(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.running()))
        self.memory.climb(row, data.draw(st.integers(row.cached, 24)))

    @precondition(lambda self: self.running())
    @rule(data=st.data(), how=st.sampled_from(["park", "evict", "drop", "keep"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        row = data.draw(st.sampled_from(self.running()))
        if how == "keep":
            self.memory.keep(row, (row.cached + 1) // 2, most=2)
        else:
            getattr(self.memory, how)(row)

    @precondition(lambda self: self.memory.parked)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.memory.resume(data.draw(st.sampled_from(list(self.memory.parked))))

    @rule()
    def restore(self) -> None:
        for row in [row for row in self.values if row.block is not None]:
            self.memory.place(row, row.cached)

    @precondition(lambda self: self.values)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(list(self.values)))
        self.memory.release(row)
        del self.values[row]

    @precondition(lambda self: self.running())
    @rule(uniform=st.booleans())
    def arrange(self, uniform: bool) -> None:
        self.memory.arrange(self.running(), uniform=uniform)

    @invariant()
    def rows_are_whole(self) -> None:
        memory = self.memory
        for row, value in self.values.items():
            if row.slot is not None:
                assert holds(memory.arena, row.start, row.cached, value)
                behind = parts(memory.arena, row.start + row.cached, row.capacity - row.cached)
                assert row in memory.kept or not any(part.any() for part in behind)
            elif row.block is not None:
                assert row.block.shape[3] == row.cached
            else:
                assert not row.cached

    @invariant()
    def the_books_add_up(self) -> None:
        memory = self.memory
        slots = {row.start: row for row in self.values if row.slot is not None}
        assert memory.rows == slots
        assert memory.arena.space.used == sum(row.capacity for row in slots.values())
        blocks = [row.block for row in self.values if row.block is not None]
        assert memory.host_used == SIZE * sum(block.shape[3] for block in blocks) <= 40 * SIZE
        assert memory.host_rows == len(blocks)
        assert len(memory.kept) <= 2


TestRows = Rows.TestCase
TestRows.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def scarcely(name: str, arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a kind of copy in an arena find no memory."""

    def scarce(*_: object) -> None:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(arena, name, scarce)


def test_a_climb_that_lacks_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory(48)
    row = placed(one, 8, 1)
    scarcely("copy", one.arena, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        one.climb(row, 16)
    assert row.capacity == one.arena.space.used == 8
    assert holds(one.arena, row.start, 8, 1)


def test_a_row_stays_in_the_host_where_the_way_back_lacks_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = memory(48, host=100)
    row = placed(one, 8, 1)
    one.evict(row)
    with monkeypatch.context() as patch:
        scarcely("store", one.arena, patch)
        assert not one.place(row, 9)
    assert row.slot is None
    assert not one.rows
    assert not one.arena.space.used
    assert one.host_used == 8 * SIZE
    assert one.place(row, 9)
    assert holds(one.arena, row.start, 8, 1)


def test_a_beginning_is_not_shared_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    one = memory(48)
    source, row = placed(one, 16, 1), placed(one, 16, 2)
    row.cached = 0
    scarcely("copy", one.arena, monkeypatch)
    one.share(source, row, 8)
    assert not row.cached
    assert (row.is_shared, source.is_shared) == (False, False)


def test_numbers_may_be_asked_for_while_a_slot_is_freed() -> None:
    """As another thread does between two steps of a change."""
    one = memory(48)
    row = placed(one, 8, 1)
    asked = []

    class Order(list[int]):
        def __delitem__(self, at: Any) -> None:
            asked.append(one.stats())
            super().__delitem__(at)

    one.arena.space._order = Order(one.arena.space._order)
    one.release(row)
    assert len(asked) == 1
