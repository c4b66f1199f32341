"""Reads JSON Lines: an object per request, all with the keys of the first."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin._args import Ints
from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Raw, find, malformed
from multibin.lab.traces._exact import Row, exact

ENCODING = "utf-8-sig"

CHUNK = 8192
"""Lines that are parsed as one JSON array, several times as fast as one by one."""


class JsonlFile:
    """A JSON Lines file whose first row was read.

    The errors are those of ``find`` and of the encoding, ``OSError``, and a ``ValueError`` for a
    first row that is no object.
    """

    def __init__(self, path: Path, times: bool) -> None:
        self.path = path
        with closing(self._rows()) as rows:
            _, first = next(rows, (0, {}))
        self.columns = find(list(first), path, times)

    def fast(self, rows: int | None, unit: float) -> Raw | None:
        """Returns the columns by chunks, or None for a file with anything unusual."""
        columns = self.columns
        names = (columns.arrival, columns.prompt, columns.output, columns.predicted)
        values: list[list[Any]] = [[] for _ in names]
        try:
            for records in self._chunks(rows):
                for name, target in zip(names, values, strict=True):
                    if name is not None:
                        target.extend([record[name] for record in records])
            prompt, output, predicted = map(_counts, values[1:])
        except (ValueError, TypeError, KeyError):
            return None
        times = _clock.seconds(_clock.column(values[0]), unit)
        return Raw(
            None if columns.arrival is None else times,
            prompt,
            output,
            None if columns.predicted is None else predicted,
        )

    def exact(self, rows: int | None, unit: float) -> Raw:
        """Returns the columns row by row, with the errors of the function ``exact``."""
        with closing(self._rows()) as all_rows:
            return exact(islice(all_rows, rows), self.columns, self.path, unit)

    def _chunks(self, rows: int | None) -> Generator[list[dict[str, Any]]]:
        with self.path.open(encoding=ENCODING) as file:
            chosen = islice((line for line in file if not line.isspace()), rows)
            while lines := list(islice(chosen, CHUNK)):
                records = json.loads(f"[{','.join(lines)}]")
                if len(records) != len(lines):
                    raise ValueError("not one object a line")
                yield records

    def _rows(self) -> Generator[Row]:
        with self.path.open(encoding=ENCODING) as file:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield line, _record(self.path, line, text)


def _record(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise malformed(path, line, None, text.strip(), "a JSON object")
    return record


def _counts(values: list[Any]) -> Ints:
    if set(map(type, values)) - {int}:
        raise TypeError("not all integers")
    array: NDArray[Any] = np.array(values)
    return array.astype(np.int64, casting="safe") if values else array.astype(np.int64)
