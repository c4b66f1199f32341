"""Reads traces from files."""

from __future__ import annotations

import csv
import lzma
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin._args import Floats
from multibin.lab.traces._columns import Choice, Columns, choices
from multibin.lab.traces._csv import CsvFile
from multibin.lab.traces._exact import Raw
from multibin.lab.traces._extras import measured
from multibin.lab.traces._json import JsonFile
from multibin.lab.traces._names import HASHES
from multibin.lab.traces._prefixes import prefixes
from multibin.lab.traces._source import Source
from multibin.lab.traces._text import Text
from multibin.lab.traces._trace import Trace
from multibin.lab.traces._units import Unit, given, settle

__all__ = ["read"]

FORMATS = ("csv", "json", "jsonl")

UNREADABLE = (
    *(OSError, EOFError, UnicodeError, csv.Error, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError),
)
"""Errors of a file that is missing, damaged, encrypted or nested too deeply."""

NO_OUTPUT = "0 output tokens"


def read(
    path: str | os.PathLike[str],
    rows: SupportsIndex | None = None,
    format: str | None = None,
    *,
    times: bool = True,
    columns: str | Choice | None = None,
    time_unit: float | str | None = None,
) -> Trace:
    """Reads a trace from a file of requests: CSV, JSON or JSON lines, also packed.

    Columns are known by the names that some twenty tools give them, in any case, with blanks,
    ``-``, ``_`` or nothing between the words. Names of nested values are joined by dots.
    [The list](docs/guides/traces.md) has its sources. Other columns have no effect.
    ``Trace.source`` says what was found, and ``describe_trace`` prints it.

    Fields of CSV are between commas, semicolons, tabs or bars. JSON is an object a line, an array
    of objects, or an object with a list for each column. Files may be packed by gzip, bzip2, xz or
    zip, in UTF-8 or UTF-16.

    Times are dates or numbers. A date reads ``2023-11-16 18:15:46.6805900``, also with T, without
    seconds and with a zone; without one it is UTC. The unit of numbers is known where the tool, the
    column's name or the size of times since 1970 says it. Else it is the second. Rows are put in
    order of arrival. Failed rows and those with 0 output tokens are left out and counted in
    ``Trace.dropped``. Without a column of prompt tokens, prompts count 0.

    Args:
        path: the file.
        rows: the number of rows to read, the first ones. None reads all.
        format: "csv", "json" or "jsonl". None decides by the first character.
        times: False ignores the column of times. The trace then has no arrivals, as without such a
            column.
        columns: the names of columns by role: ``time``, ``prompt``, ``output``, ``predicted``. A
            mapping, or a text such as "prompt=in,output=usage.out". None or an empty name leaves
            the role out. In a file without a header the names are 1, 2, …
        time_unit: seconds of a number 1, or one of "s", "ms", "us" and "ns".

    Raises:
        ValueError: the file cannot be read or is no trace, lacks a column of output tokens, or has
            no row with output. Or two columns of counts fit and differ. Or a value is malformed: a
            count is no whole number of tokens, or a time differs in kind from the first one. The
            message names file, line, column and text.
        TypeError: an argument has the wrong type.

    >>> import tempfile
    >>> from multibin.lab.traces import read
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("timestamp,prompt_tokens,output_tokens\\n0.5,7,9\\n2.0,8,1\\n")
    ...     file.flush()
    ...     trace = read(file.name)
    >>> trace.arrivals.tolist(), trace.output_tokens.tolist()
    ([0.0, 1.5], [9, 1])
    """
    unit, chosen = given(time_unit), choices(columns)
    limit = None if rows is None else _args.integer("rows", rows, 1)
    if format is not None:
        _args.one_of("format", format, FORMATS)
    try:
        text = Text(Path(path))
        file = _open(text, format, times, chosen)
        raw = file.fast(limit)
        if raw is None or not raw.good:
            raw = file.exact(limit)
    except UnicodeError as error:
        rule = "save it in UTF-8"
        raise ValueError(f"cannot read the trace {path}: {error}; {rule}") from error
    except UNREADABLE as error:
        raise ValueError(
            f"cannot read the trace {path}: {error or type(error).__name__}"
        ) from error
    _check_doubles(raw, file.columns, text.path)
    found = _trace(raw, file, text, unit)
    return found if times and limit is None else _partly(found, times, limit)


