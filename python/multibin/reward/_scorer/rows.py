"""Blocks of rows as places in a pass, in pieces that attend to no more than they must."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multibin.llm._engine.attention import visible
from multibin.llm._load import hf
from multibin.reward._scorer.plan import AttentionCost, Block, Pass

FEWEST = 32
"""Tokens of the shortest piece: shorter ones fill no block of a fused attention."""

Places: TypeAlias = Tensor | slice
"""Where rows are, [rows, width]; a slice: one row without gaps."""

Ints: TypeAlias = NDArray[np.int64]


class Rows(NamedTuple):
    """A piece of the rows of a block: some of their tokens, one behind another."""

    queries: Places
    """Places in the pass; those of padding repeat the last token."""
    keys: Places
    """Places among the kept and the new positions of all that is attended to."""
    real: Tensor | None
    """Which of the queries are real, as places in the flattened piece; None: all of one row."""
    targets: Places
    """The places in the pass of the real ones."""
    first: int
    """Position of the first token of each row."""
    stop: int
    """Positions that are attended to."""
    masks: dict[hf.Layer, Tensor | None]
    """What is added to the scores in the layers of each kind."""

    def mask(self, layer: hf.Layer, like: Tensor) -> Tensor | None:
        """Returns what is added to the scores, [tokens, positions]; None: attention is causal."""
        if layer not in self.masks:
            self.masks[layer] = self._new_mask(layer, like)
        return self.masks[layer]

    def _new_mask(self, layer: hf.Layer, like: Tensor) -> Tensor | None:
        whole = not self.first or self.stop == self.first + 1
        if whole and (layer.window is None or self.stop <= layer.window):
            return None
        positions = torch.arange(self.stop, device=like.device)
        seen = visible(layer, positions[self.first :, None], positions)
        return like.new_zeros(seen.shape).masked_fill(~seen, -torch.inf)


def gathered(states: Tensor, places: Places) -> Tensor:
    """Returns states [heads, tokens, dim] as rows, [rows, heads, width, dim]."""
    if isinstance(places, slice):
        return states[None, :, places]
    return states[:, places].transpose(0, 1)


def placed(part: Pass, cost: AttentionCost, device: torch.device) -> Iterator[Rows]:
    """Yields the rows of a pass, block by block."""
    kept = sum(len(one.tokens) for one in part.kept)
    for block in part.blocks(cost):
        before = _before(part, block, kept)
        bounds = np.linspace(0, block.width, _pieces(block, cost) + 1).astype(int).tolist()
        for start, stop in pairwise(bounds):
            yield _piece(part, block, before, kept, start, stop, device)


def _pieces(block: Block, cost: AttentionCost) -> int:
    """Returns into how many pieces the tokens of a block are cut.

    A piece attends to nothing behind its last token. n pieces save (1 - 1/n) / 2 of the products of
    the rows with themselves, and each takes a call. Causal attention without a mask saves all.
    """
    if not block.past:
        return 1
    best = math.sqrt(len(block.rows) * block.width**2 / (2 * cost.call))
    return max(1, min(round(best), block.width // FEWEST))


def _piece(
    part: Pass, block: Block, before: Ints, kept: int, start: int, stop: int, device: torch.device
) -> Rows:
    first, end = block.past + start, block.past + stop
    begins = np.array([part.begins[row] for row in block.rows])
    if len(begins) == 1:
        own = slice(int(begins[0]) + start, int(begins[0]) + stop)
        seen: Places = own
        if block.past or kept:
            seen = _tensor(_places(before, kept + np.arange(begins[0], own.stop)[None]), device)
        return Rows(own, seen, None, own, first, end, {})
    lengths = np.array([len(part.segments[row].tokens) for row in block.rows])
    places = begins[:, None] + np.minimum(np.arange(stop), lengths[:, None] - 1)
    queries = places[:, start:]
    real = np.flatnonzero(np.arange(start, stop) < lengths[:, None])
    return Rows(
        _tensor(queries, device),
        _tensor(_places(before, places + kept), device),
        _tensor(real, device),
        _tensor(queries.reshape(-1)[real], device),
        first,
        end,
        {},
    )


def _places(before: Ints, own: Ints) -> Ints:
    """Returns the places before a block with those of its rows, [rows, width]."""
    return np.concatenate([np.broadcast_to(before, (len(own), len(before))), own], 1)


def _tensor(table: Ints, device: torch.device) -> Tensor:
    return torch.from_numpy(table).to(device)


def _before(part: Pass, block: Block, kept: int) -> Ints:
    """Returns where the positions before a block are, among the kept and the new ones."""
    starts, at = dict[Any, int](), 0
    for one in part.kept:
        starts[one] = at
        at += len(one.tokens)
    places = [np.zeros(0, dtype=np.int64)]
    for one in part.segments[block.rows[0]].path[:-1]:
        begin = kept + part.begins[part.index[one]] if one in part.index else starts[one]
        places.append(np.arange(begin, begin + len(one.tokens)))
    return np.concatenate(places)
