"""Reads JSON: a row per request, or an object with a list for each column."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin._args import Ints
from multibin.lab.traces import _clock
from multibin.lab.traces._columns import Choice, find, refuse_sums
from multibin.lab.traces._exact import PEEKED, Raw, exact, malformed, peek
from multibin.lab.traces._extras import wanted
from multibin.lab.traces._failures import failure, tells_failures
from multibin.lab.traces._names import FAILURES, HASHES, plain
from multibin.lab.traces._sessions import OUTPUTS, RELATIVE, is_session, requests
from multibin.lab.traces._tables import rows_of_list, rows_of_object
from multibin.lab.traces._text import Text

__all__ = ["JsonFile"]

CHUNK = 8192
"""Lines that are parsed as one JSON array, several times as fast as one by one."""

DEEPEST = 5
"""Levels of nested objects that are searched for columns."""

BLANKS = re.compile(r"\s*")

FAILED = {plain(name) for name in FAILURES}

Object = dict[str, Any]


class JsonFile:
    """A JSON file whose first rows were read.

    The errors are those of ``find`` and of the encoding, ``OSError``, and a ``ValueError`` for a
    file that is no JSON of objects.
    """

    def __init__(self, text: Text, times: bool, chosen: Choice, lines: bool) -> None:
        self._text = text
        self._records: list[Object] | None = None
        self.words = "JSON lines"
        if not lines or _is_document(text, chosen):
            self.words, self._records = _document(text, chosen)
        first, notes = self._first(chosen)
        if notes:
            times = False
        self._paths: dict[str, tuple[str, ...]] = {}
        for row in first:
            _flatten(row, (), self._paths)
        refuse_sums(text.path, [*_buckets(first), *(_flat(row, self._paths) for row in first)])
        last = {name: plain(_last(name)) for name in self._paths}
        failures = [name for name in self._paths if tells_failures(last[name])]
        self.found = [name for name in self._paths if last[name] not in FAILED]
        self.columns = find(
            self.found,
            text.path,
            chosen=chosen,
            times=times,
            failures=failures,
            extras=wanted(self.found),
            notes=notes,
        )

    def _first(self, chosen: Choice) -> tuple[list[Object], tuple[str, ...]]:
        """Returns the first rows, and a note if their times do not count from one moment.

        Requests of sessions are taken out of them.
        """
        with closing(self._objects()) as rows:
            first = peek(rows)
        outputs = OUTPUTS | {plain(chosen.get("output") or "")}
        if not any(is_session(row, outputs) for row in first):
            return first, ()
        with closing(self._objects()) as rows:
            sessions = [session for _, session in rows]
        refuse_sums(self._text.path, [*_nested(sessions[:PEEKED])])
        self.words += " of sessions" if len(sessions) > 1 else ", one list of requests"
        self._records = [
            request
            for session in sessions
            for request in (
                requests(session, outputs) if is_session(session, outputs) else [session]
            )
        ]
        for request in self._records:
            request.pop(HASHES, None)  # They may say nothing beyond their session.
        first = self._records[:PEEKED]
        if len(sessions) > 1 and set(RELATIVE) <= set(first[0]):
            return first, ("Times count from the start of each session, so they are left out.",)
        return first, ()

    def fast(self, rows: int | None) -> Raw | None:
        """Returns the columns by chunks, or None for a file with anything unusual."""
        columns = self.columns
        names = [*columns.counted, *filter(None, [columns.roles.get("time")])]
        values: dict[str, list[Any]] = {name: [] for name in [*names, *columns.extras]}
        takes = {name: _taker(self._paths[name], name in names) for name in values}
        failed: Counter[str] = Counter()
        try:
            for records in self._chunks(rows):
                if columns.failures:
                    records = self._finished(records, failed)
                for name, target in values.items():
                    target.extend(map(takes[name], records))
            counts = {name: _counts(values[name]) for name in columns.counted}
        except (ValueError, TypeError, KeyError):
            return None
        time = columns.roles.get("time")
        return Raw(
            None if time is None else _clock.column(values[time]),
            counts,
            dict(failed),
            {name: values[name] for name in columns.extras},
        )

    def exact(self, rows: int | None) -> Raw:
        """Returns the columns row by row, with the errors of the function ``exact``."""
        with closing(self._objects()) as all_rows:
            flat = ((place, _flat(row, self._paths)) for place, row in islice(all_rows, rows))
            return exact(flat, self.columns, self._text.path)

    def _finished(self, records: list[Object], failed: Counter[str]) -> list[Object]:
        """Returns the records that did not fail, and counts the others by reason."""
        names = self.columns.failures
        paths = {name: self._paths[name] for name in names}
        reasons = [failure(_flat(record, paths), names) for record in records]
        failed.update(reason for reason in reasons if reason is not None)
        return [record for record, why in zip(records, reasons, strict=True) if why is None]

    def _chunks(self, rows: int | None) -> Generator[list[Object]]:
        if self._records is not None:
            yield self._records[:rows]
            return
        with self._text.open() as file:
            chosen = islice((line for line in file if not line.isspace()), rows)
            while lines := list(islice(chosen, CHUNK)):
                records = json.loads(f"[{','.join(lines)}]")
                if len(records) != len(lines):
                    raise ValueError("not one object a line")
                yield records

    def _objects(self) -> Generator[tuple[str, Object]]:
        if self._records is not None:
            for number, record in enumerate(self._records, 1):
                yield f"record {number}", _object(self._text.path, f"record {number}", record)
            return
        with self._text.open() as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"line {number}", _parsed(self._text.path, f"line {number}", line)


def _is_document(text: Text, chosen: Choice) -> bool:
    """Returns whether the file is one JSON value, or several that are not one a line."""
    with text.open() as file:
        first = next((line for line in file if line.strip()), "").lstrip()
        if _begins_with_value(first):
            record, end = json.JSONDecoder().raw_decode(first)
            several = _begins_with_value(first[end:])
            return several or not isinstance(record, dict) or bool(_rows(record, chosen))
        return _begins_with_value(first + file.read())


def _begins_with_value(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        return False
    return True


def _document(text: Text, chosen: Choice) -> tuple[str, list[Object]]:
    """Returns what the file is, and its records."""
    with text.open() as file:
        values = list(_values(file.read(), text.path))
    if len(values) > 1:
        if any(isinstance(value, dict) and _rows(value, chosen) for value in values):
            results = f"the results of {len(values)} runs of a benchmark"
            raise ValueError(f"{text.path} has {results}: keep the line of one")
        return "JSON objects", values
    value = values[0]
    if isinstance(value, list):
        return "JSON array", rows_of_list(value)
    if not isinstance(value, dict):
        return "JSON", values
    if rows := _rows(value, chosen):
        return "JSON object of lists", rows
    return "JSON object", [value]


def _values(text: str, path: Path) -> Iterator[Any]:
    """Yields the JSON values of a text, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while (at := _blanks_end(text, at)) < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError as error:
            raise ValueError(f"{path} must be JSON: {error}") from None
        yield value


