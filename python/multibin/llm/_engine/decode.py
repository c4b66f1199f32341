"""Forward passes over one token a row, each row at its own position in its own slot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from multibin.llm._engine.arena import Arena
from multibin.llm._engine.attention import attention, first_visible, visible
from multibin.llm._engine.cache_view import CacheView, DenseView
from multibin.llm._engine.masks import mask_form
from multibin.llm._engine.size_classes import aligned
from multibin.llm._engine.space import Slot
from multibin.llm._load.hf import FULL, Layer, Scores, States, attending
from multibin.llm._load.models import Model

FULL_LAYER = Layer(FULL)
"""A layer that attends to all positions."""


class Decode(Protocol):
    """Decodes one token a row and step, each at the position behind its row's last."""

    def load(self, slots: Sequence[Slot], lengths: Sequence[int], tokens: Sequence[int]) -> None:
        """Sets the rows, in order of their slots: positions cached, and the token to feed."""
        ...

    def feed(self, tokens: Tensor) -> None:
        """Sets the tokens of the next step, [rows]."""
        ...

    def logits(self) -> Tensor:
        """Feeds the tokens and returns the logits behind each, [rows, vocab]."""
        ...


class State:
    """What a step needs on the device. The host knows the lengths, as each step adds 1."""

    def __init__(
        self,
        slots: Sequence[Slot],
        lengths: Sequence[int],
        tokens: Sequence[int],
        device: torch.device,
    ) -> None:
        starts = [slot.start + length for slot, length in zip(slots, lengths, strict=True)]
        state = torch.tensor([tokens, lengths, starts], device=device)
        self.tokens, self.positions, self.targets = state[0, :, None], state[1, :, None], state[2]
        self.longest = max(lengths)

    def advance(self) -> None:
        """Moves each row on by a position."""
        self.positions.add_(1)
        self.targets.add_(1)
        self.longest += 1


class Group:
    """Rows in consecutive slots of one capacity: one call of attention a layer serves them."""

    def __init__(self, rows: slice, slot: Slot, lengths: Sequence[int], arena: Arena) -> None:
        self.rows = rows
        self.capacity = slot.capacity
        self.longest, self.shortest = max(lengths), min(lengths)
        self.even = self.longest == self.shortest
        self.layers = [
            arena.rows(layer, slot.start, len(lengths), slot.capacity)
            for layer in range(len(arena.layers))
        ]

    @property
    def width(self) -> int:
        """Returns the positions that attention reads of each row, with that of this step."""
        return self.longest + 1 if self.even else min(aligned(self.longest + 1), self.capacity)

    def advance(self) -> None:
        """Moves the rows on by a position."""
        self.longest += 1
        self.shortest += 1


class Sight(NamedTuple):
    """What the rows of a group see in a layer: positions [first, stop), without the masked ones."""

    first: int
    stop: int
    mask: Tensor | None
    """What is added to the scores, [rows, 1, 1, stop - first]."""


