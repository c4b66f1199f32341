"""The KV cache: slots, moves and parking keep each row whole."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multibin.llm._engine.kv_cache import (
    CacheLayout,
    KVCache,
    LayerShape,
    Moves,
    ParkedRow,
    aligned,
)

CPU = torch.device("cpu")
UNEVEN = CacheLayout((LayerShape(2, 4, 4), LayerShape(3, 6, 5)), (0, 1), torch.float64, CPU)


def write(cache: KVCache, slot: int, length: int, value: float) -> None:
    """Fills the first positions of a slot with numbers that differ by slot and position."""
    positions = value + torch.arange(length, dtype=torch.float64) / 1000
    for keys, values in cache.views(slot, 1, length):
        keys.copy_(positions[:, None].expand_as(keys))
        values.copy_(-positions[:, None].expand_as(values))


def read(cache: KVCache, slot: int, length: int) -> list[Tensor]:
    return [tensor.clone() for pair in cache.views(slot, 1, length) for tensor in pair]


def holds(cache: KVCache, slot: int, length: int, value: float) -> bool:
    positions = value + torch.arange(length, dtype=torch.float64) / 1000
    return all(
        torch.equal(tensor, sign * positions[:, None].expand_as(tensor))
        for tensor, sign in zip(read(cache, slot, length), [1, -1] * 2, strict=True)
    )


def test_views_have_each_layers_own_shape() -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(5, 20)
    assert (cache.rows, cache.capacity) == (5, 24)
    shapes = [(tuple(k.shape), tuple(v.shape)) for k, v in cache.views(1, 3, 17)]
    assert shapes == [((3, 2, 17, 4), (3, 2, 17, 4)), ((3, 3, 17, 6), (3, 3, 17, 5))]


def test_a_new_cache_is_zero_and_growth_keeps_the_live_rows() -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(3, 8)
    assert all(not tensor.any() for tensor in read(cache, 2, 8))
    for slot in range(3):
        write(cache, slot, 8, slot)
    cache.grow(17, live=2)
    assert cache.capacity == 24
    assert holds(cache, 0, 8, 0)
    assert holds(cache, 1, 8, 1)
    assert not cache.views(2, 1, 24)[0][0].any()
    assert not cache.views(0, 2, 24)[0][0][:, :, 8:].any()


def test_reserve_never_shrinks() -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(4, 16)
    before = cache.views(0, 1, 1)[0][0].data_ptr()
    cache.reserve(2, 9)
    assert (cache.rows, cache.capacity) == (4, 16)
    assert cache.views(0, 1, 1)[0][0].data_ptr() == before
    cache.reserve(5, 1)
    assert (cache.rows, cache.capacity) == (5, 16)


@pytest.mark.parametrize(("length", "width"), [(0, 0), (1, 8), (8, 8), (9, 16)])
def test_aligned(length: int, width: int) -> None:
    assert aligned(length) == width


lengths = st.lists(st.integers(1, 16), min_size=1, max_size=6)


@settings(deadline=None)
@given(lengths, st.data())
def test_compaction_moves_rows_whole(lengths: list[int], data: st.DataObject) -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(len(lengths), 16)
    for slot, length in enumerate(lengths):
        write(cache, slot, length, slot)
    live = data.draw(st.integers(0, len(lengths)))
    gaps = data.draw(st.permutations(range(live)))
    tail = data.draw(st.permutations(range(live, len(lengths))))
    pairs = list(zip(tail, gaps, strict=False))
    moves = Moves([s for s, _ in pairs], [d for _, d in pairs], [lengths[s] for s, _ in pairs])
    cache.compact(moves, 16)
    origin = {d: s for s, d in pairs}
    for slot in range(live):
        source = origin.get(slot, slot)
        assert holds(cache, slot, lengths[source], source)
        if slot in origin:
            beyond = [tensor[:, :, lengths[source] :] for tensor in read(cache, slot, 16)]
            assert not any(tensor.any() for tensor in beyond)


@settings(deadline=None)
@given(lengths, st.data())
def test_parked_rows_come_back_from_several_tensors(
    lengths: list[int], data: st.DataObject
) -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(len(lengths), 16)
    for slot, length in enumerate(lengths):
        write(cache, slot, length, slot)
    order = data.draw(st.permutations(range(len(lengths))))
    cut = data.draw(st.integers(0, len(lengths)))
    parked: list[ParkedRow] = []
    for slots in (order[:cut], order[cut:]):
        if slots:
            parked += cache.park(slots, [lengths[slot] for slot in slots])
    back = data.draw(st.permutations(range(len(lengths))))
    other = KVCache(UNEVEN)
    other.reserve(len(lengths) + 2, 16)
    other.restore([parked[i] for i in back], start=2)
    for slot, i in enumerate(back):
        assert holds(other, 2 + slot, lengths[order[i]], order[i])


def test_parked_memory_goes_with_its_last_row() -> None:
    cache = KVCache(UNEVEN)
    cache.reserve(3, 16)
    rows = cache.park([0, 2], [5, 9])
    assert rows[0].block.shape == (2, 2, 2, 3, 9, 6)
    block = weakref.ref(rows[0].block)
    del rows[0]
    gc.collect()
    assert block() is not None
    del rows[0]
    gc.collect()
    assert block() is None


def test_nothing_to_move_is_no_launch() -> None:
    cache = KVCache(UNEVEN)
    cache.compact(Moves([], [], []), 16)
    cache.restore([], 0)
