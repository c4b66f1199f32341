"""What a transformers model sees of the arena during one forward pass."""
# ruff: noqa: ARG002 -- the arguments are those of the base class

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

Views: TypeAlias = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer, [rows, kv_heads, width, dim]."""


class Window(Cache):  # type: ignore[misc]
    """Rows of the arena as a transformers cache of full attention in every layer.

    A model asks how many tokens are cached and how many positions it attends to, and hands over
    the new keys and values of each layer.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[DynamicLayer() for _ in range(layers)])
        self._nowhere = [False] * layers
        self.views: Views = ()
        self.width = 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Positions attended to, and the first of them."""
        return self.width, 0

    # The base class computes these from its layers, several times a forward pass.
    @property
    def is_sliding(self) -> list[bool]:
        """One a layer."""
        return self._nowhere

    @property
    def is_linear(self) -> list[bool]:
        """One a layer."""
        return self._nowhere

    @property
    def is_dummy(self) -> list[bool]:
        """One a layer."""
        return self._nowhere

    @property
    def is_compileable(self) -> bool:
        """Whether shapes are static."""
        return False


class PromptWindow(Window):
    """For new rows: nothing is cached yet, and what is computed goes to positions 0 … width."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens cached before this pass."""
        return 0

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, width, dim]; attention reads the states themselves."""
        keys, values = self.views[layer_idx]
        keys.copy_(key_states)
        values.copy_(value_states)
        return key_states, value_states


class TokenWindow(Window):
    """For rows that run: one new token each, at its own position.

    To the model every row looks as long as the longest; a mask hides what a row does not have.
    """

    def __init__(self, layers: int) -> None:
        super().__init__(layers)
        self.targets: Views = ()
        """Positions that each layer writes to, expanded to [rows, kv_heads, 1, dim]."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens cached before this pass."""
        return self.width - 1

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores [rows, kv_heads, 1, dim]; attention reads all `width` positions."""
        keys, values = self.views[layer_idx]
        key_targets, value_targets = self.targets[layer_idx]
        keys.scatter_(2, key_targets, key_states)
        values.scatter_(2, value_targets, value_states)
        return keys, values