def _blanks_end(text: str, at: int) -> int:
    found = BLANKS.match(text, at)
    return at if found is None else found.end()


def _rows(value: Object, chosen: Choice) -> list[Object]:
    """Returns the rows of an object that is a table, or nothing."""
    return rows_of_object(value, OUTPUTS | {plain(chosen.get("output") or "")})


def _is_records(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _buckets(rows: Sequence[Object]) -> list[Object]:
    """Returns the objects in lists of the rows, such as the results of a span of time."""
    lists = [value for row in rows for value in row.values() if _is_records(value)]
    return [record for records in lists for record in records]


def _nested(records: Sequence[object], depth: int = 0) -> Iterator[Object]:
    """Yields the objects in lists at any depth, each without its lists and objects."""
    for record in records if depth < DEEPEST else ():
        if isinstance(record, dict):
            inner = [value for value in record.values() if isinstance(value, list | dict)]
            yield {k: v for k, v in record.items() if not isinstance(v, list | dict)}
            for value in inner:
                yield from _nested(value if isinstance(value, list) else [value], depth + 1)


def _flatten(value: Object, at: tuple[str, ...], paths: dict[str, tuple[str, ...]]) -> None:
    """Adds the paths of an object's values, by their names with dots."""
    for key, inner in value.items():
        here = (*at, key)
        if isinstance(inner, dict) and len(here) < DEEPEST and plain(key) not in FAILED:
            _flatten(inner, here, paths)
        else:
            paths.setdefault(".".join(here), here)


def _flat(row: Object, paths: dict[str, tuple[str, ...]]) -> Object:
    """Returns the values by name; None for those that are missing."""
    return {name: _value(row, path) for name, path in paths.items()}


def _value(row: Any, path: Sequence[str]) -> Any:
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _taker(path: tuple[str, ...], needed: bool) -> Callable[[Object], Any]:
    """Returns the function that takes one value out of a record."""
    if needed and len(path) == 1:
        return itemgetter(path[0])
    return lambda record: _value(record, path)


def _object(path: Path, place: str, record: object) -> Object:
    if not isinstance(record, dict):
        raise malformed(path, place, None, record, "a JSON object")
    return record


def _parsed(path: Path, place: str, text: str) -> Object:
    try:
        record = json.loads(text)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise malformed(path, place, None, text.strip(), "a JSON object")
    return record


def _counts(values: list[Any]) -> Ints:
    kinds = set(map(type, values))
    if kinds == {float} and all(map(float.is_integer, values)):
        values = list(map(int, values))
    elif kinds - {int}:
        raise TypeError("not all whole numbers")
    array: NDArray[Any] = np.array(values)
    return array.astype(np.int64, casting="safe") if values else array.astype(np.int64)
