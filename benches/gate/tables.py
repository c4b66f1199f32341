"""Shows claims as Markdown: cells in groups, the worst one of each beside its limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Found", "Target", "claim", "spread", "table"]

Of = TypeVar("Of")


@dataclass(frozen=True)
class Found(Generic[Of]):
    """The value that one cell showed."""

    group: tuple[str, ...]
    """The first cells of its row."""
    where: str
    value: float
    of: Of
    """The run that the value comes from."""


@dataclass(frozen=True)
class Target:
    """The limit that a claim sets for each cell."""

    limit: float
    words: Callable[[float], str]
    """Writes a value."""
    least: bool = False
    """Reached at the limit or above, else at or below."""

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit

    def cells(self, found: Sequence[Found[Of]]) -> list[str]:
        """Returns the number of cells, the limit, the worst one, where it is, and the verdict."""
        worst = (min if self.least else max)(found, key=lambda each: each.value)
        missed = sum(not self.reached(each.value) for each in found)
        mark = f"**not reached** ({missed} of {len(found)})" if missed else "reached"
        where = "" if all(each.value == worst.value for each in found) else worst.where
        limit = f"{'≥' if self.least else '≤'} {self.words(self.limit)}"
        return [str(len(found)), limit, self.words(worst.value), where, mark]


HEAD = ("cells", "limit", "worst", "worst cell", "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns Markdown, with numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _grouped(found: Iterable[Found[Of]]) -> dict[tuple[str, ...], list[Found[Of]]]:
    """Returns the cells of each group, in order of appearance."""
    groups: dict[tuple[str, ...], list[Found[Of]]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    return groups


def claim(
    head: Sequence[str],
    target: Target,
    found: Iterable[Found[Of]],
    more_head: Sequence[str] = (),
    more: Callable[[list[Of]], Sequence[str]] = lambda _: (),
) -> str:
    """Returns a table with a row for each group; ``more`` makes further cells from its runs."""
    rows = [
        [*group, *target.cells(own), *more([each.of for each in own])]
        for group, own in _grouped(found).items()
    ]
    return table([*head, *HEAD, *more_head], rows)


def spread(values: Sequence[float], digits: int) -> str:
    """Returns the least and the greatest value."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"
