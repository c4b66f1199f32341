"""Moves rows of the KV cache: all layers, keys and values, in one launch."""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import torch
from torch import Tensor

from multibin._args import integer
from multibin.kernels.launch import (
    WORDS,
    check_alike,
    check_index,
    check_tensor,
    jit,
    launch,
    shape,
    tl,
    uses_triton,
)

BLOCK = 2048
"""Words that one program copies: with 8-byte words, 64 bytes for each of its 256 threads."""


@jit()
def gather_kv_kernel(
    source: tl.tensor,  # [layers, 2, source_size, kv_heads, capacity, WIDTH] words
    destination: tl.tensor,  # [layers, 2, destination_size, kv_heads, capacity, WIDTH] words
    source_rows: tl.tensor,  # [moves]
    destination_rows: tl.tensor,  # [moves]
    lengths: tl.tensor,  # [moves] positions
    heads: tl.int64,
    longest: tl.int64,
    source_size: tl.int64,
    destination_size: tl.int64,
    # Strides count vectors, so that the compiler sees that every head starts at a whole vector.
    source_layer: tl.int64,
    source_half: tl.int64,
    source_row: tl.int64,
    source_head: tl.int64,
    source_position: tl.int64,
    destination_layer: tl.int64,
    destination_half: tl.int64,
    destination_row: tl.int64,
    destination_head: tl.int64,
    destination_position: tl.int64,
    VECTOR: tl.constexpr,  # words
    WIDTH: tl.constexpr,  # words of one position
    BLOCK: tl.constexpr,  # words
) -> None:
    """Copies, as program (block, plane, move), a block of one layer's and head's keys or values."""
    move = tl.program_id(2).to(tl.int64)
    origin = tl.load(source_rows + move).to(tl.int64)
    target = tl.load(destination_rows + move).to(tl.int64)
    length = tl.minimum(tl.load(lengths + move).to(tl.int64), longest)
    within = (origin >= 0) & (origin < source_size) & (target >= 0) & (target < destination_size)
    words = tl.where(within, length * WIDTH, 0)
    first = tl.program_id(0) * BLOCK
    if first >= words:
        return
    plane = tl.program_id(1).to(tl.int64)
    layer, half, head = plane // (2 * heads), plane // heads % 2, plane % heads
    source += VECTOR * (
        layer * source_layer + half * source_half + origin * source_row + head * source_head
    )
    destination += VECTOR * (
        layer * destination_layer
        + half * destination_half
        + target * destination_row
        + head * destination_head
    )
    # Words of consecutive positions have consecutive numbers: no lane idles at any head_dim.
    word = first + tl.arange(0, BLOCK)
    position = (word // WIDTH).to(tl.int64)
    column = word % WIDTH
    mask = word < words
    data = tl.load(source + position * (source_position * VECTOR) + column, mask=mask)
    tl.store(destination + position * (destination_position * VECTOR) + column, data, mask=mask)


class Moves(NamedTuple):
    """Which rows move where: index tensors [moves] on the device of the source."""

    source_rows: Tensor
    destination_rows: Tensor
    lengths: Tensor
    """Positions to copy."""


@torch.no_grad()
def gather_kv(
    source: Tensor,
    destination: Tensor,
    source_rows: Tensor,
    destination_rows: Tensor,
    lengths: Tensor,
    *,
    longest: int,
) -> None:
    """Copies the first `lengths[i]` positions of row `source_rows[i]` to `destination_rows[i]`.

    All layers, keys and values and heads of all rows move in one launch, without waiting for the
    device. Positions at and beyond `lengths[i]` and rows that are not named stay as they are. The
    moves have no order, so a row may be a destination once. Where `destination` shares memory with
    `source`, as in compaction, no row may be both a source and a destination.

    >>> import torch
    >>> from multibin.kernels import gather_kv
    >>> cache = torch.arange(8.0).reshape(1, 2, 2, 1, 1, 2)
    >>> gather_kv(cache, cache, *torch.tensor([[1], [0], [1]]), longest=1)
    >>> bool(cache[:, :, 0].equal(cache[:, :, 1]))
    True

    Args:
        source: [layers, 2, rows, kv_heads, capacity, head_dim], keys and values on axis 1, with any
            strides as long as the last is 1.
        destination: a cache of these axes with its own rows, capacity and strides.
        source_rows: [moves] int32 or int64 on the device of `source`.
        destination_rows: [moves] int32 or int64 on the device of `source`.
        lengths: [moves] int32 or int64 on the device of `source`: positions to copy; 0 copies
            nothing.
        longest: an upper bound of `lengths`, known on the host, within both capacities.

    Raises:
        TypeError: an argument of a wrong type or dtype.
        ValueError: a wrong shape, stride or device, `longest` beyond a capacity; on CPU also a
            length beyond `longest` (a device, which cannot tell, copies `longest` positions).
        IndexError: on CPU, a row outside its cache (a device skips that move).
    """
    moves = Moves(source_rows, destination_rows, lengths)
    longest = _check(source, destination, moves, longest)
    if not uses_triton(source):
        gather_kv_reference(source, destination, *moves, longest=longest)
    elif longest and all(tensor.numel() for tensor in (source, destination, lengths)):
        _launch(source, destination, moves, longest)


def _launch(source: Tensor, destination: Tensor, moves: Moves, longest: int) -> None:
    unit = _unit(source, destination)
    word = min(unit, 8)
    vector = unit // word
    source, destination = source.view(WORDS[word]), destination.view(WORDS[word])
    layers, halves, source_size, heads, _, width = source.shape
    strides = [t.stride(axis) // vector for t in (source, destination) for axis in range(5)]
    numbers = (heads, longest, source_size, destination.shape[2], *strides)
    grid = (-(-longest * width // BLOCK), layers * halves * heads, moves.lengths.numel())
    indices = (index.contiguous() for index in moves)
    constants = (vector, width, BLOCK)
    launch(gather_kv_kernel, grid, source, destination, *indices, *numbers, *constants, num_warps=8)


def _unit(*caches: Tensor) -> int:
    """Returns the bytes, at most 16, at whose multiples every position starts and ends."""
    unit = 16
    for cache in caches:
        elements = gcd(cache.storage_offset(), cache.shape[-1], *cache.stride()[:-1])
        unit = gcd(unit, cache.data_ptr(), elements * cache.dtype.itemsize)
    return unit


def gather_kv_reference(
    source: Tensor,
    destination: Tensor,
    source_rows: Tensor,
    destination_rows: Tensor,
    lengths: Tensor,
    *,
    longest: int,
) -> None:
    """Copies rows in plain torch, one strided copy a row; reads the index tensors on the host.

    >>> import torch
    >>> from multibin.kernels import gather_kv_reference
    >>> source, destination = torch.ones(1, 2, 2, 1, 4, 8), torch.zeros(1, 2, 2, 1, 4, 8)
    >>> rows = torch.tensor([1]), torch.tensor([0]), torch.tensor([3])
    >>> gather_kv_reference(source, destination, *rows, longest=3)
    >>> destination[0, 0, :, 0, :, 0].tolist()
    [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]

    Raises:
        ValueError: a length beyond `longest`.
        IndexError: a row outside its cache.
    """
    moves = list(
        zip(source_rows.tolist(), destination_rows.tolist(), lengths.tolist(), strict=True)
    )
    for index, (origin, target, length) in enumerate(moves):
        _check_row(f"source_rows[{index}]", origin, source)
        _check_row(f"destination_rows[{index}]", target, destination)
        if length > longest:
            raise ValueError(
                f"lengths[{index}] must be at most longest, which is {longest}, got {length}"
            )
    for origin, target, length in moves:
        if length > 0:
            destination[:, :, target, :, :length] = source[:, :, origin, :, :length]


def _check_row(name: str, row: int, cache: Tensor) -> None:
    if not 0 <= row < cache.shape[2]:
        raise IndexError(f"{name} must be a row of a cache of {cache.shape[2]} rows, got {row}")


def _check(source: Tensor, destination: Tensor, moves: Moves, longest: int) -> int:
    """Checks all arguments and returns `longest` as an int."""
    _check_caches(source, destination)
    for name, tensor in moves._asdict().items():
        check_index(name, tensor, source)
        check_alike(name, tensor, shape=moves.source_rows.shape)
    longest = integer("longest", longest)
    for name, cache in (("source", source), ("destination", destination)):
        if longest > cache.shape[4]:
            rule = f"at most {name}'s capacity of {cache.shape[4]}"
            raise ValueError(f"longest must be {rule}, got {longest}")
    return longest


def _check_caches(source: Tensor, destination: Tensor) -> None:
    for name, cache in (("source", source), ("destination", destination)):
        check_tensor(name, cache, 6)
        if cache.shape[1] != 2:
            raise ValueError(f"{name} must be [layers, 2, rows, ...], got {shape(cache)}")
        if cache.stride(5) != 1 and cache.shape[5] > 1:
            raise ValueError(f"{name} must have a last stride of 1, got {cache.stride(5)}")
    check_alike("destination", destination, dtype=source.dtype, device=source.device)
    if any(source.shape[axis] != destination.shape[axis] for axis in (0, 3, 5)):
        raise ValueError(
            f"destination must have the layers, kv_heads and head_dim of source "
            f"{shape(source)}, got {shape(destination)}"
        )
