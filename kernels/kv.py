"""Moves and zeroes ranges of the KV cache: all layers, keys and values, in one launch.

A cache is [layers, 2, kv_heads, positions, head_dim], keys and values on axis 1, with any strides
as long as the last is 1. A range is a start and a length, in positions. Only their own device reads
starts and lengths: nothing here waits for the device, and no start or length recompiles a kernel.
"""

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
"""Words of one program: with 8-byte words, 64 bytes for each of its 256 threads."""

WARPS = 8


@jit()
def plane_start(
    heads: tl.int64, layer_stride: tl.int64, half_stride: tl.int64, head_stride: tl.int64
) -> tl.tensor:
    """Returns where the plane of axis 1 of the grid begins: a layer's and head's keys or values."""
    plane = tl.program_id(1).to(tl.int64)
    layer, half, head = plane // (2 * heads), plane // heads % 2, plane % heads
    return layer * layer_stride + half * half_stride + head * head_stride


@jit()
def gather_kv_kernel(
    source: tl.tensor,  # [layers, 2, heads, source_positions, WIDTH] words
    destination: tl.tensor,  # [layers, 2, heads, destination_positions, WIDTH] words
    source_starts: tl.tensor,  # [moves] positions
    destination_starts: tl.tensor,  # [moves] positions
    lengths: tl.tensor,  # [moves] positions
    heads: tl.int64,
    longest: tl.int64,
    source_positions: tl.int64,
    # Strides count vectors, so that the compiler sees that every position starts at a whole vector.
    source_layer: tl.int64,
    source_half: tl.int64,
    source_head: tl.int64,
    source_position: tl.int64,
    destination_positions: tl.int64,
    destination_layer: tl.int64,
    destination_half: tl.int64,
    destination_head: tl.int64,
    destination_position: tl.int64,
    VECTOR: tl.constexpr,  # words
    WIDTH: tl.constexpr,  # words of one position
    BLOCK: tl.constexpr,  # words
) -> None:
    """Copies, as program (block, plane, move), a block of a layer's and head's keys or values."""
    move = tl.program_id(2).to(tl.int64)
    origin = tl.load(source_starts + move).to(tl.int64)
    target = tl.load(destination_starts + move).to(tl.int64)
    length = tl.maximum(tl.minimum(tl.load(lengths + move).to(tl.int64), longest), 0)
    # A sum of start and length could overflow; a length is at most the positions of either cache.
    inside = (origin >= 0) & (origin <= source_positions - length)
    inside &= (target >= 0) & (target <= destination_positions - length)
    words = tl.where(inside, length * WIDTH, 0)
    first = tl.program_id(0).to(tl.int64) * BLOCK
    if first >= words:
        return
    origin += first // WIDTH
    target += first // WIDTH
    source += VECTOR * plane_start(heads, source_layer, source_half, source_head)
    source += VECTOR * (origin * source_position)
    destination += VECTOR * plane_start(
        heads, destination_layer, destination_half, destination_head
    )
    destination += VECTOR * (target * destination_position)
    # Words of consecutive positions have consecutive numbers: no lane idles at any head_dim.
    lane = tl.arange(0, BLOCK)
    word = (first % WIDTH).to(tl.int32) + lane
    position = (word // WIDTH).to(tl.int64)
    column = word % WIDTH
    mask = lane < words - first
    data = tl.load(source + position * (source_position * VECTOR) + column, mask=mask)
    tl.store(destination + position * (destination_position * VECTOR) + column, data, mask=mask)


@jit()
def zero_kv_kernel(
    cache: tl.tensor,  # [layers, 2, heads, positions, WIDTH] words
    starts: tl.tensor,  # [ranges] positions
    lengths: tl.tensor,  # [ranges] positions
    heads: tl.int64,
    longest: tl.int64,
    positions: tl.int64,
    # Strides count vectors, as those of `gather_kv_kernel`.
    layer_stride: tl.int64,
    half_stride: tl.int64,
    head_stride: tl.int64,
    position_stride: tl.int64,
    VECTOR: tl.constexpr,  # words
    WIDTH: tl.constexpr,  # words of one position
    BLOCK: tl.constexpr,  # words
) -> None:
    """Zeroes, as program (block, plane, range), a block of a layer's and head's keys or values."""
    index = tl.program_id(2).to(tl.int64)
    start = tl.load(starts + index).to(tl.int64)
    length = tl.maximum(tl.minimum(tl.load(lengths + index).to(tl.int64), longest), 0)
    inside = (start >= 0) & (start <= positions - length)
    words = tl.where(inside, length * WIDTH, 0)
    first = tl.program_id(0).to(tl.int64) * BLOCK
    if first >= words:
        return
    start += first // WIDTH
    cache += VECTOR * plane_start(heads, layer_stride, half_stride, head_stride)
    cache += VECTOR * (start * position_stride)
    lane = tl.arange(0, BLOCK)
    word = (first % WIDTH).to(tl.int32) + lane
    position = (word // WIDTH).to(tl.int64)
    zeros = tl.zeros([BLOCK], dtype=cache.dtype.element_ty)
    target = cache + position * (position_stride * VECTOR) + word % WIDTH
    tl.store(target, zeros, mask=lane < words - first)


class Moves(NamedTuple):
    """Which ranges move where: index tensors [moves] on the device of the source."""

    source_starts: Tensor
    destination_starts: Tensor
    lengths: Tensor
    """Positions to copy."""


@torch.no_grad()
def gather_kv(
    source: Tensor,
    destination: Tensor,
    source_starts: Tensor,
    destination_starts: Tensor,
    lengths: Tensor,
    *,
    longest: int,
) -> None:
    """Copies `lengths[i]` positions from `source_starts[i]` on to `destination_starts[i]` on.

    All layers, keys and values and heads of all ranges move in one launch, without waiting for the
    device. Positions outside of the destinations stay as they are. The moves have no order, so
    destinations must not overlap each other. Where `destination` shares memory with `source`, as in
    compaction, no destination may overlap any source, its own included.

    >>> import torch
    >>> from multibin.kernels import gather_kv
    >>> cache = torch.arange(16.0).reshape(1, 2, 1, 4, 2)
    >>> gather_kv(cache, cache, *torch.tensor([[2], [0], [2]]), longest=2)
    >>> cache[0, 0, 0].tolist()
    [[4.0, 5.0], [6.0, 7.0], [4.0, 5.0], [6.0, 7.0]]

    Args:
        source: [layers, 2, kv_heads, positions, head_dim], keys and values on axis 1, with any
            strides as long as the last is 1.
        destination: a cache of these axes with its own positions and strides.
        source_starts: [moves] int32 or int64 on the device of `source`.
        destination_starts: [moves] int32 or int64 on the device of `source`.
        lengths: [moves] int32 or int64 on the device of `source`: positions to copy; 0 or less
            copies nothing.
        longest: an upper bound of `lengths`, known on the host, at most the positions of either
            cache.

    Raises:
        TypeError: an argument of a wrong type or dtype.
        ValueError: a wrong shape, stride or device, or `longest` beyond the positions of a cache.
            On CPU also a length beyond `longest`: a device cannot tell and copies `longest`.
        IndexError: on CPU, a range outside its cache (a device skips that move).
    """
    moves = Moves(source_starts, destination_starts, lengths)
    caches = {"source": source, "destination": destination}
    longest = _check(caches, moves._asdict(), longest)
    if not uses_triton(source):
        gather_kv_reference(source, destination, *moves, longest=longest)
    elif longest and all(tensor.numel() for tensor in (source, destination, lengths)):
        _launch(gather_kv_kernel, (source, destination), moves, longest)


@torch.no_grad()
def zero_kv(cache: Tensor, starts: Tensor, lengths: Tensor, *, longest: int) -> None:
    """Zeroes `lengths[i]` positions from `starts[i]` on.

    All layers, keys and values and heads of all ranges are zeroed in one launch, without waiting
    for the device. All other positions stay as they are. Ranges may overlap.

    >>> import torch
    >>> from multibin.kernels import zero_kv
    >>> cache = torch.ones(1, 2, 1, 5, 8)
    >>> zero_kv(cache, torch.tensor([0, 3]), torch.tensor([1, 2]), longest=2)
    >>> cache[0, 0, 0, :, 0].tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]

    Args:
        cache: [layers, 2, kv_heads, positions, head_dim], keys and values on axis 1, with any
            strides as long as the last is 1.
        starts: [ranges] int32 or int64 on the device of `cache`.
        lengths: [ranges] int32 or int64 on the device of `cache`: positions to zero; 0 or less
            zeroes nothing.
        longest: an upper bound of `lengths`, known on the host, at most the cache's positions.

    Raises:
        TypeError: an argument of a wrong type or dtype.
        ValueError: a wrong shape, stride or device, or `longest` beyond the cache's positions. On
            CPU also a length beyond `longest`: a device cannot tell and zeroes `longest`.
        IndexError: on CPU, a range outside the cache (a device skips it).
    """
    longest = _check({"cache": cache}, {"starts": starts, "lengths": lengths}, longest)
    if not uses_triton(cache):
        zero_kv_reference(cache, starts, lengths, longest=longest)
    elif longest and cache.numel() and lengths.numel():
        _launch(zero_kv_kernel, (cache,), (starts, lengths), longest)


def _launch(
    kernel: object, caches: tuple[Tensor, ...], indices: tuple[Tensor, ...], longest: int
) -> None:
    """Runs a kernel whose arguments are caches, indices, heads, longest, and numbers a cache."""
    unit = _unit(*caches)
    word = min(unit, 8)
    vector = unit // word
    words = [cache.view(WORDS[word]) for cache in caches]
    layers, halves, heads, _, width = words[0].shape
    grid = (-(-longest * width // BLOCK), layers * halves * heads, len(indices[0]))
    numbers = [heads, longest]
    for cache in words:
        numbers += [cache.shape[3], *(stride // vector for stride in cache.stride()[:-1])]
    index = [tensor.contiguous() for tensor in indices]
    launch(kernel, grid, *words, *index, *numbers, vector, width, BLOCK, num_warps=WARPS)


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
    source_starts: Tensor,
    destination_starts: Tensor,
    lengths: Tensor,
    *,
    longest: int,
) -> None:
    """Copies ranges in plain torch, one strided copy a range; reads the indices on the host.

    >>> import torch
    >>> from multibin.kernels import gather_kv_reference
    >>> source, destination = torch.ones(1, 2, 1, 4, 8), torch.zeros(1, 2, 1, 6, 8)
    >>> ranges = torch.tensor([1]), torch.tensor([2]), torch.tensor([3])
    >>> gather_kv_reference(source, destination, *ranges, longest=3)
    >>> destination[0, 0, 0, :, 0].tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]

    Raises:
        ValueError: a length beyond `longest`.
        IndexError: a range outside its cache.
    """
    origins = _slices("source_starts", source, source_starts, lengths, longest)
    targets = _slices("destination_starts", destination, destination_starts, lengths, longest)
    for origin, target in zip(origins, targets, strict=True):
        destination[..., target, :] = source[..., origin, :]


def zero_kv_reference(cache: Tensor, starts: Tensor, lengths: Tensor, *, longest: int) -> None:
    """Zeroes ranges in plain torch, one strided fill a range; reads the indices on the host.

    >>> import torch
    >>> from multibin.kernels import zero_kv_reference
    >>> cache = torch.ones(1, 2, 1, 4, 8)
    >>> zero_kv_reference(cache, torch.tensor([1]), torch.tensor([2]), longest=2)
    >>> cache[0, 0, 0, :, 0].tolist()
    [1.0, 0.0, 0.0, 1.0]

    Raises:
        ValueError: a length beyond `longest`.
        IndexError: a range outside the cache.
    """
    for positions in _slices("starts", cache, starts, lengths, longest):
        cache[..., positions, :].zero_()


def _slices(name: str, cache: Tensor, starts: Tensor, lengths: Tensor, longest: int) -> list[slice]:
    """Returns the positions of each range, or raises an error if one does not fit."""
    positions, slices = cache.shape[3], []
    for index, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        if length > longest:
            rule = f"at most longest, which is {longest}"
            raise ValueError(f"lengths[{index}] must be {rule}, got {length}")
        count = max(length, 0)
        if not 0 <= start <= positions - count:
            rule = f"the start of {count} positions within a cache of {positions}"
            raise IndexError(f"{name}[{index}] must be {rule}, got {start}")
        slices.append(slice(start, start + count))
    return slices


def _check(caches: dict[str, Tensor], indices: dict[str, Tensor], longest: int) -> int:
    """Checks all arguments, given by name, and returns `longest` as an int."""
    _check_caches(caches)
    cache, first = next(iter(caches.values())), next(iter(indices.values()))
    for name, index in indices.items():
        check_index(name, index, cache)
        check_alike(name, index, shape=first.shape)
    longest = integer("longest", longest)
    for name, cache in caches.items():
        if longest > cache.shape[3]:
            rule = f"at most the {cache.shape[3]} positions of {name}"
            raise ValueError(f"longest must be {rule}, got {longest}")
    return longest


def _check_caches(caches: dict[str, Tensor]) -> None:
    (first_name, first), *_ = caches.items()
    for name, cache in caches.items():
        check_tensor(name, cache, 5)
        if cache.shape[1] != 2:
            raise ValueError(f"{name} must be [layers, 2, kv_heads, ...], got {shape(cache)}")
        if cache.stride(4) != 1 and cache.shape[4] > 1:
            raise ValueError(f"{name} must have a last stride of 1, got {cache.stride(4)}")
        check_alike(name, cache, dtype=first.dtype, device=first.device)
        if any(cache.shape[axis] != first.shape[axis] for axis in (0, 2, 4)):
            raise ValueError(
                f"{name} must have the layers, kv_heads and head_dim of {first_name} "
                f"{shape(first)}, got {shape(cache)}"
            )
