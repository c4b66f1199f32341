"""Forward passes over prompts: packed without padding, or padded on the right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from multibin.kernels import pad
from multibin.llm._engine.arena import Arena
from multibin.llm._engine.attention import attention, check_window, visible
from multibin.llm._engine.cache_view import CacheView, ExpandedView
from multibin.llm._engine.head import hook_head, projected, projecting
from multibin.llm._engine.rows import Row
from multibin.llm._load.hf import Layer, Scores, States, attending
from multibin.llm._load.models import Model


class Chunk(NamedTuple):
    """Tokens of one row that follow what is cached of it."""

    start: int
    """Where the row's slot begins in the arena."""
    past: int
    """Positions of the row that are cached."""
    tokens: Sequence[int]
    row: Row | None = None
    """Whose they are, for a model that keeps a state for each row."""

    @property
    def stop(self) -> int:
        """Returns the positions that are cached afterwards."""
        return self.past + len(self.tokens)


class PackedPrompts:
    """Runs chunks of prompts one behind another in one row, for a model with our attention.

    There is no padding. Each chunk has its own positions and attends to its own row.
    """

    def __init__(self, model: Model, arena: Arena) -> None:
        self._model = model
        self._arena = arena
        self._view = ExpandedView(arena) if model.expands else CacheView(arena)
        self._layers = model.layers(arena.layout.indices)
        self._masks: dict[tuple[int, Layer], Tensor | None] = {}
        self._chunks: Sequence[Chunk] = ()
        self._keeps_state = model.keeps_state
        hook_head(model.module)

    @property
    def states(self) -> States:
        """Returns the state behind the one prompt that ran, of a model that keeps some."""
        return self._view.states

    def __call__(self, chunks: Sequence[Chunk], *, every: bool = False) -> Tensor:
        """Caches the chunks' tokens, and returns the logits behind each chunk, [chunks, vocab].

        With `every`, the logits are those behind each token of each chunk, [tokens, vocab]. A model
        that keeps state runs one whole prompt.
        """
        if self._keeps_state:
            assert len(chunks) == 1
            assert not chunks[0].past
            self._view.hold(self._model.new_states())
        self._chunks = chunks
        self._masks.clear()
        ids, positions, targets = self._inputs(chunks)
        ends = list(accumulate(len(chunk.tokens) for chunk in chunks))
        wanted = torch.arange(ends[-1]) if every else torch.tensor(ends) - 1
        wanted = wanted.to(ids.device)
        self._view.targets = targets
        self._view.past = max(chunk.past for chunk in chunks)
        with attending(self._attend, any_keys=self._model.expands), projecting(wanted, ids):
            logits = self._model.prefill(ids, self._view, positions)
        return projected(logits, wanted, ids)

    def _inputs(self, chunks: Sequence[Chunk]) -> tuple[Tensor, Tensor, Tensor]:
        """Returns ids [1, tokens], positions [1, tokens], and targets [tokens]."""
        positions = [np.arange(chunk.past, chunk.stop) for chunk in chunks]
        if isinstance(self._view, ExpandedView):
            self._view.places = self._places(chunks)
        places = [one + chunk.start for one, chunk in zip(positions, chunks, strict=True)]
        ids = [token for chunk in chunks for token in chunk.tokens]
        table = np.stack([np.array(ids), np.concatenate(positions), np.concatenate(places)])
        inputs = torch.from_numpy(table).to(self._model.device)
        return inputs[0, None], inputs[1, None], inputs[2]

    def _places(self, chunks: Sequence[Chunk]) -> Tensor | None:
        """Returns the positions in the arena of all rows, None if nothing of them is cached."""
        if not any(chunk.past for chunk in chunks):
            return None
        rows = [np.arange(chunk.start, chunk.start + chunk.stop) for chunk in chunks]
        return torch.from_numpy(np.concatenate(rows)).to(self._model.device)

    def _attend(
        self, index: int, query: Tensor, key: Tensor, value: Tensor, scores: Scores
    ) -> Tensor:
        parts, begin, first = [], 0, 0
        whole, layer = self._model.expands, self._layers[index]
        check_window(layer, scores)
        for number, chunk in enumerate(self._chunks):
            end = begin + len(chunk.tokens)
            # What an expanding model attends to has the earlier positions too.
            stop = first + (chunk.stop if whole else len(chunk.tokens))
            keys, values = key[:, :, first:stop], value[:, :, first:stop]
            if chunk.past and not whole:
                part = slice(chunk.start, chunk.start + chunk.stop)
                keys, values = (half[None, :, part] for half in self._arena.layers[index])
            mask = self._mask(number, layer)
            parts.append(attention(query[:, :, begin:end], keys, values, mask, scores))
            begin, first = end, stop
        return torch.cat(parts, 2).transpose(1, 2)

    def _mask(self, number: int, layer: Layer) -> Tensor | None:
        """Returns which keys the tokens of a chunk see, [tokens, keys]; None: causal."""
        if (number, layer) not in self._masks:
            self._masks[number, layer] = self._new_mask(self._chunks[number], layer)
        return self._masks[number, layer]

    def _new_mask(self, chunk: Chunk, layer: Layer) -> Tensor | None:
        within = layer.window is None or chunk.stop <= layer.window
        if within and (not chunk.past or len(chunk.tokens) == 1):
            return None
        positions = torch.arange(chunk.stop, device=self._model.device)
        return visible(layer, positions[chunk.past :, None], positions)


class PaddedPrompts:
    """Runs whole prompts padded on the right, for a model with attention of its own.

    Causal attention hides the padding from real tokens without a mask.
    """

    def __init__(self, model: Model, arena: Arena) -> None:
        self._model = model
        self._view = CacheView(arena)
        hook_head(model.module)

    def __call__(self, chunks: Sequence[Chunk], *, every: bool = False) -> Tensor:
        """Caches whole prompts, and returns the logits as `PackedPrompts` does."""
        device = self._model.device
        lengths = torch.tensor([len(chunk.tokens) for chunk in chunks])
        width = int(lengths.max())
        tokens = torch.tensor([token for chunk in chunks for token in chunk.tokens])
        offsets = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        ids = pad(tokens.to(device), offsets.to(device), width, side="right")
        places = torch.arange(width)
        real = (places < lengths[:, None]).flatten().nonzero()[:, 0]
        starts = torch.tensor([chunk.start for chunk in chunks])
        self._view.sources = real.to(device)
        self._view.targets = (starts[:, None] + places).flatten()[real].to(device)
        wanted = real if every else torch.arange(len(chunks)) * width + lengths - 1
        wanted = wanted.to(device)
        with projecting(wanted, ids):
            logits = self._model.prefill(ids, self._view)
        return projected(logits, wanted, ids)
