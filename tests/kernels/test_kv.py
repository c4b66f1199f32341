"""Moves of KV rows are exact, and nothing else changes."""

from __future__ import annotations

import re
from math import gcd
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from multibin.kernels import gather_kv, gather_kv_reference
from multibin.kernels.kv import _unit
from multibin.kernels.launch import uses_triton

Move = tuple[int, int, int]
"""(source row, destination row, positions)"""

DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int8, torch.bool]


def noise(*shape: int, dtype: torch.dtype = torch.float32, device: torch.device) -> Tensor:
    """Returns random bytes as `dtype`, with NaNs of every kind among them."""
    limit = 2 if dtype == torch.bool else 256
    size = (*shape[:-1], shape[-1] * dtype.itemsize)
    return torch.randint(limit, size, dtype=torch.uint8, device=device).view(dtype)


def bits(cache: Tensor) -> list[Any]:
    """Returns the bytes of every position, as nested lists."""
    return cache.contiguous().view(torch.uint8).tolist()


def moved(source: Tensor, destination: Tensor, moves: list[Move]) -> list[Any]:
    """Returns what `destination` must hold, position by position, by plain lists."""
    before, after = bits(source), bits(destination)
    layers, halves, _, heads, _, _ = source.shape
    for layer in range(layers):
        for half in range(halves):
            for origin, target, length in moves:
                for head in range(heads):
                    for position in range(length):
                        value = before[layer][half][origin][head][position]
                        after[layer][half][target][head][position] = value
    return after


def move(
    source: Tensor,
    destination: Tensor,
    moves: list[Move],
    longest: int | None = None,
    index: torch.dtype = torch.int64,
) -> None:
    rows = torch.tensor(moves, dtype=index, device=source.device).reshape(-1, 3).unbind(1)
    bound = max((length for _, _, length in moves), default=0) if longest is None else longest
    gather_kv(source, destination, *rows, longest=bound)


def check(source: Tensor, destination: Tensor, moves: list[Move], **options: Any) -> None:
    expected = moved(source, destination, moves)
    move(source, destination, moves, **options)
    assert bits(destination) == expected


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("head_dim", [1, 3, 48, 80, 128])
def test_dtypes(
    head_dim: int, dtype: torch.dtype, index: torch.dtype, device: torch.device
) -> None:
    source = noise(2, 2, 5, 2, 9, head_dim, dtype=dtype, device=device)
    destination = noise(2, 2, 3, 2, 7, head_dim, dtype=dtype, device=device)
    check(source, destination, [(4, 0, 7), (1, 2, 3), (0, 1, 0)], index=index)


@pytest.mark.parametrize("length", [0, 1, 63, 1999])
@pytest.mark.parametrize("head_dim", [16, 80, 96])
def test_lengths(head_dim: int, length: int, device: torch.device) -> None:
    """1999 positions span blocks; at 80 and 96 a block ends within a position."""
    source = noise(1, 2, 2, 1, 1999, head_dim, dtype=torch.bfloat16, device=device)
    destination = noise(1, 2, 3, 1, 2048, head_dim, dtype=torch.bfloat16, device=device)
    rest = destination[:, :, 2, :, length:].clone()
    untouched = destination[:, :, :2].clone()
    move(source, destination, [(1, 2, length)], longest=1999)
    assert torch.equal(
        destination[:, :, 2, :, :length].view(torch.int16),
        source[:, :, 1, :, :length].view(torch.int16),
    )
    assert torch.equal(destination[:, :, 2, :, length:].view(torch.int16), rest.view(torch.int16))
    assert torch.equal(destination[:, :, :2].view(torch.int16), untouched.view(torch.int16))


def test_nothing_to_move(device: torch.device) -> None:
    """No moves, no positions, no layers, no heads, no capacity, no elements."""
    cache = noise(1, 2, 2, 1, 4, 8, device=device)
    other = noise(1, 2, 2, 1, 4, 8, device=device)
    check(cache, other, [], longest=4)
    check(cache, other, [(0, 1, 0)], longest=4)
    check(cache, other, [(0, 1, 0)], longest=0)
    check(cache[:0], other[:0], [(0, 1, 4)])
    check(cache[:, :, :, :0], other[:, :, :, :0], [(0, 1, 4)])
    check(cache[:, :, :, :, :0], other[:, :, :, :, :0], [(0, 1, 0)])
    move(cache[..., :0], other[..., :0], [(0, 1, 4)])