def _partly(found: Trace, times: bool, limit: int | None) -> Trace:
    """Returns the trace with a source that says what was asked not to be read."""
    assert found.source is not None
    source, notes = found.source, found.source.notes
    if limit is not None and source.rows >= limit:
        notes = (*notes, f"At most {limit:,} rows were read.")
    return replace(found, source=replace(source, notes=notes, times_ignored=not times))


def _open(text: Text, format: str | None, times: bool, chosen: Choice) -> CsvFile | JsonFile:
    if format is None:
        format = "jsonl" if text.head.lstrip().startswith(("{", "[")) else "csv"
    if format == "csv":
        return CsvFile(text, times, chosen)
    return JsonFile(text, times, chosen, lines=format == "jsonl")


def _check_doubles(raw: Raw, columns: Columns, path: Path) -> None:
    for role, other in columns.doubles:
        name = columns.roles[role]
        unlike = raw.counts[name] != raw.counts[other]
        if unlike.any():
            at = int(unlike.argmax())
            values = f"{raw.counts[name][at]} and {raw.counts[other][at]}"
            raise ValueError(
                f"{path} has two columns of {role} tokens that differ, {name} and {other}"
                f" ({values} in one row): choose one, --columns {role}={name}"
            )


def _trace(raw: Raw, file: CsvFile | JsonFile, text: Text, asked: float | None) -> Trace:
    columns = file.columns
    outputs = raw.counts[columns.roles["output"]]
    done = outputs > 0
    total = len(done) + sum(raw.failed.values())
    if not done.any():
        raise ValueError(f"the trace {text.path} has no row with output tokens among {total}")
    seconds, unit = _seconds(raw, columns, asked, text.path)
    order = _order(seconds, done)
    counts = {role: raw.counts[name][order] for role, name in columns.counts.items()}
    left_out = dict(raw.failed) | ({NO_OUTPUT: n} if (n := int((~done).sum())) else {})
    extras = {name: [values[i] for i in order] for name, values in raw.extras.items()}
    notes = []
    if "predicted" in counts and (counts["predicted"] < 0).any():
        del counts["predicted"]
        notes.append(f"{columns.roles['predicted']} is missing in some rows, so it is ignored.")
    prompts = counts.get("prompt", np.zeros(len(order), np.int64))
    return Trace(
        prompts,
        counts["output"],
        None if seconds is None else seconds[order],
        counts.get("predicted"),
        dropped=sum(left_out.values()),
        source=_source(file, text, unit, total, left_out, order, notes),
        measured=measured(extras, counts["output"], columns.profile),
        prefixes=prefixes(extras.get(HASHES, []), prompts),
    )


def _seconds(
    raw: Raw, columns: Columns, asked: float | None, path: Path
) -> tuple[Floats | None, Unit | None]:
    if raw.moments is None:
        return None, None
    unit = settle(raw.moments, asked, columns, path)
    return raw.moments.seconds(unit.seconds), unit


def _order(seconds: Floats | None, done: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Returns the rows that are kept, in order of arrival; rows of one time keep theirs."""
    kept = np.flatnonzero(done)
    if seconds is None or not (np.diff(seconds[kept]) < 0).any():
        return kept
    return kept[np.argsort(seconds[kept], kind="stable")]


def _source(
    file: CsvFile | JsonFile,
    text: Text,
    unit: Unit | None,
    total: int,
    left_out: Mapping[str, int],
    order: NDArray[np.intp],
    notes: Sequence[str],
) -> Source:
    columns = file.columns
    tool = None if columns.profile is None else columns.profile.tool
    sorted_ = ("Rows were put in order of arrival.",) if (np.diff(order) < 0).any() else ()
    return Source(
        path=str(text.path),
        format=", ".join(word for word in (file.words, tool, text.words) if word),
        rows=total,
        left_out=left_out,
        columns=columns.roles,
        time_unit=None if unit is None else unit.words,
        notes=(*columns.notes, *notes, *sorted_),
        found=tuple(file.found),
    )