class OwnDecode:
    """Decodes with the engine's attention: one call a group and layer, within its size class."""

    def __init__(self, model: Model, arena: Arena) -> None:
        self._model = model
        self._arena = arena
        self._view = DenseView(arena) if model.expands else CacheView(arena)
        self._layers = [
            layer if layer.is_windowed else FULL_LAYER for layer in _layers(model, arena)
        ]
        self._groups: list[Group] = []
        self._sights: dict[Layer, list[Sight]] = {}
        arena.grown = self._groups.clear

    def load(self, slots: Sequence[Slot], lengths: Sequence[int], tokens: Sequence[int]) -> None:
        """Sets the rows, in order of their slots: positions cached, and the token to feed."""
        self._state = State(slots, lengths, tokens, self._model.device)
        self._view.targets = self._state.targets
        if isinstance(self._view, DenseView):
            self._view.place(slots)
        # The same list: it is empty once the arena has grown, and `load` comes before a step.
        self._groups[:] = [
            Group(rows, slots[rows.start], lengths[rows.start : rows.stop], self._arena)
            for rows in _runs(slots)
        ]
        self._hidden: Tensor | None = None
        if not all(group.even for group in self._groups):
            keys = torch.arange(max(slot.capacity for slot in slots), device=self._model.device)
            self._hidden = self._additive(visible(FULL_LAYER, self._state.positions, keys))

    def hold(self, states: States) -> None:
        """Sets the states of the rows, for a model that keeps some; steps write to them."""
        self._view.hold(states)

    @property
    def states(self) -> States:
        """Returns the states of the rows."""
        return self._view.states

    def feed(self, tokens: Tensor) -> None:
        """Sets the tokens of the next step, [rows]."""
        self._state.tokens = tokens[:, None]

    def logits(self) -> Tensor:
        """Feeds the tokens and returns the logits behind each, [rows, vocab]."""
        state = self._state
        self._view.past = state.longest
        if self._hidden is not None:
            self._hidden.scatter_(3, state.positions[:, :, None, None], 0.0)
        self._sights = {
            layer: [self._sight(layer, group) for group in self._groups]
            for layer in set(self._layers)
        }
        if isinstance(self._view, DenseView):
            self._view.width = max(group.width for group in self._groups)
        with attending(self._attend, any_keys=self._model.expands):
            logits = self._model.decode(state.tokens, self._view, state.positions, None)
        state.advance()
        for group in self._groups:
            group.advance()
        return logits[:, -1]

    def _attend(
        self, index: int, query: Tensor, key: Tensor, value: Tensor, scores: Scores
    ) -> Tensor:
        parts = []
        for group, (first, stop, mask) in zip(
            self._groups, self._sights[self._layers[index]], strict=True
        ):
            halves = (key[group.rows], value[group.rows])
            keys, values = (
                half[:, :, first:stop]
                for half in (halves if self._model.expands else group.layers[index])
            )
            parts.append(attention(query[group.rows], keys, values, mask, scores))
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).transpose(1, 2)

    def _sight(self, layer: Layer, group: Group) -> Sight:
        stop = group.width
        if layer.window is None or group.longest < layer.window:
            hidden = None if group.even else self._hidden
            return Sight(0, stop, None if hidden is None else hidden[group.rows, :, :, :stop])
        first = max(0, first_visible(layer, group.shortest))
        if group.even:
            return Sight(first, stop, None)
        keys = torch.arange(first, stop, device=self._model.device)
        return Sight(
            first, stop, self._additive(visible(layer, self._state.positions[group.rows], keys))
        )

    def _additive(self, seen: Tensor) -> Tensor:
        """Returns 0 where a key is seen and -inf elsewhere, [rows, 1, 1, keys]."""
        mask = torch.zeros(seen.shape, dtype=self._arena.layout.dtype, device=seen.device)
        return mask.masked_fill_(~seen, -torch.inf)[:, None, None]


class MaskedDecode:
    """Decodes with the attention of the model, which reads all rows as wide as the longest.

    A mask hides what a row does not have. The rows are read in place where they lie in consecutive
    slots of one capacity, and are copied together otherwise.
    """

    def __init__(self, model: Model, arena: Arena) -> None:
        self._model = model
        self._view = DenseView(arena)
        self._view.copied = model.copied
        self._masks = mask_form(model.module, arena.layout.dtype)

    def load(self, slots: Sequence[Slot], lengths: Sequence[int], tokens: Sequence[int]) -> None:
        """Sets the rows, in order of their slots: positions cached, and the token to feed."""
        self._state = State(slots, lengths, tokens, self._model.device)
        self._even = min(lengths) == max(lengths)
        self._view.targets = self._state.targets
        self._view.place(slots)
        self._mask: Tensor | None = None

    def feed(self, tokens: Tensor) -> None:
        """Sets the tokens of the next step, [rows]."""
        self._state.tokens = tokens[:, None]

    def logits(self) -> Tensor:
        """Feeds the tokens and returns the logits behind each, [rows, vocab]."""
        state = self._state
        self._view.past = state.longest
        self._show(state.longest + 1)
        logits = self._model.decode(state.tokens, self._view, state.positions, self._mask)
        state.advance()
        return logits[:, -1]

    def _show(self, longest: int) -> None:
        """Shows the model the positions up to `longest`, and hides those that a row lacks."""
        if self._even:
            self._view.width = longest
            return
        # Some models have tables of `context` positions, or count from the end of the keys.
        width = min(aligned(longest), self._model.context)
        if self._mask is not None and width == self._view.width:
            self._masks.show(self._mask, self._state.positions)
        else:
            self._view.width = width
            self._mask = self._masks.build(self._state.positions, width)


def _layers(model: Model, arena: Arena) -> list[Layer]:
    return model.layers(arena.layout.indices)


def _runs(slots: Sequence[Slot]) -> list[slice]:
    """Returns the runs of consecutive slots of one capacity."""
    cuts = [
        at
        for at, (one, other) in enumerate(pairwise(slots), 1)
        if other.start != one.stop or other.capacity != one.capacity
    ]
    return [slice(*pair) for pair in pairwise([0, *cuts, len(slots)])]
