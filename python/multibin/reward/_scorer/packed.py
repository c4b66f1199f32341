"""Passes over segments packed one behind another: no padding but inside attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from multibin.llm._engine.attention import attention, check_window
from multibin.llm._load import hf
from multibin.llm._load.models import Model
from multibin.reward._scorer.plan import AttentionCost, Pass
from multibin.reward._scorer.readout import Readout
from multibin.reward._scorer.rows import Rows, gathered, placed


class NewStates(hf.FullCache):
    """The cache that a pass shows to the model: nothing but the pass itself is in it."""

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002
        """Returns 0: positions are given."""
        return 0

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:  # noqa: ARG002
        """Returns the positions of the pass, and the first of them."""
        return query_length, 0

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Returns new keys and values, with their layer noted."""
        hf.name_layer(key_states, layer_idx)
        return key_states, value_states


class Packed:
    """Runs passes on a causal model that calls our attention."""

    def __init__(self, model: Model, readout: Readout, *, cost: AttentionCost) -> None:
        self.model = model
        self._readout = readout
        self._cost = cost
        self._rows: list[Rows] = []
        self._pass = Pass([])
        self._states: dict[int, tuple[Tensor, Tensor]] = {}
        self._layers = hf.layers(model.module.config)
        self._cache = NewStates(len(self._layers))
        self.shape = (1, 1, 1)
        """Heads, heads of keys, and the size of each, of the layer that ran last."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Installs attention and head for the passes inside."""
        with hf.attention_installed(self.model.module), self._readout.installed():
            yield

    def __call__(self, part: Pass, keep: Sequence[bool]) -> Tensor:
        """Computes a pass, and returns the wanted logits, [wanted, columns].

        Args:
            part: the segments.
            keep: for each segment, whether its keys and values are kept with it.
        """
        device = self.model.device
        ids = np.concatenate([np.asarray(one.tokens, dtype=np.int64) for one in part.segments])
        positions = np.concatenate([np.arange(one.start, one.stop) for one in part.segments])
        inputs = torch.from_numpy(np.stack([ids, positions])).to(device)
        wanted = torch.tensor(part.wanted, dtype=torch.int64).to(device)
        self._pass, self._states = part, {}
        self._rows = list(placed(part, self._cost, device))
        try:
            with hf.attending(self._attend, any_keys=self.model.expands):
                logits = self._readout(lambda: self._feed(inputs), inputs[:1], wanted)
            for number, segment in enumerate(part.segments):
                segment.states = self._kept(number) if keep[number] else None
        finally:
            # A pass that fails may have lacked memory.
            self._pass, self._rows, self._states = Pass([]), [], {}
        return logits

    def _feed(self, inputs: Tensor) -> Tensor:
        model = self.model
        return hf.logits(model.module, model.form, inputs[:1], self._cache, inputs[1:])

    def _attend(
        self, index: int, query: Tensor, key: Tensor, value: Tensor, scores: hf.Scores
    ) -> Tensor:
        """Returns the attention of all rows, [1, tokens, heads, dim]."""
        key, value = key[0], value[0]
        self._states[index] = (key, value)
        self.shape = (query.shape[1], key.shape[0], query.shape[3])
        kept = [one.states[index] for one in self._pass.kept]  # type: ignore[index]
        if kept:
            key = torch.cat([*(pair[0] for pair in kept), key], 1)
            value = torch.cat([*(pair[1] for pair in kept), value], 1)
        layer = self._layers[index % len(self._layers)]
        check_window(layer, scores)
        result = query.new_empty((query.shape[2], query.shape[1], value.shape[-1]))
        for rows in self._rows:
            queries = gathered(query[0], rows.queries)
            keys, values = gathered(key, rows.keys), gathered(value, rows.keys)
            found = attention(queries, keys, values, rows.mask(layer, query), scores)
            # [rows · tokens, heads, dim]
            flat = found.transpose(1, 2).flatten(0, 1)
            result[rows.targets] = flat if rows.real is None else flat[rows.real]
        return result[None]

    def _kept(self, number: int) -> dict[int, tuple[Tensor, Tensor]]:
        """Returns copies of the keys and values of a segment by layer."""
        begin, end = self._pass.begins[number], self._pass.begins[number + 1]
        return {
            index: (key[:, begin:end].clone(), value[:, begin:end].clone())
            for index, (key, value) in self._states.items()
        }
