"""What a transformers model sees of the KV cache during one forward pass."""
# ruff: noqa: ARG002 -- the arguments are those of the base class

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import Tensor

from multibin.llm._engine.kv_cache import CacheLayout
from multibin.llm._load.hf import FullCache

LayerViews: TypeAlias = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer that caches some, [rows, kv_heads, width, dim]."""


class CacheView(FullCache):
    """Rows of the KV cache, in the form of a model's own cache.

    A model asks how many tokens are cached and how many positions it attends to. It hands over the
    new keys and values of each layer.
    """

    def __init__(self, layout: CacheLayout) -> None:
        super().__init__(max(layout.indices) + 1)
        self._index = {layer: index for index, layer in enumerate(layout.indices)}
        self.views: LayerViews = ()
        self.width = 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Returns the number of positions attended to, and the first of them."""
        return self.width, 0


class PrefillView(CacheView):
    """The view of new rows: nothing is cached yet, and results go to positions 0 … width - 1."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the tokens cached before this pass."""
        return 0

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, width, dim], and returns the states for attention to read."""
        keys, values = self.views[self._index[layer_idx]]
        keys.copy_(key_states)
        values.copy_(value_states)
        return key_states, value_states


class DecodeView(CacheView):
    """The view of running rows: one new token each, at its own position.

    To the model every row looks as long as the longest; a mask hides what a row does not have.
    """

    def __init__(self, layout: CacheLayout) -> None:
        super().__init__(layout)
        self.targets: LayerViews = ()
        """Positions that each layer writes to, expanded to [rows, kv_heads, 1, dim]."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the tokens cached before this pass."""
        return self.width - 1

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, 1, dim], and returns all `width` positions for attention."""
        index = self._index[layer_idx]
        keys, values = self.views[index]
        key_targets, value_targets = self.targets[index]
        # Under autocast the states have another dtype than the model.
        keys.scatter_(2, key_targets, key_states.to(keys.dtype))
        values.scatter_(2, value_targets, value_states.to(values.dtype))
        return keys, values
