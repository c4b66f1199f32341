"""Moves of ranges of the KV cache are exact, and nothing else changes."""

from __future__ import annotations

import re
from math import gcd
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.caches import DTYPES, LAYOUTS, bits, noise, planes
from torch import Tensor

from multibin.kernels import gather_kv, gather_kv_reference
from multibin.kernels.kv import _unit
from multibin.kernels.launch import uses_triton

Move = tuple[int, int, int]
"""(source start, destination start, positions)"""


def moved(source: Tensor, destination: Tensor, moves: list[Move]) -> list[Any]:
    """Returns what `destination` must hold, position by position, by plain lists."""
    before, after = bits(source), bits(destination)
    for old, new in zip(planes(before), planes(after), strict=True):
        for origin, target, length in moves:
            for position in range(length):
                new[target + position] = old[origin + position]
    return after


def move(
    source: Tensor,
    destination: Tensor,
    moves: list[Move],
    longest: int | None = None,
    index: torch.dtype = torch.int64,
) -> None:
    ranges = torch.tensor(moves, dtype=index, device=source.device).reshape(-1, 3).unbind(1)
    bound = max((length for _, _, length in moves), default=0) if longest is None else longest
    gather_kv(source, destination, *ranges, longest=bound)


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
    """Starts are of any value; the last move ends where both caches end."""
    source = noise(2, 2, 2, 23, head_dim, dtype=dtype, device=device)
    destination = noise(2, 2, 2, 17, head_dim, dtype=dtype, device=device)
    check(source, destination, [(3, 0, 7), (0, 8, 3), (22, 16, 1), (4, 11, 0)], index=index)


@pytest.mark.parametrize("length", [0, 1, 63, 1999])
@pytest.mark.parametrize("head_dim", [16, 80, 96])
def test_lengths(head_dim: int, length: int, device: torch.device) -> None:
    """1999 positions span blocks; at 80 and 96 a block ends within a position."""
    source = noise(1, 2, 1, 2010, head_dim, dtype=torch.bfloat16, device=device)
    destination = noise(1, 2, 1, 2048, head_dim, dtype=torch.bfloat16, device=device)
    expected = destination.view(torch.int16).clone()
    expected[:, :, :, 40 : 40 + length] = source.view(torch.int16)[:, :, :, 11 : 11 + length]
    move(source, destination, [(11, 40, length)], longest=1999)
    assert torch.equal(destination.view(torch.int16), expected)


def test_nothing_to_move(device: torch.device) -> None:
    """No moves, no lengths, no layers, no heads, no positions, no elements."""
    cache = noise(1, 2, 1, 8, 8, device=device)
    other = noise(1, 2, 1, 8, 8, device=device)
    check(cache, other, [], longest=4)
    check(cache, other, [(0, 1, 0), (8, 8, 0)], longest=4)
    check(cache, other, [(0, 1, 0)], longest=0)
    check(cache[:0], other[:0], [(0, 1, 4)])
    check(cache[:, :, :0], other[:, :, :0], [(0, 1, 4)])
    check(cache[:, :, :, :0], other[:, :, :, :0], [(0, 0, 0)])
    move(cache[..., :0], other[..., :0], [(0, 1, 4)])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_compaction_in_place(device: torch.device, data: Any, sizes: list[int]) -> None:
    """Slots of unlike sizes lie side by side; the last of them move into gaps before them."""
    starts = [sum(sizes[:slot]) for slot in range(len(sizes))]
    split = data.draw(st.integers(0, len(sizes)))
    cache = noise(2, 2, 2, sum(sizes), 4, device=device)
    pairs = zip(range(split, len(sizes)), range(split), strict=False)
    moves = [
        (starts[slot], starts[gap], data.draw(st.integers(0, min(sizes[slot], sizes[gap]))))
        for slot, gap in pairs
    ]
    check(cache, cache, moves, longest=min(5, sum(sizes)))


