"""Passes over segments packed one behind another: no padding but inside attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from multibin.llm._engine.attention import attention, visible
from multibin.llm._load import hf
from multibin.llm._load.models import Model
from multibin.reward._scorer.plan import AttentionCost, Block, Pass
from multibin.reward._scorer.readout import Readout


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


class Rows(NamedTuple):
    """A block as places in the pass and in what its rows attend to."""

    queries: Tensor
    """Places in the pass, [rows, width]; those of padding repeat the last."""
    keys: Tensor
    """Places among the kept and the new positions, [rows, past + width]."""
    real: Tensor
    """Which of the queries are real, as places in the flattened block, [real]."""
    targets: Tensor
    """The places in the pass of the real ones, [real]."""
    past: int
    """Positions before the first token of each row."""
    masks: dict[hf.Layer, Tensor | None]
    """What is added to the scores in the layers of each kind."""


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
        self._rows = [self._placed(block) for block in part.blocks(self._cost)]
        with hf.attending(self._attend, any_keys=self.model.expands):
            logits = self._readout(lambda: self._feed(inputs), inputs[:1], wanted)
        for number, segment in enumerate(part.segments):
            segment.states = self._kept(number) if keep[number] else None
        self._rows, self._states = [], {}
        return logits

    def _feed(self, inputs: Tensor) -> Tensor:
        model = self.model
        return hf.logits(model.module, model.form, inputs[:1], self._cache, inputs[1:])

    def _placed(self, block: Block) -> Rows:
        part, past, width = self._pass, block.past, block.width
        before = self._before(block)
        kept = sum(len(one.tokens) for one in part.kept)
        lengths = np.array([len(part.segments[row].tokens) for row in block.rows])
        begins = np.array([part.begins[row] for row in block.rows])
        own = begins[:, None] + np.minimum(np.arange(width), lengths[:, None] - 1)
        keys = np.concatenate([np.broadcast_to(before, (len(own), past)), own + kept], 1)
        real = np.flatnonzero(np.arange(width) < lengths[:, None])
        tables = (own, keys, real, own.reshape(-1)[real])
        queries, places, filled, targets = (
            torch.from_numpy(table).to(self.model.device) for table in tables
        )
        return Rows(queries, places, filled, targets, past, {})

    def _before(self, block: Block) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Returns where the positions before a block are, among the kept and the new ones."""
        part = self._pass
        starts, at = {}, 0
        for one in part.kept:
            starts[one] = at
            at += len(one.tokens)
        places = [np.zeros(0, dtype=np.int64)]
        for one in part.segments[block.rows[0]].path[:-1]:
            begin = at + part.begins[part.index[one]] if one in part.index else starts[one]
            places.append(np.arange(begin, begin + len(one.tokens)))
        return np.concatenate(places)

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
        # [tokens, heads, dim]
        queries = query[0].transpose(0, 1)
        result = queries.new_empty((*queries.shape[:2], value.shape[-1]))
        for rows in self._rows:
            found = attention(
                queries[rows.queries].transpose(1, 2),
                key[:, rows.keys].transpose(0, 1),
                value[:, rows.keys].transpose(0, 1),
                self._mask(rows, layer, query.dtype),
                scores,
            )
            flat = found.transpose(1, 2).flatten(0, 1)
            result[rows.targets] = flat[rows.real]
        return result[None]

    def _mask(self, rows: Rows, layer: hf.Layer, dtype: torch.dtype) -> Tensor | None:
        """Returns what is added to the scores of a block, [width, past + width]; None: causal."""
        if layer not in rows.masks:
            rows.masks[layer] = _new_mask(rows, layer, dtype)
        return rows.masks[layer]

    def _kept(self, number: int) -> dict[int, tuple[Tensor, Tensor]]:
        """Returns copies of the keys and values of a segment by layer."""
        begin, end = self._pass.begins[number], self._pass.begins[number + 1]
        return {
            index: (key[:, begin:end].clone(), value[:, begin:end].clone())
            for index, (key, value) in self._states.items()
        }


def _new_mask(rows: Rows, layer: hf.Layer, dtype: torch.dtype) -> Tensor | None:
    stop, past = rows.keys.shape[1], rows.past
    if (layer.window is None or stop <= layer.window) and (not past or stop == past + 1):
        return None
    positions = torch.arange(stop, device=rows.keys.device)
    seen = visible(layer, positions[past:, None], positions)
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, -torch.inf)


def check_window(layer: hf.Layer, scores: hf.Scores) -> None:
    """Refuses a layer that names another window than its config: its mask may be of either."""
    window = layer.window if layer.kind == hf.SLIDING else None
    if scores.window != window:
        raise hf.UnfitAttentionError(f"a layer names the window {scores.window}, not {window}")
