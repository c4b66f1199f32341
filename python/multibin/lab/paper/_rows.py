"""Defines a row, a number of the paper beside ours, and shows groups of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Row", "Section", "compare", "records", "table"]

LEGEND = "[D] derived for this project, not printed in the paper."
HEADER = f"{'':<44}{'paper':>9}    {'ours':>9}{'deviation':>12}{'tolerance':>12}"


@dataclass(frozen=True)
class Row:
    """One number of the paper, and ours.

    >>> from multibin.lab.paper import Row
    >>> Row("throughput, k=1", paper=6.447, ours=6.4475, tolerance=0.005).ok
    True
    """

    what: str
    paper: float
    ours: float
    tolerance: float
    """How far ours may deviate: a fraction of the paper's number, or absolute."""
    relative: bool = True
    derived: bool = False
    """It is not printed in the paper, but derived from its model for this project."""

    @property
    def deviation(self) -> float:
        """Returns the deviation of ours from the paper's, in the unit of ``tolerance``."""
        difference = self.ours - self.paper
        return difference / self.paper if self.relative else difference

    @property
    def ok(self) -> bool:
        """Returns whether ours is within the tolerance; NaN is not."""
        # Rounding must not decide about a deviation of exactly the tolerance.
        return bool(abs(self.deviation) <= self.tolerance * (1 + 1e-9))


@dataclass(frozen=True)
class Section:
    """The numbers of one place in the paper."""

    item: int
    title: str
    source: str
    rows: Sequence[Row]
    note: str = ""


def compare(
    what: Sequence[str],
    paper: Sequence[float],
    ours: Sequence[float] | NDArray[np.generic],
    tolerance: float,
    *,
    relative: bool = True,
    derived: bool = False,
) -> list[Row]:
    """Returns rows of one kind; ``what``, ``paper`` and ``ours`` have one length."""
    return [
        Row(name, theirs, float(mine), tolerance, relative, derived)
        for name, theirs, mine in zip(what, paper, ours, strict=True)
    ]


def table(sections: Sequence[Section]) -> str:
    """Returns all rows as text, grouped, with a last line that counts them.

    >>> from multibin.lab.paper import Row, Section, table
    >>> section = Section(1, "Throughput", "Theorem 4.2", [Row("k=1", 6.447, 6.4475, 0.005)])
    >>> print(table([section]).splitlines()[-1])
    1 numbers: all within tolerance.
    """
    rows = [row for section in sections for row in section.rows]
    wrong = sum(not row.ok for row in rows)
    verdict = f"{wrong} of {len(rows)} out of tolerance" if wrong else "all within tolerance"
    lines = [line for section in sections for line in _lines(section)]
    return "\n".join([*lines, LEGEND, f"{len(rows)} numbers: {verdict}."])


def _lines(section: Section) -> Iterator[str]:
    yield f"{section.item}. {section.title} ({section.source})"
    if section.note:
        yield f"   {section.note}"
    yield HEADER
    yield from map(_line, section.rows)
    yield ""


def _line(row: Row) -> str:
    mark = "[D]" if row.derived else ""
    deviation, tolerance = _in_words(row)
    verdict = "ok" if row.ok else "OUT OF TOLERANCE"
    numbers = f"{row.paper:>9.5g} {mark:<3}{row.ours:>9.5g}"
    return f"   {row.what:<41}{numbers}{deviation:>12}{tolerance:>12}  {verdict}"


def _in_words(row: Row) -> tuple[str, str]:
    if row.relative:
        return f"{row.deviation:+.2%}", f"{row.tolerance:.1%}"
    return f"{row.deviation:+.4f}", f"±{row.tolerance:g}"


def records(sections: Sequence[Section]) -> list[dict[str, object]]:
    """Returns all rows for ``json.dumps``; a number that is not finite is None.

    >>> from multibin.lab.paper import Row, Section, records
    >>> section = Section(1, "Throughput", "Theorem 4.2", [Row("k=1", 6.447, 6.4475, 0.005)])
    >>> records([section])[0]["ok"]
    True
    """
    return [_record(section, row) for section in sections for row in section.rows]


def _record(section: Section, row: Row) -> dict[str, object]:
    section_of = {"item": section.item, "title": section.title, "source": section.source}
    numbers = {"paper": row.paper, "ours": row.ours, "deviation": row.deviation}
    finite = {name: x if math.isfinite(x) else None for name, x in numbers.items()}
    kind = {"relative": row.relative, "derived": row.derived, "ok": row.ok}
    return {**section_of, "what": row.what, **finite, "tolerance": row.tolerance, **kind}
