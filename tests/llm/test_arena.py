"""The arena: views, copies, moves, growth and host copies keep each row whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from multibin.llm._engine.arena import Arena, Copy
from multibin.llm._engine.layout import CacheLayout, LayerShape
from multibin.llm._engine.size_classes import SizeClasses

CPU = torch.device("cpu")
UNEVEN = CacheLayout((LayerShape(2, 4, 4), LayerShape(3, 6, 5)), (0, 1), torch.float64, CPU)
CLASSES = SizeClasses((8, 16))


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    """As in a run."""
    with torch.inference_mode():
        yield


def write(arena: Arena, start: int, length: int, value: float) -> None:
    """Fills positions with numbers that differ by row and position."""
    numbers = value + torch.arange(length, dtype=torch.float64)[:, None] / 1000
    for keys, values in arena.layers:
        keys[:, start : start + length] = numbers
        values[:, start : start + length] = -numbers


def parts(arena: Arena, start: int, length: int) -> list[Tensor]:
    return [half[:, start : start + length] for pair in arena.layers for half in pair]


def holds(arena: Arena, start: int, length: int, value: float) -> bool:
    numbers = value + torch.arange(length, dtype=torch.float64)[:, None] / 1000
    return all(
        torch.equal(part, (sign * numbers).expand_as(part))
        for part, sign in zip(parts(arena, start, length), [1, -1] * 2, strict=True)
    )


def test_layers_have_their_own_shapes_on_one_tensor() -> None:
    arena = Arena(UNEVEN, 40, CLASSES)
    assert arena.storage.shape == (2, 2, 3, 40, 6)
    shapes = [(tuple(k.shape), tuple(v.shape)) for k, v in arena.layers]
    assert shapes == [((2, 40, 4), (2, 40, 4)), ((3, 40, 6), (3, 40, 5))]
    assert UNEVEN.position_bytes * 40 == arena.storage.nbytes


def test_rows_of_one_capacity_are_one_view() -> None:
    arena = Arena(UNEVEN, 40, CLASSES)
    for row in range(3):
        write(arena, 8 + 8 * row, 8, row)
    keys, values = arena.rows(1, 8, 3, 8)
    assert (keys.shape, values.shape) == ((3, 3, 8, 6), (3, 3, 8, 5))
    assert keys[2, 0, :, 0].tolist() == [2 + at / 1000 for at in range(8)]
    keys[0] = 7
    assert (parts(arena, 8, 8)[2] == 7).all()
    assert holds(arena, 16, 8, 1)


def test_a_new_arena_is_zero_and_growth_keeps_what_is_there() -> None:
    arena = Arena(UNEVEN, 0, CLASSES)
    arena.grow(16)
    assert not arena.storage.any()
    write(arena, 0, 16, 3)
    arena.grow(40)
    assert arena.space.size == 40
    assert holds(arena, 0, 16, 3)
    assert not any(part.any() for part in parts(arena, 16, 24))


def test_reset_frees_all_slots_and_takes_what_a_growth_has_left() -> None:
    arena = Arena(UNEVEN, 16, CLASSES)
    arena.space.allocate(8)
    # An interrupt behind the new tensor, before its positions are given out.
    arena._hold(UNEVEN.zeros(40))
    arena.reset()
    assert (arena.space.size, arena.space.used) == (40, 0)
    write(arena, 32, 8, 1)
    arena.grow(48)
    assert holds(arena, 32, 8, 1)


rows = st.lists(st.integers(0, 8), min_size=1, max_size=6)


@given(rows, st.data())
def test_copies_are_whole_and_touch_nothing_else(lengths: list[int], data: st.DataObject) -> None:
    count = len(lengths)
    arena = Arena(UNEVEN, 16 * count, CLASSES)
    for row, length in enumerate(lengths):
        write(arena, 8 * row, length, row)
    places = data.draw(st.permutations(range(count)))
    arena.copy([Copy(8 * r, 8 * (count + places[r]), lengths[r]) for r in range(count)])
    for row, length in enumerate(lengths):
        there = 8 * (count + places[row])
        assert holds(arena, 8 * row, length, row)
        assert holds(arena, there, length, row)
        assert not any(part.any() for part in parts(arena, there + length, 8 - length))


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 16))
def test_a_move_may_overlap_its_own_source(source: int, destination: int, length: int) -> None:
    arena = Arena(UNEVEN, 40, CLASSES)
    write(arena, source, length, 1)
    arena.move(Copy(source, destination, length))
    assert holds(arena, destination, length, 1)


def test_nothing_to_copy_is_no_launch() -> None:
    Arena(UNEVEN, 8, CLASSES).copy([])


def test_a_host_copy_is_apart_and_comes_back_elsewhere() -> None:
    arena = Arena(UNEVEN, 40, CLASSES)
    write(arena, 8, 5, 2)
    block = arena.fetch(8, 5)
    assert block.shape == (2, 2, 3, 5, 6)
    arena.clear(0, 40)
    assert not arena.storage.any()
    arena.store(block, 17)
    assert holds(arena, 17, 5, 2)
    assert not any(part.any() for part in parts(arena, 22, 18))
