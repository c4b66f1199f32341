"""The result of an item that is not finished yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Unfinished"]

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Unfinished(Generic[State]):
    """Says that an item needs another batch: it climbs to the bin of its progress.

    A function of a batcher with ``climb=True`` returns it in place of a result. Its caller goes on
    waiting, and the item keeps its age.

    >>> import multibin as mb
    >>> def count(items: list[int], limit: int | None) -> list[int | mb.Unfinished[int]]:
    ...     steps = limit or 100
    ...     return [n if n >= 20 else mb.Unfinished(n + steps, progress=n + steps) for n in items]
    >>> with mb.Batcher(count, length=int, climb=True, edges=mb.Edges([0, 8, 16])) as counter:
    ...     counter.submit(0).result() >= 20
    True
    """

    state: State
    """What the function gets in place of the item, in a later batch."""
    progress: int
    """The steps done since the item arrived: not less than before, and it decides the bin.

    Nothing ends an item that never makes one more step.
    """
