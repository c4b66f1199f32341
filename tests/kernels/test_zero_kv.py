"""Zeroing of ranges of the KV cache is exact, and nothing else changes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.caches import DTYPES, LAYOUTS, bits, noise, planes
from torch import Tensor

from multibin.kernels import zero_kv, zero_kv_reference
from multibin.kernels.launch import uses_triton

Range = tuple[int, int]
"""(start, positions)"""


def zeroed(cache: Tensor, ranges: list[Range]) -> list[Any]:
    """Returns what `cache` must hold, position by position, by plain lists."""
    after = bits(cache)
    for plane in planes(after):
        for start, length in ranges:
            for position in range(start, start + length):
                plane[position] = [0] * len(plane[position])
    return after


def zero(
    cache: Tensor,
    ranges: list[Range],
    longest: int | None = None,
    index: torch.dtype = torch.int64,
) -> None:
    columns = torch.tensor(ranges, dtype=index, device=cache.device).reshape(-1, 2).unbind(1)
    bound = max((length for _, length in ranges), default=0) if longest is None else longest
    zero_kv(cache, *columns, longest=bound)


def check(cache: Tensor, ranges: list[Range], **options: Any) -> None:
    expected = zeroed(cache, ranges)
    zero(cache, ranges, **options)
    assert bits(cache) == expected


@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("head_dim", [1, 3, 48, 80, 128])
def test_dtypes(
    head_dim: int, dtype: torch.dtype, index: torch.dtype, device: torch.device
) -> None:
    """Starts are of any value, the last range ends where the cache ends, and two overlap."""
    cache = noise(2, 2, 2, 23, head_dim, dtype=dtype, device=device)
    check(cache, [(3, 7), (5, 6), (22, 1), (14, 0)], index=index)


@pytest.mark.parametrize("length", [0, 1, 63, 1999])
@pytest.mark.parametrize("head_dim", [16, 80, 96])
def test_lengths(head_dim: int, length: int, device: torch.device) -> None:
    """1999 positions span blocks; at 80 and 96 a block ends within a position."""
    cache = noise(1, 2, 1, 2048, head_dim, dtype=torch.bfloat16, device=device)
    expected = cache.view(torch.int16).clone()
    expected[:, :, :, 40 : 40 + length] = 0
    zero(cache, [(40, length)], longest=1999)
    assert torch.equal(cache.view(torch.int16), expected)


def test_nothing_to_zero(device: torch.device) -> None:
    """No ranges, no lengths, no layers, no heads, no positions, no elements."""
    cache = noise(1, 2, 1, 8, 8, device=device)
    check(cache, [], longest=4)
    check(cache, [(1, 0), (8, 0)], longest=4)
    check(cache, [(1, 0)], longest=0)
    check(cache[:0], [(1, 4)])
    check(cache[:, :, :0], [(1, 4)])
    check(cache[:, :, :, :0], [(0, 0)])
    zero(cache[..., :0], [(1, 4)])


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    head_dim=st.integers(1, 9),
    positions=st.integers(1, 20),
    dtype=st.sampled_from(DTYPES),
)
def test_random_ranges(
    device: torch.device, data: Any, head_dim: int, positions: int, dtype: torch.dtype
) -> None:
    cache = noise(2, 2, 1, positions, head_dim, dtype=dtype, device=device)
    start = st.integers(0, positions)
    ends = data.draw(st.lists(st.tuples(start, start).map(sorted), max_size=6))
    check(cache, [(first, last - first) for first, last in ends], longest=positions)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("head_dim", [20, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_strides(layout: Any, head_dim: int, dtype: torch.dtype, device: torch.device) -> None:
    cache = noise(3, 2, 2, 15, head_dim, dtype=dtype, device=device)
    check(layout(cache), [(9, 6), (1, 5)])


def test_only_the_ranges_are_written(device: torch.device) -> None:
    """Slices of every axis of a poisoned buffer: nothing outside of them changes."""
    buffer = torch.full((4, 2, 4, 40, 48), torch.nan, device=device)
    cache = buffer[1:3, :, 1:3, 2:36:2, 16:32]
    zero(cache, [(9, 7), (1, 6)], longest=7)
    assert int((~buffer.isnan()).sum()) == 2 * 2 * 2 * (7 + 6) * 16
    assert not cache[:, :, :, 9:16].any()
    assert not cache[:, :, :, 1:7].any()


def test_index_tensors_may_be_strided(device: torch.device) -> None:
    cache = noise(1, 2, 1, 9, 8, device=device)
    ranges: list[Range] = [(3, 2), (0, 1)]
    expected = zeroed(cache, ranges)
    table = torch.tensor(ranges, device=device)
    zero_kv(cache, table[:, 0], table[:, 1], longest=2)
    assert bits(cache) == expected


FAR = 2**63 - 1
OUTSIDE = [(7, 2), (-1, 2), (9, 0), (FAR, 2)]


@pytest.mark.parametrize("wrong", [*OUTSIDE, (0, 4), (0, FAR)])
def test_what_only_the_device_knows(wrong: Range, device: torch.device) -> None:
    """On CPU an error before anything is zeroed; the kernel stays inside the cache."""
    cache = noise(1, 2, 1, 8, 4, device=device)
    ranges: list[Range] = [(5, 2), wrong]
    if uses_triton(cache):
        kept = [] if wrong in OUTSIDE else [(0, 3)]
        expected = zeroed(cache, ranges[:1] + kept)
        zero(cache, ranges, longest=3)
        assert bits(cache) == expected
        return
    before = bits(cache)
    error = IndexError if wrong in OUTSIDE else ValueError
    message = r"starts\[1\] must be the start of|lengths\[1\] must be at most longest, which is 3"
    with pytest.raises(error, match=message):
        zero(cache, ranges, longest=3)
    assert bits(cache) == before


@pytest.mark.parametrize("length", [-1, -(2**62), -(2**63)])
def test_a_negative_length_zeroes_nothing(length: int, device: torch.device) -> None:
    """The product of a length and a width must not overflow into a valid one."""
    cache = noise(1, 2, 1, 4, 3, device=device)
    before = bits(cache)
    columns = torch.tensor([[1], [length]], device=device)
    zero_kv(cache, *columns, longest=3)
    zero_kv_reference(cache, *columns, longest=3)
    assert bits(cache) == before


CACHE = torch.zeros(2, 2, 1, 8, 4)
STARTS = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"cache": None}, TypeError, "cache must be a tensor, got NoneType"),
        ({"cache": CACHE[0]}, ValueError, "cache must have 5 dimensions, got shape (2, 1, 8, 4)"),
        ({"cache": CACHE.mT}, ValueError, "cache must have a last stride of 1, got 4"),
        ({"cache": CACHE[:, :1]}, ValueError, "cache must be [layers, 2, kv_heads, ...], got ("),
        ({"cache": CACHE.to(torch.complex128)}, TypeError, "cache must have elements of at most 8"),
        ({"starts": STARTS.float()}, TypeError, "starts must be int32 or int64"),
        ({"starts": STARTS[None]}, ValueError, "starts must have 1 dimensions"),
        ({"starts": STARTS.to("meta")}, ValueError, "starts must have device cpu, got meta"),
        ({"lengths": STARTS[:1]}, ValueError, "lengths must have shape torch.Size([2])"),
        ({"lengths": [1, 1]}, TypeError, "lengths must be a tensor, got list"),
        ({"longest": 9}, ValueError, "longest must be at most the 8 positions of cache, got 9"),
        ({"longest": -1}, ValueError, "longest must be at least 0, got -1"),
        ({"longest": 2.5}, TypeError, "longest must be an int, got 2.5"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_refuses(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {
        "cache": CACHE,
        "starts": STARTS,
        "lengths": STARTS,
        "longest": 8,
    }
    with pytest.raises(error, match=re.escape(message)):
        zero_kv(**arguments | changed)