def compacted(live: list[bool]) -> list[tuple[int, int]]:
    """Returns (from, to) of the live rows of the tail, moved into the gaps before them."""
    gaps = [row for row, alive in enumerate(live) if not alive]
    tail = [row for row, alive in enumerate(live) if alive and row >= sum(live)]
    return list(zip(tail, gaps, strict=False))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), live=st.lists(st.booleans(), min_size=1, max_size=8))
def test_compaction_in_place(device: torch.device, data: Any, live: list[bool]) -> None:
    cache = noise(2, 2, len(live), 2, 5, 4, device=device)
    moves = [(*rows, data.draw(st.integers(0, 5))) for rows in compacted(live)]
    check(cache, cache, moves, longest=5)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    head_dim=st.integers(1, 9),
    capacities=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    dtype=st.sampled_from(DTYPES),
)
def test_random_moves(
    device: torch.device,
    data: Any,
    head_dim: int,
    capacities: tuple[int, int],
    sizes: tuple[int, int],
    dtype: torch.dtype,
) -> None:
    source, destination = (
        noise(2, 2, size, 1, capacity, head_dim, dtype=dtype, device=device)
        for size, capacity in zip(sizes, capacities, strict=True)
    )
    targets = data.draw(st.lists(st.integers(0, sizes[1] - 1), unique=True))
    origin, length = st.integers(0, sizes[0] - 1), st.integers(0, min(capacities))
    moves = [(data.draw(origin), target, data.draw(length)) for target in targets]
    check(source, destination, moves, longest=min(capacities))


def by_position(cache: Tensor) -> Tensor:
    """Returns the values laid out as [layers, 2, rows, capacity, kv_heads, head_dim]."""
    return cache.transpose(3, 4).contiguous().transpose(3, 4)


def by_row(cache: Tensor) -> Tensor:
    """Returns the values laid out with rows outermost."""
    return cache.permute(2, 4, 0, 1, 3, 5).contiguous().permute(2, 3, 0, 4, 1, 5)


def within(cache: Tensor, offset: int) -> Tensor:
    """Returns the values amid a wider buffer, so that rows start `offset` elements off."""
    *outer, width = cache.shape
    buffer = torch.zeros(*outer, width + 2 * offset, dtype=cache.dtype, device=cache.device)
    buffer[..., offset : offset + width] = cache
    return buffer[..., offset : offset + width]


def aligned(cache: Tensor) -> Tensor:
    """Returns the values amid a wider buffer, on 16-byte boundaries."""
    return within(cache, 8)


def odd(cache: Tensor) -> Tensor:
    """Returns the values amid a wider buffer, on the boundaries of elements only."""
    return within(cache, 1)


