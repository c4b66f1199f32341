"""What a transformers model sees of the KV cache during one forward pass."""
# ruff: noqa: ARG002 -- the arguments are those of the base class

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from multibin.llm._engine.arena import Arena
from multibin.llm._engine.space import Slot
from multibin.llm._load.hf import FullCache, name_layer


class CacheView(FullCache):
    """The arena in the form of a model's own cache.

    A model asks how many tokens are cached and how many positions it attends to. It hands over the
    new keys and values of each layer, which go to the positions `targets`.
    """

    def __init__(self, arena: Arena) -> None:
        super().__init__(max(arena.layout.indices) + 1)
        self._number = {layer: index for index, layer in enumerate(arena.layout.indices)}
        self._arena = arena
        self.targets: Tensor | None = None
        """Where the new tokens go: positions in the arena, [rows · width]."""
        self.sources: Tensor | None = None
        """Which of the new tokens are stored, [stored]; None: all."""
        self.past = 0
        """The tokens cached before this pass, of the longest row."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the tokens cached before this pass."""
        return self.past

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Returns the number of positions attended to, and the first of them."""
        return self.past + query_length, 0

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores states [rows, kv_heads, width, dim], and returns what attention gets to see."""
        index = self._number[layer_idx]
        for half, states in zip(self._arena.layers[index], (key_states, value_states), strict=True):
            self._store(half, states)
        name_layer(key_states, index)
        return self.seen(index, key_states, value_states)

    def seen(self, index: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the new states: the engine's attention reads earlier ones in the arena."""
        return keys, values

    def _store(self, half: Tensor, states: Tensor) -> None:
        assert self.targets is not None
        # [kv_heads, rows · width, dim]. Under autocast the states have another dtype.
        flat = states.transpose(0, 1).flatten(1, 2).to(half.dtype)
        if self.sources is not None:
            flat = flat.index_select(1, self.sources)
        half.index_copy_(1, self.targets, flat)


class ExpandedView(CacheView):
    """The arena for models that compute from their cache what they attend to, in prompt passes."""

    places: Tensor | None = None
    """The positions in the arena of all that the tokens attend to; None: the new states alone."""

    def seen(self, index: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns all that the tokens attend to, [1, kv_heads, places, dim]."""
        if self.places is None:
            return keys, values
        keys, values = (half[:, self.places] for half in self._arena.layers[index])
        return keys[None], values[None]


class DenseView(CacheView):
    """The arena as one tensor of all rows, for attention of the model's own."""

    copied = False
    """Whether the model needs the rows as one block of memory."""
    width = 0
    """The positions of each row that the model reads, with that of this step."""

    def place(self, slots: Sequence[Slot]) -> None:
        """Sets the rows."""
        first = slots[0]
        consecutive = all(
            slot == (first.start + row * first.capacity, first.capacity)
            for row, slot in enumerate(slots)
        )
        self._slots = slots
        self._run = first if consecutive else None
        self._index: Tensor | None = None

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Returns the tokens that the longest row seems to have, as the mask shows them."""
        return self.width - 1

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Returns the number of positions attended to, and the first of them."""
        return self.width, 0

    def seen(self, index: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Returns all rows, [rows, kv_heads, width, dim], in place or copied together."""
        if self._run is not None:
            run = self._arena.rows(index, self._run.start, len(self._slots), self._run.capacity)
            keys, values = (half[:, :, : self.width] for half in run)
        else:
            keys, values = (
                half[:, self._places()].transpose(0, 1) for half in self._arena.layers[index]
            )
        return (keys.contiguous(), values.contiguous()) if self.copied else (keys, values)

    def _places(self) -> Tensor:
        """Returns the positions of the rows in the arena, [rows, width]."""
        if self._index is None or self._index.shape[1] != self.width:
            device = self._arena.layout.device
            starts = torch.tensor([slot.start for slot in self._slots], device=device)
            last = torch.tensor([slot.capacity - 1 for slot in self._slots], device=device)
            places = torch.arange(self.width, device=device)
            # A mask hides what lies beyond a row's slot.
            self._index = starts[:, None] + torch.minimum(places, last[:, None])
        return self._index
