"""Reads row by row: slow, but it finds the malformed row."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin._args import LONGEST, Floats, Ints
from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Columns
from multibin.lab.traces._failures import failure

__all__ = [
    "NUMBER",
    "PEEKED",
    "Raw",
    "Row",
    "exact",
    "floats",
    "malformed",
    "peek",
    "whole",
]

NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
"""What numpy's reader accepts as a finite number."""

DIGITS = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")

NO_OUTPUT = "no output tokens"

MISSING = ("", "none", "null", "nil", "nan", "n/a", "na", "-", "-1", "-1.0")
"""Texts and numbers that stand for a number that is missing."""

TIME_RULE = "a time like that of the first row: a number, or yyyy-mm-dd hh:mm:ss with decimals"

PEEKED = 100
"""Rows that are looked at before the file is read. They may lack columns, where they failed."""

Content = TypeVar("Content")

Row = tuple[str, Mapping[str, object]]
"""The place of a row in words, such as "line 3", and its values by column."""


@dataclass(frozen=True)
class Raw:
    """Columns as read, shape ``[n]`` each, in the order of the file, without failed rows."""

    times: NDArray[Any] | None
    """Texts or numbers."""
    counts: Mapping[str, Ints]
    """Tokens by column."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """The rows that failed, by the reason."""
    extras: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """Values that are kept as they are; None where a row has none."""

    @property
    def rows(self) -> int:
        """Returns the rows that did not fail."""
        return len(next(iter(self.counts.values())))

    @cached_property
    def moments(self) -> _clock.Moments | None:
        """Returns what the times say, or None without times."""
        return None if self.times is None else _clock.moments(self.times)

    @property
    def good(self) -> bool:
        """Returns whether there are rows, counts are in range, and times well-formed."""
        counts = self.counts.values()
        in_range = all(0 <= array.min() <= array.max() <= LONGEST for array in counts if self.rows)
        return self.rows > 0 and in_range and (self.moments is None or self.moments.good)


def exact(rows: Iterable[Row], columns: Columns, path: Path) -> Raw:
    """Returns the columns of well-formed rows.

    Raises:
        ValueError: a value is malformed. The message names file, line, column and text.
    """
    taken = _Taken(columns, path)
    try:
        for place, row in rows:
            taken.add(place, row)
    except ValueError:
        taken.times()  # A time before it may be malformed too.
        raise
    taken.check_any()
    table = np.array(taken.counts, dtype=np.int64).reshape(-1, len(columns.counted))
    return Raw(
        taken.times(),
        dict(zip(columns.counted, table.T, strict=True)),
        taken.failed,
        taken.extras,
    )


def peek(rows: Iterable[tuple[str, Content]]) -> list[Content]:
    """Returns the first rows, up to one that is malformed; only the very first must be good."""
    first: list[Content] = []
    try:
        for _, row in islice(rows, PEEKED):
            first.append(row)
    except csv.Error:
        pass  # A field may be too long for the csv module, and not for numpy's reader.
    except ValueError:
        if not first:
            raise
    return first


class _NoOutput(ValueError):
    """A row says that it has no number of output tokens."""


def _is_missing(value: object) -> bool:
    """Returns whether a value says that there is none, as rows of failed requests do."""
    return str(value).strip().lower() in MISSING


class _Taken:
    """The rows so far."""

    def __init__(self, columns: Columns, path: Path) -> None:
        self._columns, self._path = columns, path
        self._needed = {*columns.counts.values()}
        self._optional = columns.roles.get("predicted")
        self._places: list[str] = []
        self._times: list[object] = []
        self.counts: list[list[int]] = []
        self.failed: dict[str, int] = {}
        self.extras: dict[str, list[object]] = {name: [] for name in columns.extras}
        self._no_output: _NoOutput | None = None

    def add(self, place: str, row: Mapping[str, object]) -> None:
        """Takes a row, or counts it among those that failed."""
        columns = self._columns
        if (reason := failure(row, columns.failures)) is not None:
            self.failed[reason] = self.failed.get(reason, 0) + 1
            return
        try:
            counts = [self._count(name, place, row) for name in columns.counted]
        except _NoOutput as error:
            self._no_output = self._no_output or error
            self.failed[NO_OUTPUT] = self.failed.get(NO_OUTPUT, 0) + 1
            return
        self.counts.append(counts)
        if "time" in columns.roles:
            name = columns.roles["time"]
            if (time := row.get(name)) is None:
                raise malformed(self._path, place, name, None, "")
            self._times.append(time)
        self._places.append(place)
        for name, values in self.extras.items():
            values.append(row.get(name))

    def times(self) -> NDArray[Any] | None:
        """Returns the times, or raises a ``ValueError`` for the first that is malformed."""
        if "time" not in self._columns.roles:
            return None
        times = _clock.column(self._times)
        bad = np.isnan(_clock.moments(times).values)
        if bad.any():
            at = int(bad.argmax())
            name, value = self._columns.roles["time"], self._times[at]
            error = malformed(self._path, self._places[at], name, value, TIME_RULE)
            raise ValueError(f"{error}{_clock.hint(value)}") from None
        return times

    def check_any(self) -> None:
        """Raises the error of the first row without a number of output tokens, if all are so."""
        if not self.counts and self._no_output is not None:
            raise ValueError(*self._no_output.args)

    def _count(self, name: str, place: str, row: Mapping[str, object]) -> int:
        value = row.get(name)
        number = whole(value)
        if 0 <= number <= LONGEST:
            return number
        if name not in self._needed or (name == self._optional and value in (None, "")):
            return -1
        rule = f"a number of tokens from 0 to {LONGEST}"
        error = malformed(self._path, place, name, value, rule)
        if name == self._columns.roles["output"] and _is_missing(value):
            raise _NoOutput(*error.args)
        raise error


def malformed(path: Path, place: str, column: str | None, value: object, what: str) -> ValueError:
    """Returns the error for one value, None if it is missing."""
    where = f"{place} of {path}"
    name = where if column is None else f"{column} in {where}"
    if value is None:
        return ValueError(f"{name} is missing")
    return ValueError(_args.sentence(name, what, value))


def whole(value: object) -> int:
    """Returns a JSON number or text as a whole number, or −1. A bool is none."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        if DIGITS.fullmatch(value):
            return int(value)
        value = float(value) if NUMBER.fullmatch(value) else np.nan
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return -1


def floats(values: Sequence[object]) -> Floats:
    """Returns numbers from 0 on, NaN for anything else."""
    return np.array([_from_zero(value) for value in values], dtype=np.float64)


def _from_zero(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e300:
        return float(value)
    return np.nan
