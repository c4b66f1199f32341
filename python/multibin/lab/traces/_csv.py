"""Reads CSV files: a header, then a row per request."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Choice, find, refuse_sums
from multibin.lab.traces._exact import NUMBER, Raw, Row, exact, malformed, peek
from multibin.lab.traces._failures import LONGEST_WORD, failure, tells_failures
from multibin.lab.traces._names import plain
from multibin.lab.traces._text import Text

__all__ = ["CsvFile"]

BETWEEN = {",": "CSV", ";": "CSV with semicolons", "\t": "CSV with tabs", "|": "CSV with bars"}
"""What separates the fields, and what the format is then called."""

SEPARATOR = re.compile(r'"?sep=(.)"?')
"""The first line of files that spreadsheets write."""

MESSAGES = LONGEST_WORD + 1
"""Characters kept of a message of an error."""

EXAMPLE = "timestamp,prompt_tokens,output_tokens"


class CsvFile:
    """A CSV file whose header was read.

    The errors are those of ``find``, of ``csv`` and of the encoding, and ``OSError``. A file
    without a header, whose columns are not chosen by position, is a ``ValueError``.
    """

    def __init__(self, text: Text, times: bool, chosen: Choice) -> None:
        self._text = text
        self._between = _between(text.head)
        self.header, self.header_lines = self._header(chosen)
        refuse_sums(text.path, self._first())
        failures = [name for name in self.header if tells_failures(plain(name))]
        self.columns = find(self.header, text.path, chosen=chosen, times=times, failures=failures)

    def _first(self) -> list[Mapping[str, object]]:
        """Returns the first rows, none if the very first is malformed."""
        try:
            with closing(self._rows()) as rows:
                return peek(rows)
        except ValueError:
            return []  # Where columns are missing, they are named instead.

    @property
    def words(self) -> str:
        """Returns the format in words."""
        return BETWEEN[self._between]

    @property
    def found(self) -> Sequence[str]:
        """Returns the names of all columns."""
        return self.header

    def fast(self, rows: int | None) -> Raw | None:
        """Returns the columns by numpy's reader, or None if that refuses the file.

        It also refuses some well-formed files.
        """
        for kind in ("i8", "f8"):  # Whole floats, such as 20.0, cost a second attempt.
            try:
                table = self._load(rows, kind)
            except (ValueError, Warning):
                continue
            return self._raw(table)
        return None

    def exact(self, rows: int | None) -> Raw:
        """Returns the columns row by row, with the errors of the function ``exact``."""
        with closing(self._rows()) as all_rows:
            return exact(islice(all_rows, rows), self.columns, self._text.path)

    def _raw(self, table: NDArray[Any]) -> Raw | None:
        at = {name: f"f{i}" for i, name in enumerate(self.header)}
        failed, good = self._failed([table[at[name]] for name in self.columns.failures])
        if good is not None:
            table = table[good]
        counts = {name: table[at[name]] for name in self.columns.counted}
        if not all(_is_whole(array) for array in counts.values()):
            return None
        time = self.columns.roles.get("time")
        return Raw(
            None if time is None else table[at[time]],
            {name: array.astype(np.int64) for name, array in counts.items()},
            failed,
        )

    def _failed(
        self, columns: list[NDArray[Any]]
    ) -> tuple[dict[str, int], NDArray[np.bool_] | None]:
        """Returns the failed rows by reason, and which rows did not fail."""
        if not columns:
            return {}, None
        reasons: NDArray[Any] = np.full(len(columns[0]), "", dtype=f"U{MESSAGES}")
        for name, column in zip(self.columns.failures, columns, strict=True):
            texts, which = np.unique(column, return_inverse=True)
            known = [failure({name: text.decode("latin-1")}, [name]) for text in texts.tolist()]
            of_rows = np.array([reason or "" for reason in known], dtype=reasons.dtype)[which]
            reasons = np.where(of_rows != "", of_rows, reasons)
        bad = reasons[reasons != ""]
        return dict(Counter(bad.tolist())), reasons == ""

    def _load(self, rows: int | None, kind: str) -> NDArray[Any]:
        # All fields are loaded, the unused ones as one letter: then a row of more is refused.
        kinds = dict.fromkeys(self.header, "U1")
        kinds |= dict.fromkeys(self.columns.failures, f"S{MESSAGES}")
        kinds |= dict.fromkeys(self.columns.counted, kind)
        if (time := self.columns.roles.get("time")) is not None:
            kinds[time] = f"S{_clock.WIDTH}"
        dtype = [(f"f{i}", kinds[name]) for i, name in enumerate(self.header)]
        with warnings.catch_warnings():
            # Filters by message, as they hold for all threads meanwhile.
            warnings.filterwarnings("ignore", "Input line .* contained no data", UserWarning)
            warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
            warnings.filterwarnings("error", r"loadtxt\(\): Parsing an integer via a float")
            if self._text.plain:
                return self._loadtxt(self._text.path, dtype, rows)
            with self._text.open() as file:
                return self._loadtxt(file, dtype, rows)

    def _loadtxt(self, file: Any, dtype: list[tuple[str, str]], rows: int | None) -> NDArray[Any]:
        return np.loadtxt(
            file,
            dtype=dtype,
            comments=None,
            delimiter=self._between,
            quotechar='"',
            skiprows=self.header_lines,
            max_rows=rows,
            ndmin=1,
            encoding=self._text.encoding,
        )

    def _header(self, chosen: Choice) -> tuple[list[str], int]:
        """Returns the names of the columns, and the number of lines before the first row."""
        comment: list[str] = []
        with self._text.open() as file:
            reader, before = csv.reader(file, delimiter=self._between), 0
            for row in reader:
                kind = _kind(row)
                if kind == "names":
                    return _labels(row), reader.line_num
                if kind == "row":
                    if len(comment) == len(row):  # numpy.savetxt writes the header as a comment.
                        return _labels([comment[0].lstrip(" #"), *comment[1:]]), before
                    return self._positions(row, chosen), before
                comment, before = (row if kind == "comment" else comment), reader.line_num
        return [], before

    def _positions(self, row: list[str], chosen: Choice) -> list[str]:
        """Returns 1, 2, … as the names of a file without a header."""
        names = [str(position) for position in range(1, len(row) + 1)]
        if any(name in names for name in chosen.values()):
            return names
        raise ValueError(
            f"{self._text.path} has no header: its first row is {row}. Add a line such as"
            f" {EXAMPLE}, or name columns by position: --columns time=1,prompt=2,output=3"
        )

    def _rows(self) -> Generator[Row]:
        with self._text.open() as file:
            reader = csv.reader(file, delimiter=self._between)
            # Spreadsheets end headers, or rows, with fields that are empty.
            least = max((i for i, name in enumerate(self.header, 1) if name), default=0)
            while reader.line_num < self.header_lines:
                next(reader)
            for row in reader:
                if not row or (row[0].startswith("#") and len(row) != len(self.header)):
                    continue
                if any(field.strip() for field in row[len(self.header) :]) or len(row) < least:
                    raise self._odd(reader.line_num, row)
                yield f"line {reader.line_num}", dict(zip(self.header, row, strict=False))

    def _odd(self, line: int, row: list[str]) -> ValueError:
        rule = f"a row of {len(self.header)} fields, as the header has"
        return malformed(self._text.path, f"line {line}", None, self._between.join(row), rule)


def _between(head: str) -> str:
    """Returns what separates the fields of the first line that is no comment."""
    for line in head.splitlines():
        if found := SEPARATOR.fullmatch(line.strip()):
            return found[1] if found[1] in BETWEEN else ","
        if line.strip() and not (line.lstrip().startswith("#") and line.count(",") == 0):
            counts = {sign: line.count(sign) for sign in BETWEEN}
            return max(counts, key=lambda sign: counts[sign])
    return ","


def _labels(names: list[str]) -> list[str]:
    """Returns the names, each repeated one with its position."""
    seen: set[str] = set()
    labels = []
    for position, name in enumerate(map(str.strip, names), 1):
        labels.append(f"{name} (column {position})" if name in seen else name)
        seen.add(name)
    return labels


def _kind(row: list[str]) -> str:
    """Returns what a line is before any header: blank, a comment, a row or the names."""
    if not any(field.strip() for field in row) or (row[0].startswith("sep=") and len(row) < 3):
        return "blank"
    if row[0].lstrip().startswith("#"):
        return "comment"
    numbers = sum(NUMBER.fullmatch(field) is not None for field in row)
    return "row" if numbers >= min(2, len(row)) else "names"


def _is_whole(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "i":
        return True
    return bool(((array == np.floor(array)) & (np.abs(array) < 2**53)).all())