@pytest.mark.parametrize("layout", [by_position, by_row, aligned, odd])
@pytest.mark.parametrize("head_dim", [20, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_strides(layout: Any, head_dim: int, dtype: torch.dtype, device: torch.device) -> None:
    source = noise(3, 2, 4, 2, 6, head_dim, dtype=dtype, device=device)
    destination = noise(3, 2, 3, 2, 8, head_dim, dtype=dtype, device=device)
    check(layout(source), destination, [(3, 1, 6), (0, 0, 5)])
    check(source, layout(destination), [(2, 2, 1), (1, 1, 4)])


@pytest.mark.parametrize("start", [0, 1, 2, 4, 8, 12, 16])
def test_vectors_respect_an_unaligned_base(start: int) -> None:
    """Memory that another library owns may start anywhere; a vector may not."""
    memory = torch.zeros(2 * 2 * 3 * 8 * 4 * 2 + 32, dtype=torch.uint8)
    first = -memory.data_ptr() % 16 + start
    memory = torch.frombuffer(memory.numpy(), dtype=torch.uint8, offset=first, count=768)
    unit = _unit(memory.view(2, 2, 3, 1, 8, 8))
    assert unit == gcd(start, 8)


def test_only_the_moves_are_written(device: torch.device) -> None:
    """Slices of every axis of a poisoned buffer: nothing outside of them changes."""
    buffer = torch.full((4, 2, 6, 4, 12, 48), torch.nan, device=device)
    destination = buffer[1:3, :, ::2, 1:3, 2:9, 16:32]
    source = torch.randn(2, 2, 5, 2, 70, 16, device=device)
    source[:, :, :, :, 7:] = torch.nan
    move(source, destination, [(4, 2, 7), (2, 0, 6)], longest=7)
    written = 2 * 2 * 2 * (7 + 6) * 16
    assert int((~buffer.isnan()).sum()) == written
    assert torch.equal(destination[:, :, 2], source[:, :, 4, :, :7])
    assert torch.equal(destination[:, :, 0, :, :6], source[:, :, 2, :, :6])


def test_index_tensors_may_be_strided(device: torch.device) -> None:
    source = noise(1, 2, 4, 1, 5, 8, device=device)
    destination = noise(1, 2, 4, 1, 5, 8, device=device)
    moves: list[Move] = [(3, 0, 5), (1, 2, 4)]
    expected = moved(source, destination, moves)
    table = torch.tensor(moves, device=device)
    gather_kv(source, destination, table[:, 0], table[:, 1], table[:, 2], longest=5)
    assert bits(destination) == expected


@pytest.mark.parametrize("wrong", [(5, 0, 2), (-1, 0, 2), (0, 3, 2), (0, -1, 2), (0, 0, 4)])
def test_what_only_the_device_knows(wrong: Move, device: torch.device) -> None:
    """On CPU an error before anything moves; the kernel stays inside the caches."""
    source = noise(1, 2, 5, 1, 8, 4, device=device)
    destination = noise(1, 2, 3, 1, 8, 4, device=device)
    moves: list[Move] = [(1, 1, 3), wrong]
    if uses_triton(source):
        kept = [(0, 0, 3)] if wrong == (0, 0, 4) else []
        expected = moved(source, destination, moves[:1] + kept)
        move(source, destination, moves, longest=3)
        assert bits(destination) == expected
        return
    before = bits(destination)
    message = r"_rows\[1\] must be a row of|lengths\[1\] must be at most longest, which is 3, got 4"
    with pytest.raises((IndexError, ValueError), match=message):
        move(source, destination, moves, longest=3)
    assert bits(destination) == before


def test_reference_moves_nothing_for_a_negative_length() -> None:
    source = torch.ones(1, 2, 2, 1, 4, 4)
    rows = torch.tensor([0]), torch.tensor([1]), torch.tensor([-1])
    destination = torch.zeros_like(source)
    gather_kv_reference(source, destination, *rows, longest=4)
    gather_kv(source, destination, *rows, longest=4)
    assert not destination.any()


CACHE = torch.zeros(2, 2, 3, 1, 8, 4)
ROWS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"source": None}, TypeError, "source must be a tensor, got NoneType"),
        ({"source": CACHE[0]}, ValueError, "source must have 6 dimensions, got shape (2, 3, 1, 8"),
        ({"source": CACHE.mT}, ValueError, "source must have a last stride of 1, got 4"),
        ({"source": CACHE[:, :1]}, ValueError, "source must be [layers, 2, rows, ...], got (2, 1"),
        (
            {"destination": CACHE.to(torch.complex128)},
            TypeError,
            "destination must have elem",
        ),
        ({"destination": CACHE.half()}, TypeError, "destination must have dtype torch.float32"),
        ({"destination": CACHE.to("meta")}, ValueError, "destination must have device cpu"),
        ({"destination": CACHE[:1]}, ValueError, "destination must have the layers, kv_heads"),
        ({"destination": CACHE[..., :2]}, ValueError, "destination must have the layers, kv_he"),
        ({"source_rows": ROWS.float()}, TypeError, "source_rows must be int32 or int64"),
        ({"source_rows": ROWS[:1]}, ValueError, "destination_rows must have shape torch.Size([1])"),
        ({"destination_rows": ROWS[None]}, ValueError, "destination_rows must have 1 dimensions"),
        ({"lengths": ROWS[:1]}, ValueError, "lengths must have shape torch.Size([2])"),
        ({"lengths": [1, 1]}, TypeError, "lengths must be a tensor, got list"),
        ({"lengths": ROWS.to("meta")}, ValueError, "lengths must have device cpu, got meta"),
        ({"longest": 9}, ValueError, "longest must be at most source's capacity of 8, got 9"),
        (
            {"destination": CACHE[:, :, :, :, :5]},
            ValueError,
            "most destination's capacity of 5, got 8",
        ),
        ({"longest": -1}, ValueError, "longest must be at least 0, got -1"),
        ({"longest": 2.5}, TypeError, "longest must be an int, got 2.5"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "source": CACHE,
        "destination": CACHE.clone(),
        "source_rows": ROWS,
        "destination_rows": ROWS,
        "lengths": ROWS,
        "longest": 8,
    }
    with pytest.raises(error, match=re.escape(message)):
        gather_kv(**arguments | changed)
