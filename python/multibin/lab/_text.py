"""Lays out text: tables of any width of cells, and lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

__all__ = ["WIDTH", "paragraph", "table"]

WIDTH = 100
"""Columns of a line of prose."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns lines: the first column to the left, the others to the right, as wide as needed.

    >>> from multibin.lab._text import table
    >>> table(["policy", "mean"], [["fifo", "12.3"], ["elastic", "9"]])
    ['policy   mean', 'fifo     12.3', 'elastic     9']
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in [header, *rows]
    ]


def paragraph(text: str) -> str:
    """Returns each line of a text, broken at blanks to ``WIDTH`` columns."""
    lines = [
        wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        for line in text.splitlines()
    ]
    return "\n".join(part for parts in lines for part in parts)
