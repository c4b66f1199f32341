"""Cache classes of transformers: the bases of what a model sees of the engine's cache."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from multibin.llm._load.hf._states import States


class FullCache(Cache):  # type: ignore[misc]
    """The base of a cache with full attention in every layer; a subclass stores keys and values.

    The properties are constants here. The base class of transformers computes them from its layers,
    several times a forward pass.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[DynamicLayer() for _ in range(layers)])
        self._no_layer = [False] * layers
        self._linear = self._no_layer

    def hold(self, states: States) -> None:
        """Gives the model the state of the rows that it is fed next; passes write to it."""
        missing = max(states) + 1 - len(self.layers)
        self.layers += [DynamicLayer() for _ in range(missing)]
        self._no_layer = [False] * len(self.layers)
        for index, layer in states.items():
            self.layers[index] = layer
        self._linear = [index in states for index in range(len(self.layers))]

    @property
    def states(self) -> States:
        """Returns what `hold` was given, as passes have changed it."""
        return {i: self.layers[i] for i, linear in enumerate(self._linear) if linear}

    @property
    def is_sliding(self) -> list[bool]:
        """Returns false for each layer: none attends to a window."""
        return self._no_layer

    @property
    def is_linear(self) -> list[bool]:
        """Returns whether each layer keeps a state."""
        return self._linear

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

    def __init__(self, config: PreTrainedConfig | None = None) -> None:
        # A config may count an encoder's layers; without one the cache grows as layers are used.
        self.cache = DynamicCache(config=config)

    def layers(self) -> dict[int, tuple[Tensor, Tensor]]:
        """Returns keys and values by the layer's index in the model.

        Layers that cache nothing are left out.
        """
        return {
            index: (layer.keys, layer.values)
            for index, layer in enumerate(self.cache.layers)
            if getattr(layer, "keys", None) is not None
        }
