"""Reads row by row: slow, but it finds the malformed row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from multibin._args import LONGEST, Floats
from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Columns, Raw, malformed

WHOLE = re.compile(r"\s*\+?[0-9]{1,20}\s*")
"""What numpy's reader accepts as an integer, except negative ones."""

Row = tuple[int, Mapping[str, object]]
"""The line where a row ends, and its values by column."""


def exact(rows: Iterable[Row], columns: Columns, path: Path, unit: float) -> Raw:
    """Returns the columns of well-formed rows.

    Raises:
        ValueError: a value is malformed. The message names file, line, column and text.
    """
    lines: list[int] = []
    kept: list[tuple[int, int, int]] = []
    times: list[object] = []
    try:
        for line, row in rows:
            kept.append(_counts(row, columns, path, line))
            times.append(_time(row, columns, path, line))
            lines.append(line)
    except ValueError:
        _seconds(times, lines, columns, path, unit)  # A time before it may be malformed too.
        raise
    prompt, output, predicted = np.array(kept, dtype=np.int64).reshape(-1, 3).T
    return Raw(
        _seconds(times, lines, columns, path, unit),
        prompt,
        output,
        None if columns.predicted is None else predicted,
    )


def _time(row: Mapping[str, object], columns: Columns, path: Path, line: int) -> object:
    if columns.arrival is None:
        return None
    time = row.get(columns.arrival)
    if time is None:
        raise malformed(path, line, columns.arrival, None, "")
    return time


def _counts(
    row: Mapping[str, object], columns: Columns, path: Path, line: int
) -> tuple[int, int, int]:
    def count(column: str) -> int:
        value = row.get(column)
        number = _count(value)
        if not 0 <= number <= LONGEST:
            raise malformed(path, line, column, value, f"a number of tokens from 0 to {LONGEST}")
        return number

    predicted = 0 if columns.predicted is None else count(columns.predicted)
    return count(columns.prompt), count(columns.output), predicted


def _count(value: object) -> int:
    """Returns a JSON number or text as a whole number, or −1."""
    if isinstance(value, str):
        return int(value) if WHOLE.fullmatch(value) else -1
    return value if type(value) is int else -1


def _seconds(
    times: list[object], lines: list[int], columns: Columns, path: Path, unit: float
) -> Floats | None:
    if columns.arrival is None:
        return None
    seconds = _clock.seconds(_clock.column(times), unit)
    bad = np.isnan(seconds)
    if bad.any():
        at = int(bad.argmax())
        what = "a time like that of the first row: seconds, or yyyy-mm-dd hh:mm:ss with decimals"
        raise malformed(path, lines[at], columns.arrival, times[at], what) from None
    return seconds
