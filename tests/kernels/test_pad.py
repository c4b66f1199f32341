"""Ragged to dense and back is exact: it equals Python lists and torch's own padding."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from multibin.kernels import pad, pad_reference, unpad, unpad_reference

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint16,
    torch.uint64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.float8_e4m3fn,
]
SIDES = ["right", "left"]
LENGTHS = [
    [],
    [0],
    [1],
    [0, 0, 0],
    [63, 0, 1],
    [0, 5, 0, 0, 1999, 7, 0],
    [1024, 1025, 1023],
]

properties = settings(max_examples=100, deadline=None)
row_lists = st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9), max_size=9)


def bounds(rows: list[Any], device: torch.device, dtype: torch.dtype = torch.int64) -> Tensor:
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row))
    return torch.tensor(ends, dtype=dtype, device=device)


def padded(rows: list[list[Any]], width: int, side: str, fill: Any) -> list[list[Any]]:
    if side == "right":
        return [row[:width] + [fill] * (width - len(row)) for row in rows]
    kept = [row[max(len(row) - width, 0) :] for row in rows]
    return [[fill] * (width - len(row)) + row for row in kept]


def cut(rows: list[list[Any]], width: int, side: str, fill: Any) -> list[Any]:
    """Returns what `unpad` makes of rows that `pad` cut to `width`."""
    if side == "right":
        kept = [row[:width] + [fill] * (len(row) - width) for row in rows]
    else:
        kept = [[fill] * (len(row) - width) + row[max(len(row) - width, 0) :] for row in rows]
    return [token for row in kept for token in row]


def tokens_of(lengths: list[int], device: torch.device) -> tuple[Tensor, list[list[int]]]:
    tokens = torch.arange(1, sum(lengths) + 1, device=device)
    return tokens, [row.tolist() for row in torch.split(tokens, lengths)] if lengths else []


def dense_of(rows: list[list[Any]], width: int, device: torch.device) -> Tensor:
    return torch.tensor(rows, dtype=torch.int64, device=device).reshape(len(rows), width)


def bits(tensor: Tensor) -> Tensor:
    """Returns the bytes on the CPU, so that NaNs and signed zeros compare by their bits."""
    return tensor.cpu().contiguous().view(torch.uint8)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("width", [0, 1, 63, 1999])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_pad_odd_shapes(lengths: list[int], width: int, side: Any, device: torch.device) -> None:
    tokens, rows = tokens_of(lengths, device)
    dense = pad(tokens, bounds(rows, device), width, side=side, fill=-7)
    assert torch.equal(dense, dense_of(padded(rows, width, side, -7), width, device))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("width", [0, 1, 63, 1999])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_unpad_odd_shapes(lengths: list[int], width: int, side: Any, device: torch.device) -> None:
    _, rows = tokens_of(lengths, device)
    dense = dense_of(padded(rows, width, side, -7), width, device)
    tokens = unpad(dense, bounds(rows, device), sum(lengths), side=side, fill=-1)
    assert tokens.tolist() == cut(rows, width, side, -1)


@properties
@given(
    rows=row_lists, slack=st.integers(0, 5), side=st.sampled_from(SIDES), fill=st.integers(-9, 9)
)
def test_unpad_inverts_pad(
    device: torch.device, rows: list[list[int]], slack: int, side: Any, fill: int
) -> None:
    tokens = torch.tensor([token for row in rows for token in row], dtype=torch.int64).to(device)
    offsets = bounds(rows, device)
    width = max(map(len, rows), default=0) + slack
    dense = pad(tokens, offsets, width, side=side, fill=fill)
    assert dense.tolist() == padded(rows, width, side, fill)
    assert torch.equal(unpad(dense, offsets, tokens.numel(), side=side), tokens)


@properties
@given(rows=row_lists, width=st.integers(0, 12), side=st.sampled_from(SIDES))
def test_rows_longer_than_the_width(
    device: torch.device, rows: list[list[int]], width: int, side: Any
) -> None:
    tokens = torch.tensor([token for row in rows for token in row], dtype=torch.int64).to(device)
    offsets = bounds(rows, device, torch.int32)
    dense = pad(tokens, offsets, width, side=side, fill=3)
    assert dense.tolist() == padded(rows, width, side, 3)
    back = unpad(dense, offsets, tokens.numel(), side=side, fill=4)
    assert back.tolist() == cut(rows, width, side, 4)


@properties
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=9), side=st.sampled_from(SIDES))
def test_pad_is_pad_sequence(device: torch.device, lengths: list[int], side: Any) -> None:
    rows = list(torch.split(torch.randn(sum(lengths), device=device), lengths))
    expected = pad_sequence(rows, batch_first=True, padding_value=2.5, padding_side=side)
    dense = pad(torch.cat(rows), bounds(rows, device), max(lengths), side=side, fill=2.5)
    assert torch.equal(dense, expected)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("index", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype: torch.dtype, index: torch.dtype, side: Any, device: torch.device) -> None:
    lengths, width = [3, 0, 7, 1], 7
    limit = 2 if dtype == torch.bool else 256
    noise = torch.randint(limit, (sum(lengths), dtype.itemsize), dtype=torch.uint8, device=device)
    tokens = noise.view(dtype).view(-1)
    rows = torch.split(tokens.cpu(), lengths)
    offsets = bounds(list(rows), device, index)
    dense = pad(tokens, offsets, width, side=side, fill=1)
    one = torch.ones(1, dtype=dtype)
    for row, got in zip(rows, dense, strict=True):
        parts = [row, one.expand(width - len(row))]
        assert torch.equal(bits(got), bits(torch.cat(parts if side == "right" else parts[::-1])))
    back = unpad(dense, offsets, len(tokens), side=side)
    assert back.dtype == dense.dtype == dtype
    assert torch.equal(bits(back), bits(tokens))


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        (torch.int64, 3_000_000_000),
        (torch.int64, -(2**63)),
        (torch.int64, 2**63 - 1),
        (torch.uint8, 255),
        (torch.int8, -128),
        (torch.int32, -100),
        (torch.bool, True),
        (torch.float16, float("-inf")),
        (torch.bfloat16, float("nan")),
        (torch.float32, -0.0),
        (torch.float64, 1e300),
    ],
    ids=str,
)
def test_fill_is_exact(dtype: torch.dtype, fill: float, device: torch.device) -> None:
    tokens = torch.zeros(0, dtype=dtype, device=device)
    expected = torch.full((2, 3), fill, dtype=dtype, device=device)
    dense = pad(tokens, torch.zeros(3, dtype=torch.int64, device=device), 3, fill=fill)
    assert torch.equal(bits(dense), bits(expected))
    outside = unpad(expected[:, :0], torch.tensor([0, 2, 6], device=device), 6, fill=fill)
    assert torch.equal(bits(outside), bits(expected.view(-1)))


@pytest.mark.parametrize("side", SIDES)
def test_out_is_written_whole_and_nothing_else(side: Any, device: torch.device) -> None:
    lengths, width = [0, 63, 5, 0, 70], 63
    tokens = torch.randn(sum(lengths), device=device)
    rows = [row.tolist() for row in torch.split(tokens, lengths)]
    offsets = bounds(rows, device)
    around = torch.full((len(rows) + 2, 2 * width + 2), torch.nan, device=device)
    out = around[1:-1, 1:-1:2]
    assert pad(tokens, offsets, width, side=side, fill=9.0, out=out) is out
    assert out.tolist() == padded(rows, width, side, 9.0)
    assert int(around.isnan().sum()) == around.numel() - out.numel()
    line = torch.full((2 * len(tokens) + 2,), torch.nan, device=device)
    assert unpad(out, offsets, len(tokens), side=side, fill=8.0, out=line[1:-1:2]).stride() == (2,)
    assert line[1:-1:2].tolist() == cut(rows, width, side, 8.0)
    assert int(line.isnan().sum()) == line.numel() - len(tokens)


@pytest.mark.parametrize("side", SIDES)
def test_strided_arguments(side: Any, device: torch.device) -> None:
    tokens, rows = tokens_of([4, 0, 9], device)
    spread = torch.stack([tokens, -tokens], 1)[:, 0]
    wide = bounds(rows, device).repeat_interleave(2)[::2]
    dense = pad(spread, wide, 9, side=side)
    assert dense.tolist() == padded(rows, 9, side, 0)
    assert torch.equal(unpad(dense.T.contiguous().T, wide, 13, side=side), tokens)


@pytest.mark.parametrize("side", SIDES)
def test_positions_outside_tokens_read_as_fill(side: Any, device: torch.device) -> None:
    tokens = torch.tensor([1, 2, 3, 4], device=device)
    offsets = torch.tensor([-2, 1, 3, 2, 9], device=device)
    rows = [[0, 0, 1], [2, 3], [], [3, 4, 0, 0, 0, 0, 0]]
    dense = pad(tokens, offsets, 7, side=side)
    assert dense.tolist() == padded(rows, 7, side, 0)
    partial = unpad(dense[1:2], torch.tensor([1, 3], device=device), 4, side=side, fill=-1)
    assert partial.tolist() == [-1, 2, 3, -1]


def test_references_never_read_the_device() -> None:
    """Data on the meta device cannot be read, so a hidden sync is an error there."""
    tokens = torch.zeros(9, dtype=torch.int64, device="meta")
    offsets = torch.zeros(4, dtype=torch.int64, device="meta")
    for side in ("right", "left"):
        dense = pad_reference(tokens, offsets, 5, side=side)
        assert dense.shape == (3, 5)
        assert unpad_reference(dense, offsets, 9, side=side).shape == (9,)


def test_no_gradient_flows(device: torch.device) -> None:
    tokens = torch.ones(3, device=device, requires_grad=True)
    dense = pad(tokens, torch.tensor([0, 1, 3], device=device), 2)
    assert not dense.requires_grad
    assert dense.tolist() == [[1, 0], [1, 1]]


TOKENS, OFFSETS = torch.arange(5), torch.tensor([0, 2, 5])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"tokens": [1, 2]}, TypeError, "tokens must be a tensor, got list"),
        ({"tokens": TOKENS[None]}, ValueError, "tokens must have 1 dimensions, got shape (1, 5)"),
        (
            {"tokens": TOKENS.to(torch.complex128)},
            TypeError,
            "at most 8 bytes, got torch.comp",
        ),
        ({"offsets": None}, TypeError, "offsets must be a tensor, got NoneType"),
        ({"offsets": OFFSETS.float()}, TypeError, "offsets must be int32 or int64"),
        ({"offsets": OFFSETS[None]}, ValueError, "offsets must have 1 dimensions"),
        ({"offsets": OFFSETS[:0]}, ValueError, "offsets must hold rows + 1 bounds, got 0"),
        ({"offsets": OFFSETS.to("meta")}, ValueError, "offsets must have device cpu, got meta"),
        ({"width": -1}, ValueError, "width must be at least 0, got -1"),
        ({"width": 2.0}, TypeError, "width must be an int, got 2"),
        ({"width": True}, TypeError, "width must be an int, got True"),
        ({"width": torch.tensor(3)}, TypeError, "width must be an int, got tensor(3)"),
        ({"side": "middle"}, ValueError, "side must be one of 'right', 'left', got 'middle'"),
        ({"fill": 0.5}, ValueError, "fill must be a value of torch.int64, got 0.5"),
        ({"fill": float("nan")}, ValueError, "fill must be a value of torch.int64, got nan"),
        (
            {"fill": 2**63},
            ValueError,
            "fill must be a value of torch.int64, got 9223372036854775808",
        ),
        ({"fill": "0"}, ValueError, "fill must be a value of torch.int64, got '0'"),
        ({"fill": [0]}, ValueError, "fill must be a value of torch.int64, got [0]"),
        ({"out": torch.zeros(2, 3)}, TypeError, "out must have dtype torch.int64"),
        ({"out": torch.zeros(2, 2).long()}, ValueError, "out must have shape torch.Size([2, 3])"),
    ],
    ids=str,
)
def test_pad_refuses(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"tokens": TOKENS, "offsets": OFFSETS, "width": 3}
    with pytest.raises(error, match=re.escape(message)):
        pad(**arguments | changed)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"dense": TOKENS}, ValueError, "dense must have 2 dimensions, got shape (5,)"),
        (
            {"dense": torch.zeros(3, 3)},
            ValueError,
            "4 bounds for the 3 rows of dense, got 3",
        ),
        (
            {"offsets": OFFSETS.short()},
            TypeError,
            "offsets must be int32 or int64, got torch.int16",
        ),
        ({"total": -5}, ValueError, "total must be at least 0, got -5"),
        ({"side": None}, ValueError, "side must be one of 'right', 'left', got None"),
        ({"out": torch.zeros(4)}, ValueError, "out must have shape torch.Size([5])"),
    ],
    ids=str,
)
def test_unpad_refuses(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"dense": torch.zeros(2, 3), "offsets": OFFSETS, "total": 5}
    with pytest.raises(error, match=re.escape(message)):
        unpad(**arguments | changed)
