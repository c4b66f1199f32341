"""Forward passes over one token a row, each row at its own position."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from multibin.llm.arena import Arena, aligned
from multibin.llm.masks import mask_form
from multibin.llm.models import Model
from multibin.llm.window import TokenWindow


class Decode:
    """One token a row and step, each at the position behind its row's last.

    All state of a step is on the device; the host knows the lengths, since each step adds 1.
    """

    def __init__(self, model: Model, arena: Arena) -> None:
        self._model = model
        self._arena = arena
        self._window = TokenWindow(arena.geometry)
        self._masks = mask_form(model.module, arena.geometry.dtype)

    def load(self, tokens: Sequence[int], lengths: Sequence[int], bound: int) -> None:
        """Sets the rows in slots 0 … n: the token to feed and the positions cached, one a row.

        `bound` is the most positions that any of them will need.
        """
        state = torch.tensor([tokens, lengths], device=self._model.device)
        self._tokens, self._positions = state[0, :, None], state[1, :, None]
        self._rows, self._longest, self._bound = len(tokens), max(lengths), bound
        self._even = min(lengths) == self._longest
        self._mask: Tensor | None = None
        self._window.width = 0
        place = self._positions[:, :, None, None]
        self._window.targets = [
            (
                place.expand(-1, shape.kv_heads, 1, shape.key_dim),
                place.expand(-1, shape.kv_heads, 1, shape.value_dim),
            )
            for shape in self._arena.geometry.layers
        ]

    def step(self, sample: Callable[[Tensor], Tensor]) -> Tensor:
        """Feeds the tokens and samples the next, [rows]; `sample` takes logits [rows, vocab]."""
        tokens = sample(self.logits())
        self._tokens = tokens[:, None]
        return tokens

    def logits(self) -> Tensor:
        """Feeds the tokens: the logits behind each, [rows, vocab]."""
        self._open(self._longest + 1)
        logits = self._model.decode(self._tokens, self._window, self._positions, self._mask)
        self._positions.add_(1)
        self._longest += 1
        return logits[:, -1]

    def _open(self, longest: int) -> None:
        """Shows the model the positions up to `longest`, and hides those that a row lacks."""
        # Some models keep tables of so many positions, or count from the end of the keys.
        width = longest if self._even else min(aligned(longest), self._model.context)
        if self._mask is not None and width == self._window.width:
            self._masks.show(self._mask, self._positions)
            return
        if width > self._arena.capacity:
            self._arena.grow(min(max(width, 2 * self._arena.capacity), self._bound), self._rows)
        self._window.views = self._arena.views(0, self._rows, width)
        self._window.width = width
        if not self._even:
            self._mask = self._masks.build(self._positions, width)
