"""Caches of random bytes, in every layout, for the tests of `gather_kv` and `zero_kv`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int8, torch.bool]


def noise(*shape: int, dtype: torch.dtype = torch.float32, device: torch.device) -> Tensor:
    """Returns random bytes as `dtype`, with NaNs of every kind among them."""
    limit = 2 if dtype == torch.bool else 256
    size = (*shape[:-1], shape[-1] * dtype.itemsize)
    return torch.randint(limit, size, dtype=torch.uint8, device=device).view(dtype)


def bits(cache: Tensor) -> list[Any]:
    """Returns the bytes of every position, as nested lists."""
    return cache.contiguous().view(torch.uint8).tolist()


def planes(cache: list[Any]) -> list[list[Any]]:
    """Returns the list of positions of every layer's and head's keys or values."""
    return [plane for layer in cache for half in layer for plane in half]


def by_position(cache: Tensor) -> Tensor:
    """Returns the values laid out as [layers, 2, positions, kv_heads, head_dim]."""
    return cache.transpose(2, 3).contiguous().transpose(2, 3)


def positions_first(cache: Tensor) -> Tensor:
    """Returns the values laid out with positions outermost."""
    return cache.permute(3, 0, 1, 2, 4).contiguous().permute(1, 2, 3, 0, 4)


def within(cache: Tensor, offset: int) -> Tensor:
    """Returns the values amid a wider buffer, so that positions start `offset` elements off."""
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


LAYOUTS: list[Callable[[Tensor], Tensor]] = [by_position, positions_first, aligned, odd]
