"""The KV cache: one tensor of positions, on which each row has a slot of its size class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from multibin.kernels import gather_kv
from multibin.llm._engine.layout import CacheLayout
from multibin.llm._engine.size_classes import SizeClasses
from multibin.llm._engine.space import Space


class Copy(NamedTuple):
    """Positions [source, source + length) that go to [destination, destination + length)."""

    source: int
    destination: int
    length: int


class Arena:
    """Slots of size classes on one line of positions: `storage` is [layers, 2, heads, line, dim].

    A slot is a range of positions; a row lies dense from the start of its slot. What a mask hides
    is still multiplied by 0, so it must not be NaN: a slot is zeroed behind what moves into it.
    """

    def __init__(self, layout: CacheLayout, positions: int, classes: SizeClasses) -> None:
        self.layout = layout
        self.classes = classes
        """The capacities that new slots have; slots keep theirs when the classes change."""
        self.space = Space(positions)
        self.grown: Callable[[], None] | None = None
        """Called when the arena has grown: who holds views drops them, to free the old tensor."""
        self._hold(layout.zeros(positions))

    def _hold(self, storage: Tensor) -> None:
        self.storage = storage
        halves = storage.flatten(0, 1).unbind()
        pairs = zip(halves[::2], halves[1::2], self.layout.layers, strict=True)
        self.layers: list[tuple[Tensor, Tensor]] = [
            (keys[: s.kv_heads, :, : s.key_dim], values[: s.kv_heads, :, : s.value_dim])
            for keys, values, s in pairs
        ]
        """Keys and values of each layer that caches some, [kv_heads, positions, dim]."""

    def grow(self, positions: int) -> None:
        """Adds positions at the end, up to `positions` in all.

        Both the old and the new tensor are in memory meanwhile.
        """
        size = self.space.size
        storage = self.layout.zeros(positions)
        storage[:, :, :, :size] = self.storage[:, :, :, :size]
        self._hold(storage)
        self.space.grow(positions)
        if self.grown is not None:
            self.grown()

    def reset(self) -> None:
        """Frees all slots, also after an interrupted change."""
        self._hold(self.storage)
        self.space = Space(self.storage.shape[3])

    def rows(self, layer: int, base: int, count: int, capacity: int) -> tuple[Tensor, Tensor]:
        """Returns keys and values of consecutive slots, [count, kv_heads, capacity, dim]."""
        stop = base + count * capacity
        keys, values = (
            torch.unflatten(half[:, base:stop], 1, (count, capacity)).transpose(0, 1)
            for half in self.layers[layer]
        )
        return keys, values

    def copy(self, copies: Sequence[Copy]) -> None:
        """Copies positions of all layers at once; no destination may overlap a source."""
        if copies:
            _gather(self.storage, self.storage, copies)

    def move(self, copy: Copy) -> None:
        """Copies positions; the destination may overlap the source."""
        source, destination, length = copy
        part = self.storage[:, :, :, source : source + length].clone()
        self.storage[:, :, :, destination : destination + length] = part

    def clear(self, start: int, stop: int) -> None:
        """Zeroes the positions from `start` to `stop`."""
        self.storage[:, :, :, start:stop] = 0

    def fetch(self, start: int, length: int) -> Tensor:
        """Returns a copy in host memory; a CUDA device may still be writing it."""
        block = self.layout.on_host(length)
        block.copy_(self.storage[:, :, :, start : start + length], non_blocking=True)
        return block

    def store(self, block: Tensor, start: int) -> None:
        """Copies what `fetch` returned to the positions from `start` on."""
        target = self.storage[:, :, :, start : start + block.shape[3]]
        target.copy_(block, non_blocking=True)


def _gather(source: Tensor, destination: Tensor, copies: Sequence[Copy]) -> None:
    columns = torch.tensor(copies, dtype=torch.int64, device=source.device)
    longest = max(copy.length for copy in copies)
    gather_kv(source, destination, *columns.unbind(1), longest=longest)
