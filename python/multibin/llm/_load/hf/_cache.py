"""Cache classes of transformers: the bases of what a model sees of the engine's cache."""

from __future__ import annotations

from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


class FullCache(Cache):  # type: ignore[misc]
    """The base of a cache with full attention in every layer; a subclass stores keys and values.

    The properties are constants here. The base class of transformers computes them from its layers,
    several times a forward pass.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[DynamicLayer() for _ in range(layers)])
        self._no_layer = [False] * layers

    @property
    def is_sliding(self) -> list[bool]:
        """Returns false for each layer: none attends to a window."""
        return self._no_layer

    @property
    def is_linear(self) -> list[bool]:
        """Returns false for each layer: none is recurrent."""
        return self._no_layer

    @property
    def is_dummy(self) -> list[bool]:
        """Returns false for each layer: each caches."""
        return self._no_layer

    @property
    def is_compileable(self) -> bool:
        """Returns false: shapes are not static."""
        return False


class Recorder:
    """A plain cache of transformers that shows what a model puts into it."""

    def __init__(self) -> None:
        # A config may count an encoder's layers; without one the cache grows as layers are used.
        self.cache = DynamicCache()

    def layers(self) -> dict[int, tuple[Tensor, Tensor]]:
        """Returns keys and values by the layer's index in the model.

        Layers that cache nothing are left out.
        """
        seen = enumerate(self.cache.layers)
        return {i: (layer.keys, layer.values) for i, layer in seen if layer.keys is not None}
