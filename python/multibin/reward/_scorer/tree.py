"""A tree of token sequences by their shared beginnings: each segment is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from multibin.llm._engine.prefixes import common

SHARE = 16
"""The fewest tokens that are shared: a segment of its own costs more than that saves."""

States: TypeAlias = Mapping[int, tuple[Tensor, Tensor]]
"""Keys and values of a segment by layer, each [kv_heads, tokens, dim]."""


class Logits:
    """What the values of one pass are read from, [wanted, columns]; it stays on the device."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    @cached_property
    def rows(self) -> NDArray[np.floating]:
        """Returns the logits in host memory; the first use waits for the device."""
        return self._tensor.cpu().numpy()


class Value(NamedTuple):
    """The logits at one position: a row of those of its pass."""

    logits: Logits
    row: int


class Segment:
    """Tokens that follow those of `parent`, what was read of them, and what is kept."""

    __slots__ = ("children", "parent", "start", "states", "tokens", "used", "values", "wanted")

    def __init__(self, tokens: Sequence[int], parent: Segment | None) -> None:
        self.tokens = tokens
        self.parent = parent
        self.start: int = 0 if parent is None else parent.stop
        self.children: dict[tuple[int, ...], Segment] = {}
        self.states: States | None = None
        """Keys and values, where later segments need them."""
        self.values: dict[int, Value] = {}
        """What was read, by position."""
        self.wanted: set[int] = set()
        """Positions whose logits are asked for and missing."""
        self.used = 0
        """When a call last went through it."""

    @property
    def stop(self) -> int:
        """Returns the position behind the last token."""
        return self.start + len(self.tokens)

    @property
    def path(self) -> list[Segment]:
        """Returns the segments from the first token to this one, without the empty root."""
        found = []
        segment: Segment | None = self
        while segment is not None and segment.parent is not None:
            found.append(segment)
            segment = segment.parent
        return found[::-1]


class PrefixTree:
    """Sequences by their shared beginnings."""

    def __init__(self) -> None:
        self.root = Segment((), None)
        self._clock = 0

    def insert(self, ids: Sequence[int], ends: Sequence[int]) -> Segment:
        """Adds a sequence, and returns the segment in which it ends.

        Args:
            ids: the tokens, at least one.
            ends: positions whose logits are wanted.
        """
        self._clock += 1
        segment = self.root
        while segment.stop < len(ids):
            child = self._child(segment, ids)
            if child is None:
                child = Segment(ids[segment.stop :], segment)
                segment.children[_key(child.tokens)] = child
            segment = child
            segment.used = self._clock
        self._want(segment, ends)
        return segment

    def _child(self, segment: Segment, ids: Sequence[int]) -> Segment | None:
        """Returns the child that `ids` goes on with, cut where they part; None: there is none."""
        rest = ids[segment.stop :]
        child = segment.children.get(_key(rest))
        if child is None:
            return None
        shared = common(rest, child.tokens)
        if shared == len(child.tokens) or shared == len(rest):
            return child
        if child.children:
            # A lower part that has children must be found by its first tokens.
            shared = min(shared, len(child.tokens) - SHARE)
        return cut(child, shared) if shared >= SHARE else None

    def _want(self, segment: Segment, ends: Sequence[int]) -> None:
        missing = sorted(ends, reverse=True)
        for part in reversed(segment.path):
            while missing and missing[0] >= part.start:
                position = missing.pop(0)
                if position not in part.values:
                    part.wanted.add(position)

    def segments(self) -> Iterator[Segment]:
        """Yields all segments, parents before their children."""
        waiting = list(self.root.children.values())
        while waiting:
            segment = waiting.pop()
            yield segment
            waiting.extend(segment.children.values())

    def clear(self) -> None:
        """Forgets everything. Without cycles it goes at once, and not when the collector runs."""
        for segment in [self.root, *self.segments()]:
            segment.children.clear()

    def shrink(self, memory: int) -> int:
        """Forgets the sequences used longest ago until keys and values take at most `memory`.

        Sequences whose logits are still missing stay, with what they begin with.

        Returns:
            the bytes that keys and values take.
        """
        held = sum(map(state_bytes, self.segments()))
        while held > memory and (leaves := self._done()):
            for leaf in leaves:
                if held <= memory:
                    break
                held -= state_bytes(leaf)
                self._remove(leaf)
        return held

    def _done(self) -> list[Segment]:
        """Returns the ends of sequences whose logits are there, those used longest ago first."""
        leaves = [one for one in self.segments() if not one.children and not one.wanted]
        return sorted(leaves, key=lambda one: one.used)

    def _remove(self, leaf: Segment) -> None:
        assert leaf.parent is not None
        del leaf.parent.children[_key(leaf.tokens)]
        # A call that runs may still read its values.
        leaf.states = None


def cut(segment: Segment, count: int) -> Segment:
    """Parts a segment behind `count` tokens, and returns the new upper part."""
    parent = segment.parent
    assert parent is not None
    upper = Segment(segment.tokens[:count], parent)
    upper.used = segment.used
    if parent.children.get(_key(segment.tokens)) is segment:
        # The upper part may be too short for this key.
        del parent.children[_key(segment.tokens)]
        parent.children[_key(upper.tokens)] = upper
    segment.tokens, segment.parent, segment.start = segment.tokens[count:], upper, upper.stop
    upper.children[_key(segment.tokens)] = segment
    _divide(segment, upper, count)
    return upper


def missing(leaves: Iterable[Segment]) -> list[Segment]:
    """Returns the segments that must be computed for the wanted logits, parents first.

    A segment whose keys and values are gone is computed again where a later one needs them.
    """
    found: dict[Segment, None] = {}
    for leaf in leaves:
        needed: list[Segment] = []
        behind = False
        for segment in reversed(leaf.path):
            if segment.wanted or (behind and segment.states is None):
                needed.append(segment)
                behind = True
        found.update(dict.fromkeys(reversed(needed)))
    return list(found)


def state_bytes(segment: Segment) -> int:
    """Returns the bytes of a segment's keys and values."""
    if segment.states is None:
        return 0
    return sum(half.nbytes for pair in segment.states.values() for half in pair)


def _key(tokens: Sequence[int]) -> tuple[int, ...]:
    """Returns the first tokens, by which a child is found."""
    return tuple(tokens[:SHARE])


def _divide(lower: Segment, upper: Segment, count: int) -> None:
    """Gives the upper part its share of what the lower part holds."""
    stop = upper.stop
    upper.wanted = {one for one in lower.wanted if one < stop}
    lower.wanted -= upper.wanted
    upper.values = {at: row for at, row in lower.values.items() if at < stop}
    lower.values = {at: row for at, row in lower.values.items() if at >= stop}
    if lower.states is not None:
        states = lower.states
        # Copies: a view of one part would keep the memory of both.
        upper.states = {i: _copied(pair, slice(count)) for i, pair in states.items()}
        lower.states = {i: _copied(pair, slice(count, None)) for i, pair in states.items()}


def _copied(pair: tuple[Tensor, Tensor], tokens: slice) -> tuple[Tensor, Tensor]:
    return pair[0][:, tokens].clone(), pair[1][:, tokens].clone()
