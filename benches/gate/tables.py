"""Claims as Markdown: cells in groups, the worst one of each beside its limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Bar", "Found", "claim", "spread", "table"]

Of = TypeVar("Of")


@dataclass(frozen=True)
class Found(Generic[Of]):
    """What one cell showed."""

    group: tuple[str, ...]
    """The first cells of the row that it is in."""
    where: str
    value: float
    of: Of
    """What the value comes from."""


@dataclass(frozen=True)
class Bar:
    """What a claim asks of each cell."""

    limit: float
    words: Callable[[float], str]
    """How a value is written."""
    least: bool = False
    """Reached at the limit or above, else at or below."""

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit

    def cells(self, found: Sequence[Found[Of]]) -> list[str]:
        """How many there are, the limit, the worst one, where it is, and whether all reach it."""
        worst = (min if self.least else max)(found, key=lambda each: each.value)
        missed = sum(not self.reached(each.value) for each in found)
        mark = f"**not reached** ({missed} of {len(found)})" if missed else "reached"
        where = "" if all(each.value == worst.value for each in found) else worst.where
        limit = f"{'≥' if self.least else '≤'} {self.words(self.limit)}"
        return [str(len(found)), limit, self.words(worst.value), where, mark]


HEAD = ("cells", "limit", "worst", "worst cell", "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _grouped(found: Iterable[Found[Of]]) -> dict[tuple[str, ...], list[Found[Of]]]:
    """By group, in order of appearance."""
    groups: dict[tuple[str, ...], list[Found[Of]]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    return groups


def claim(
    head: Sequence[str],
    bar: Bar,
    found: Iterable[Found[Of]],
    more_head: Sequence[str] = (),
    more: Callable[[list[Of]], Sequence[str]] = lambda _: (),
) -> str:
    """One row a group; ``more`` gives further cells of what its values come from."""
    rows = [
        [*group, *bar.cells(own), *more([each.of for each in own])]
        for group, own in _grouped(found).items()
    ]
    return table([*head, *HEAD, *more_head], rows)


def spread(values: Sequence[float], digits: int) -> str:
    """The least and the greatest."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"