def drawn(data: Any, source: int, destination: int) -> list[Move]:
    """Returns moves whose destinations do not overlap, in any order."""
    moves: list[Move] = []
    target = data.draw(st.integers(0, destination))
    while target < destination:
        length = data.draw(st.integers(0, min(source, destination - target)))
        moves.append((data.draw(st.integers(0, source - length)), target, length))
        target += length + data.draw(st.integers(0 if length else 1, 3))
    return list(data.draw(st.permutations(moves)))


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    head_dim=st.integers(1, 9),
    positions=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    dtype=st.sampled_from(DTYPES),
)
def test_random_moves(
    device: torch.device,
    data: Any,
    head_dim: int,
    positions: tuple[int, int],
    dtype: torch.dtype,
) -> None:
    source, destination = (
        noise(2, 2, 1, count, head_dim, dtype=dtype, device=device) for count in positions
    )
    check(source, destination, drawn(data, *positions), longest=min(positions))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("head_dim", [20, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_strides(layout: Any, head_dim: int, dtype: torch.dtype, device: torch.device) -> None:
    source = noise(3, 2, 2, 12, head_dim, dtype=dtype, device=device)
    destination = noise(3, 2, 2, 15, head_dim, dtype=dtype, device=device)
    check(layout(source), destination, [(6, 9, 6), (1, 0, 5)])
    check(source, layout(destination), [(11, 14, 1), (3, 5, 4)])


def test_a_head_may_be_read_for_all(device: torch.device) -> None:
    """A source of stride 0 is one head seen many times."""
    source = noise(2, 2, 1, 6, 16, device=device).expand(-1, -1, 4, -1, -1)
    check(source, noise(2, 2, 4, 9, 16, device=device), [(1, 3, 5)])


@pytest.mark.parametrize("start", [0, 1, 2, 4, 8, 12, 16])
def test_vectors_respect_an_unaligned_base(start: int) -> None:
    """Memory that another library owns may start anywhere; a vector may not."""
    memory = torch.zeros(2 * 2 * 3 * 8 * 4 * 2 + 32, dtype=torch.uint8)
    first = -memory.data_ptr() % 16 + start
    memory = torch.frombuffer(memory.numpy(), dtype=torch.uint8, offset=first, count=768)
    unit = _unit(memory.view(2, 2, 3, 8, 8))
    assert unit == gcd(start, 8)


@pytest.mark.parametrize(("head_dim", "unit"), [(64, 16), (8, 16), (20, 8), (6, 4), (3, 2)])
def test_vectors_fit_every_start(head_dim: int, unit: int) -> None:
    """A start shifts by whole positions, so their stride bounds the vector."""
    cache = torch.zeros(2, 2, 3, 16, head_dim, dtype=torch.float16)
    assert _unit(cache) == unit
    assert _unit(cache, torch.zeros(2, 2, 3, 5, head_dim, dtype=torch.float16)) == unit
    apart = torch.zeros(2, 2, 3, 16, head_dim + 1, dtype=torch.float16)[..., :head_dim]
    assert _unit(apart) == 2


def test_only_the_moves_are_written(device: torch.device) -> None:
    """Slices of every axis of a poisoned buffer: nothing outside of them changes."""
    buffer = torch.full((4, 2, 4, 40, 48), torch.nan, device=device)
    destination = buffer[1:3, :, 1:3, 2:36:2, 16:32]
    source = torch.full((2, 2, 2, 70, 16), torch.nan, device=device)
    source[:, :, :, 33:40] = torch.randn(2, 2, 2, 7, 16, device=device)
    source[:, :, :, 3:9] = torch.randn(2, 2, 2, 6, 16, device=device)
    move(source, destination, [(33, 9, 7), (3, 1, 6)], longest=7)
    written = 2 * 2 * 2 * (7 + 6) * 16
    assert int((~buffer.isnan()).sum()) == written
    assert torch.equal(destination[:, :, :, 9:16], source[:, :, :, 33:40])
    assert torch.equal(destination[:, :, :, 1:7], source[:, :, :, 3:9])


def test_index_tensors_may_be_strided(device: torch.device) -> None:
    source = noise(1, 2, 1, 9, 8, device=device)
    destination = noise(1, 2, 1, 9, 8, device=device)
    moves: list[Move] = [(3, 0, 5), (1, 5, 4)]
    expected = moved(source, destination, moves)
    table = torch.tensor(moves, device=device)
    gather_kv(source, destination, table[:, 0], table[:, 1], table[:, 2], longest=5)
    assert bits(destination) == expected


FAR = 2**63 - 1
OUTSIDE = [(7, 0, 2), (-1, 0, 2), (0, 4, 2), (0, -1, 2), (9, 0, 0), (FAR, 0, 2), (0, FAR, 2)]


@pytest.mark.parametrize("wrong", [*OUTSIDE, (0, 0, 4), (0, 0, FAR)])
def test_what_only_the_device_knows(wrong: Move, device: torch.device) -> None:
    """On CPU an error before anything moves; the kernel stays inside the caches."""
    source = noise(1, 2, 1, 8, 4, device=device)
    destination = noise(1, 2, 1, 5, 4, device=device)
    moves: list[Move] = [(1, 3, 2), wrong]
    if uses_triton(source):
        kept = [] if wrong in OUTSIDE else [(0, 0, 3)]
        expected = moved(source, destination, moves[:1] + kept)
        move(source, destination, moves, longest=3)
        assert bits(destination) == expected
        return
    before = bits(destination)
    error = IndexError if wrong in OUTSIDE else ValueError
    message = r"_starts\[1\] must be the start of|lengths\[1\] must be at most longest, which is 3"
    with pytest.raises(error, match=message):
        move(source, destination, moves, longest=3)
    assert bits(destination) == before


@pytest.mark.parametrize("length", [-1, -(2**62), -(2**63)])
def test_a_negative_length_moves_nothing(length: int, device: torch.device) -> None:
    """The product of a length and a width must not overflow into a valid one."""
    source, destination = (noise(1, 2, 1, 4, 3, device=device) for _ in range(2))
    before = bits(destination)
    ranges = torch.tensor([[0], [1], [length]], device=device)
    gather_kv(source, destination, *ranges, longest=3)
    gather_kv_reference(source, destination, *ranges, longest=3)
    assert bits(destination) == before


CACHE = torch.zeros(2, 2, 1, 8, 4)
STARTS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"source": None}, TypeError, "source must be a tensor, got NoneType"),
        ({"source": CACHE[0]}, ValueError, "source must have 5 dimensions, got shape (2, 1, 8, 4"),
        ({"source": CACHE.mT}, ValueError, "source must have a last stride of 1, got 4"),
        ({"source": CACHE[:, :1]}, ValueError, "source must be [layers, 2, kv_heads, ...], got ("),
        (
            {"source": CACHE.to(torch.complex128)},
            TypeError,
            "source must have elements of at most 8 bytes",
        ),
        ({"destination": None}, TypeError, "destination must be a tensor, got NoneType"),
        ({"destination": CACHE.half()}, TypeError, "destination must have dtype torch.float32"),
        ({"destination": CACHE.to("meta")}, ValueError, "destination must have device cpu"),
        ({"destination": CACHE[:1]}, ValueError, "destination must have the layers, kv_heads"),
        ({"destination": CACHE[..., :2]}, ValueError, "destination must have the layers, kv_he"),
        ({"source_starts": STARTS.float()}, TypeError, "source_starts must be int32 or int64"),
        ({"source_starts": STARTS[:1]}, ValueError, "destination_starts must have shape torch.S"),
        ({"destination_starts": STARTS[None]}, ValueError, "destination_starts must have 1 dim"),
        ({"lengths": STARTS[:1]}, ValueError, "lengths must have shape torch.Size([2])"),
        ({"lengths": [1, 1]}, TypeError, "lengths must be a tensor, got list"),
        ({"lengths": STARTS.to("meta")}, ValueError, "lengths must have device cpu, got meta"),
        ({"longest": 9}, ValueError, "longest must be at most the 8 positions of source, got 9"),
        (
            {"destination": CACHE[:, :, :, :5]},
            ValueError,
            "longest must be at most the 5 positions of destination, got 8",
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
        "source_starts": STARTS,
        "destination_starts": STARTS,
        "lengths": STARTS,
        "longest": 8,
    }
    with pytest.raises(error, match=re.escape(message)):
        gather_kv(**arguments | changed)
