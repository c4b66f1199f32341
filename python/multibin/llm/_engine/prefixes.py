"""Finds rows in the arena whose prompt begins like another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from multibin.llm._engine.rows import Row

BLOCK = 32
"""Tokens between the lengths at which beginnings are looked up; a shorter one is not shared."""


PIECE = 1024
"""Tokens of two prompts that are compared at once, so that long ones take no milliseconds."""


class Shared(NamedTuple):
    """A row with the same first tokens, and how many of them."""

    row: Row
    positions: int


class Prefixes:
    """Rows by the beginnings of their prompts, in steps of `BLOCK` tokens."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, ...], tuple[Row, Sequence[int]]] = {}

    def add(self, row: Row, prompt: Sequence[int]) -> None:
        """Notes that the prompt is cached in `row`."""
        for beginning in _beginnings(prompt):
            self._found[beginning] = (row, prompt)

    def remove(self, row: Row, prompt: Sequence[int]) -> None:
        """Forgets the row."""
        for beginning in _beginnings(prompt):
            if self._found.get(beginning, (None,))[0] is row:
                del self._found[beginning]

    def longest(self, prompt: Sequence[int], asking: Row | None = None) -> Shared | None:
        """Returns the row that shares the most first tokens, without the last of `prompt`.

        Args:
            prompt: the tokens.
            asking: the row that will have them, and asks again and again.
        """
        beginnings = None if asking is None else asking.beginnings
        if beginnings is None:
            beginnings = list(_beginnings(prompt))
            if asking is not None:
                asking.beginnings = beginnings
        for beginning in reversed(beginnings):
            row, other = self._found.get(beginning, (None, ()))
            if row is not None and row.slot is not None:
                most = min(common(prompt, other), row.cached, len(prompt) - 1)
                return Shared(row, most) if most >= BLOCK else None
        return None


def _beginnings(prompt: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yields (length, hash) of the beginnings of `prompt`, shortest first."""
    digest = 0
    for stop in range(BLOCK, len(prompt) + 1, BLOCK):
        digest = hash((digest, *prompt[stop - BLOCK : stop]))
        yield stop, digest


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """Returns the number of first tokens that two prompts share."""
    most = min(len(one), len(other))
    for start in range(0, most, PIECE):
        stop = min(start + PIECE, most)
        if one[start:stop] != other[start:stop]:
            pairs = zip(one[start:stop], other[start:stop], strict=True)
            return next((start + at for at, (a, b) in enumerate(pairs) if a != b), stop)
    return most
