"""Traces from files."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import SupportsIndex

from multibin import _args
from multibin.lab.traces._columns import Raw
from multibin.lab.traces._csv import CsvFile
from multibin.lab.traces._jsonl import JsonlFile
from multibin.lab.traces._trace import Trace, from_arrays

__all__ = ["read"]

FORMATS: dict[str, type[CsvFile] | type[JsonlFile]] = {"csv": CsvFile, "jsonl": JsonlFile}


def read(
    path: str | os.PathLike[str],
    rows: SupportsIndex | None = None,
    format: str | None = None,
    *,
    times: bool = True,
    time_unit: float = 1.0,
) -> Trace:
    """A trace from a CSV file with a header or a file of JSON objects, one per line; ``format``
    ("csv" or "jsonl") is seen from the first character if it is not given. ``rows``: only the
    first ones.

    Columns or keys are known by name, in any case, with blanks, ``-``, ``_`` or nothing between
    the words: those of the Azure LLM inference traces (``TIMESTAMP,ContextTokens,
    GeneratedTokens``), of BurstGPT (``Timestamp``, ``Request tokens``, ``Response tokens``), and
    ``prompt_tokens`` or ``input_tokens`` or ``input_length``, ``output_tokens`` or
    ``completion_tokens`` or ``output_length``, ``timestamp`` or ``arrival``, ``predicted`` and the
    like; others do not matter. Without a column of times, or with ``times=False``, the trace has
    no arrivals.

    Times are dates (``2023-11-16 18:15:46.6805900``, also with T and a zone; without one, UTC) or
    numbers of ``time_unit`` seconds (1e-3 for the milliseconds of the Mooncake traces). Rows are
    put in order of arrival. Rows with 0 output tokens, failures in BurstGPT, are left out and
    counted in ``Trace.dropped``.

    Raises ``ValueError`` that names the file for one that cannot be read, lacks a column of
    counts, or has no row with output; and file, line, column and text for the first value that is
    malformed: a count that is not a whole number of tokens or a time that is not like the first.
    """
    unit = _args.positive("time_unit", time_unit)
    limit = None if rows is None else _args.integer("rows", rows, 1)
    try:
        file = FORMATS[_format(Path(path), format)](Path(path), times)
        raw = file.fast(limit, unit)
        if raw is None or not raw.good:
            raw = file.exact(limit, unit)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"cannot read the trace {path}: {error}") from error
    return _trace(raw, Path(path))


def _format(path: Path, given: str | None) -> str:
    if given is not None:
        _args.one_of("format", given, [*FORMATS])
        return given
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return "jsonl" if start.startswith(b"{") else "csv"


def _trace(raw: Raw, path: Path) -> Trace:
    done = raw.output > 0
    if not done.any():
        raise ValueError(f"the trace {path} has no row with output tokens among {len(done)}")
    trace = from_arrays(
        raw.prompt[done],
        raw.output[done],
        arrivals=None if raw.times is None else raw.times[done],
        predicted=None if raw.predicted is None else raw.predicted[done],
    )
    return replace(trace, dropped=int((~done).sum()))
