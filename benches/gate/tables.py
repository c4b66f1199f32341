"""Claims as Markdown: cells in groups, the worst one of each beside its limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Found", "claim", "grouped", "table"]


@dataclass(frozen=True)
class Found:
    """What one cell showed."""

    group: tuple[str, ...]
    """The first cells of the row that it is in."""
    where: str
    value: float


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

    @property
    def shown(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.words(self.limit)}"

    def cells(self, found: Sequence[Found]) -> list[str]:
        """The last cells of a row: how many there are, the limit, the worst, and whether it holds."""
        if not found:
            return ["0", self.shown, "", "", ""]
        worst = (min if self.least else max)(found, key=lambda each: each.value)
        missed = sum(not self.reached(each.value) for each in found)
        mark = f"**not reached** ({missed} of {len(found)})" if missed else "reached"
        where = "" if all(each.value == worst.value for each in found) else worst.where
        return [str(len(found)), self.shown, self.words(worst.value), where, mark]


HEAD = ("cells", "limit", "worst", "worst cell", "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def grouped(found: Iterable[Found]) -> dict[tuple[str, ...], list[Found]]:
    """By group, in order of appearance."""
    groups: dict[tuple[str, ...], list[Found]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    return groups


def claim(
    head: Sequence[str],
    bar: Bar,
    found: Iterable[Found],
    more: Callable[[tuple[str, ...]], Sequence[str]] = lambda _: (),
    more_head: Sequence[str] = (),
) -> str:
    """One row a group; ``more`` gives further cells of a group."""
    rows = [[*group, *bar.cells(own), *more(group)] for group, own in grouped(found).items()]
    return table([*head, *HEAD, *more_head], rows)
