"""Forward passes over one token a row, each row at its own position."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from multibin.llm._engine.cache_view import DecodeView
from multibin.llm._engine.kv_cache import KVCache, aligned
from multibin.llm._engine.masks import mask_form
from multibin.llm._load.models import Model


class Decode:
    """Decodes one token a row and step, each at the position behind its row's last.

    All state of a step is on the device. The host knows the lengths, since each step adds 1.
    """

    def __init__(self, model: Model, cache: KVCache) -> None:
        self._model = model
        self._cache = cache
        self._view = DecodeView(cache.layout)
        self._masks = mask_form(model.module, cache.layout.dtype)

    def load(self, tokens: Sequence[int], lengths: Sequence[int], bound: int) -> None:
        """Sets the rows in slots 0 … n.

        Args:
            tokens: the token to feed, one a row.
            lengths: the positions cached, one a row.
            bound: the most positions that any of them will need.
        """
        state = torch.tensor([tokens, lengths], device=self._model.device)
        self._tokens, self._positions = state[0, :, None], state[1, :, None]
        self._rows, self._longest, self._bound = len(tokens), max(lengths), bound
        self._even = min(lengths) == self._longest
        self._mask: Tensor | None = None
        self._view.width = 0
        positions = self._positions[:, :, None, None]
        self._view.targets = [
            (
                positions.expand(-1, shape.kv_heads, 1, shape.key_dim),
                positions.expand(-1, shape.kv_heads, 1, shape.value_dim),
            )
            for shape in self._cache.layout.layers
        ]

    def step(self, sample: Callable[[Tensor], Tensor]) -> Tensor:
        """Feeds the tokens and returns the next, [rows]; `sample` takes logits [rows, vocab]."""
        tokens = sample(self.logits())
        self._tokens = tokens[:, None]
        return tokens

    def logits(self) -> Tensor:
        """Feeds the tokens and returns the logits behind each, [rows, vocab]."""
        self._show(self._longest + 1)
        logits = self._model.decode(self._tokens, self._view, self._positions, self._mask)
        self._positions.add_(1)
        self._longest += 1
        return logits[:, -1]

    def _show(self, longest: int) -> None:
        """Shows the model the positions up to `longest`, and hides those that a row lacks."""
        # Some models have tables of `context` positions, or count from the end of the keys.
        width = longest if self._even else min(aligned(longest), self._model.context)
        if self._mask is not None and width == self._view.width:
            self._masks.show(self._mask, self._positions)
            return
        if width > self._cache.capacity:
            self._cache.grow(min(max(width, 2 * self._cache.capacity), self._bound), self._rows)
        self._view.views = self._cache.views(0, self._rows, width)
        self._view.width = width
        if not self._even:
            self._mask = self._masks.build(self._positions, width)
