"""What a model caches for one position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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

    @property
    def position_bytes(self) -> int:
        """Returns the bytes of one position in all layers."""
        numbers = len(self.layers) * 2 * self.kv_heads * self.head_dim
        return numbers * self.dtype.itemsize

    def zeros(self, positions: int) -> Tensor:
        """Returns [layers, 2, kv_heads, positions, head_dim], keys and values on axis 1."""
        return torch.zeros(self._shape(positions), dtype=self.dtype, device=self.device)

    def on_host(self, positions: int) -> Tensor:
        """Returns [layers, 2, kv_heads, positions, head_dim] in host memory, uninitialised.

        The memory is pinned where the cache is on a CUDA device.
        """
        pinned = self.device.type == "cuda"
        return torch.empty(self._shape(positions), dtype=self.dtype, pin_memory=pinned)

    def _shape(self, positions: int) -> tuple[int, ...]:
        return (len(self.layers), 2, self.kv_heads, positions, self.head_dim)
