"""What a transformers model sees of the arena during one forward pass."""
# ruff: noqa: ARG002 -- the arguments are those of the base class

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import Tensor

from multibin.llm.arena import Geometry
from multibin.llm.hf import CacheView

Views: TypeAlias = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer that caches some, [rows, kv_heads, width, dim]."""


class Window(CacheView):
    """Rows of the arena as the cache of a model.

    A model asks how many tokens are cached and how many positions it attends to, and hands over
    the new keys and values of each layer.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(max(geometry.indices) + 1)
        self._place = {layer: place for place, layer in enumerate(geometry.indices)}
        self.views: Views = ()
        self.width = 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Positions attended to, and the first of them."""
        return self.width, 0


class PromptWindow(Window):
    """For new rows: nothing is cached yet, and what is computed goes to positions 0 … width."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens cached before this pass."""
        return 0

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, width, dim]; attention reads the states themselves."""
        keys, values = self.views[self._place[layer_idx]]
        keys.copy_(key_states)
        values.copy_(value_states)
        return key_states, value_states


class TokenWindow(Window):
    """For rows that run: one new token each, at its own position.

    To the model every row looks as long as the longest; a mask hides what a row does not have.
    """

    def __init__(self, geometry: Geometry) -> None:
        super().__init__(geometry)
        self.targets: Views = ()
        """Positions that each layer writes to, expanded to [rows, kv_heads, 1, dim]."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens cached before this pass."""
        return self.width - 1

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, 1, dim]; attention reads all `width` positions."""
        place = self._place[layer_idx]
        keys, values = self.views[place]
        key_targets, value_targets = self.targets[place]
        # Under autocast they come in another dtype than the model's own.
        keys.scatter_(2, key_targets, key_states.to(keys.dtype))
        values.scatter_(2, value_targets, value_states.to(values.dtype))
        return keys, values
