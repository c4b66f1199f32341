"""Reads traces from files."""

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
    """Reads a trace from a CSV file with a header, or from a file with a JSON object a line.

    Columns or keys are known by name, in any case, with blanks, ``-``, ``_`` or nothing between the
    words. Known are those of the Azure LLM inference traces (``TIMESTAMP``, ``ContextTokens``,
    ``GeneratedTokens``) and of BurstGPT (``Timestamp``, ``Request tokens``, ``Response tokens``).
    Known are also ``prompt_tokens``, ``input_tokens`` or ``input_length``, ``output_tokens``,
    ``completion_tokens`` or ``output_length``, ``timestamp`` or ``arrival``, ``predicted``, and
    close variants. Others have no effect.

    Times are dates or numbers of ``time_unit`` seconds. A date reads
    ``2023-11-16 18:15:46.6805900``, also with T and a zone; without one it is UTC. Rows are put in
    order of arrival. Rows with 0 output tokens, failures in BurstGPT, are left out and counted in
    ``Trace.dropped``.

    Args:
        path: the file.
        rows: the number of rows to read, the first ones. None reads all.
        format: "csv" or "jsonl". None decides by the first character.
        times: False ignores the column of times. The trace then has no arrivals, as without such a
            column.
        time_unit: seconds of a number 1, 1e-3 for the milliseconds of the Mooncake traces.

    Raises:
        ValueError: the file cannot be read, lacks a column of counts, or has no row with output. Or
            a value is malformed: a count is no whole number of tokens, or a time differs in kind
            from the first one. The message names file, line, column and text.

    >>> import tempfile
    >>> from multibin.lab.traces import read
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("timestamp,prompt_tokens,output_tokens\\n0.5,7,9\\n2.0,8,1\\n")
    ...     file.flush()
    ...     trace = read(file.name)
    >>> trace.arrivals.tolist(), trace.output_tokens.tolist()
    ([0.0, 1.5], [9, 1])
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


def _format(path: Path, name: str | None) -> str:
    if name is not None:
        _args.one_of("format", name, [*FORMATS])
        return name
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
