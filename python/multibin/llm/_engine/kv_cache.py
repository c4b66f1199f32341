"""The KV cache: one tensor of slots, each row from position 0 of its slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from multibin.kernels import gather_kv

ALIGNMENT = 8
"""Divides widths and capacities: CUDA's attention copies a mask of any other width."""


def aligned(length: int) -> int:
    """Returns `length` rounded up to a multiple of `ALIGNMENT`."""
    return -(-length // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class LayerShape:
    """What one layer caches for one position; keys and values may be of unlike size."""

    kv_heads: int
    key_dim: int
    value_dim: int


@dataclass(frozen=True)
class CacheLayout:
    """What a model caches for one position."""

    layers: tuple[LayerShape, ...]
    """Shapes of the layers that cache keys and values."""
    indices: tuple[int, ...]
    """Indices of these layers in the model."""
    dtype: torch.dtype
    device: torch.device

    @property
    def kv_heads(self) -> int:
        """Returns the heads of the layer with the most."""
        return max(layer.kv_heads for layer in self.layers)

    @property
    def head_dim(self) -> int:
        """Returns the size of the widest keys or values."""
        return max(max(layer.key_dim, layer.value_dim) for layer in self.layers)

    def empty(self, rows: int, capacity: int) -> Tensor:
        """Returns [layers, 2, rows, kv_heads, capacity, head_dim], uninitialised."""
        shape = (len(self.layers), 2, rows, self.kv_heads, capacity, self.head_dim)
        return torch.empty(shape, dtype=self.dtype, device=self.device)


@dataclass(frozen=True)
class Moves:
    """Rows to move: lists of equal length, `lengths` in positions."""

    source: Sequence[int]
    destination: Sequence[int]
    lengths: Sequence[int]


def gather(source: Tensor, destination: Tensor, moves: Moves) -> None:
    """Copies rows between caches, all layers at once; the two may be the same tensor."""
    columns = torch.tensor(
        [moves.source, moves.destination, moves.lengths], dtype=torch.int64, device=source.device
    )
    gather_kv(source, destination, *columns.unbind(), longest=max(moves.lengths))


class KVCache:
    """The slots of the running rows: [layers, 2, rows, kv_heads, capacity, head_dim].

    The cache is reused from batch to batch; it grows and never shrinks. What a mask hides is still
    multiplied by 0, so it must not be NaN. Hence the cache starts as zeros.
    `clear` removes what one batch left for the next, and `erase` what one row left for the next in
    its slot.
    """

    def __init__(self, layout: CacheLayout) -> None:
        self.layout = layout
        self._storage = layout.empty(0, 0)

    @property
    def rows(self) -> int:
        """Returns the number of slots."""
        return self._storage.shape[2]

    @property
    def capacity(self) -> int:
        """Returns the positions of a slot."""
        return self._storage.shape[4]

    def reserve(self, rows: int, capacity: int) -> None:
        """Makes room for this many rows and positions; what is cached may be lost."""
        rows, capacity = max(rows, self.rows), max(aligned(capacity), self.capacity)
        if (rows, capacity) != (self.rows, self.capacity):
            # Freed before the larger one is allocated.
            self._storage = self.layout.empty(0, 0)
            self._storage = self.layout.empty(rows, capacity).zero_()

    def clear(self, rows: int, start: int, stop: int) -> None:
        """Zeroes the positions of the first rows from `start` to `stop`, or to the capacity."""
        self._storage[:, :, :rows, :, start : aligned(stop)] = 0

    def grow(self, capacity: int, live: int) -> None:
        """Makes room for this many positions and keeps the first `live` rows."""
        old = self._storage
        self._storage = self.layout.empty(self.rows, aligned(capacity)).zero_()
        self._storage[:, :, :live, :, : old.shape[4]] = old[:, :, :live]

    def views(self, start: int, rows: int, width: int) -> list[tuple[Tensor, Tensor]]:
        """Returns keys and values of each layer, [rows, kv_heads, width, dim] from slot `start`."""
        window = self._storage[:, :, start : start + rows, :, :width].flatten(0, 1).unbind()
        pairs = zip(window[::2], window[1::2], self.layout.layers, strict=True)
        return [
            (
                keys[:, : shape.kv_heads, :, : shape.key_dim],
                values[:, : shape.kv_heads, :, : shape.value_dim],
            )
            for keys, values, shape in pairs
        ]

    def compact(self, moves: Moves, written: int) -> None:
        """Moves rows into free slots, of which up to `written` positions were used."""
        if moves.lengths:
            self.erase(moves.destination, written)
            gather(self._storage, self._storage, moves)

    def erase(self, slots: Sequence[int], stop: int) -> None:
        """Zeroes the first `stop` positions of slots: their next row may be shorter than the last.

        Args:
            slots: indices of slots.
            stop: the most positions that any of them had written.
        """
        index = torch.tensor(slots, dtype=torch.int64, device=self.layout.device)
        self._storage[..., :stop, :].index_fill_(2, index, 0)

    def park(self, slots: Sequence[int], lengths: Sequence[int]) -> list[ParkedRow]:
        """Copies rows out into a tensor that lives until the last of them is restored."""
        block = self.layout.empty(len(slots), max(lengths))
        gather(self._storage, block, Moves(slots, range(len(slots)), lengths))
        return [ParkedRow(block, row, length) for row, length in enumerate(lengths)]

    def restore(self, rows: Sequence[ParkedRow], start: int) -> None:
        """Copies parked rows back to the slots from `start` on, one gather for each tensor."""
        blocks: dict[int, list[int]] = {}
        for position, row in enumerate(rows):
            blocks.setdefault(id(row.block), []).append(position)
        for positions in blocks.values():
            moves = Moves(
                source=[rows[i].row for i in positions],
                destination=[start + i for i in positions],
                lengths=[rows[i].length for i in positions],
            )
            gather(rows[positions[0]].block, self._storage, moves)


@dataclass(frozen=True)
class ParkedRow:
    """One row outside the cache: `block[:, :, row, :, :length]`."""

    block: Tensor
    row: int
    length: int
