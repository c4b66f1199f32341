"""Reads benchmark files: JSON with a list of objects, or an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from multibin import _args

__all__ = ["Row", "field", "integers", "rows", "text", "texts"]

Row = tuple[str, str, dict[str, Any]]
"""The place that messages name, the stem of the file, and the object."""

SUFFIXES = (".json", ".jsonl")


def rows(path: str | Path) -> Iterator[Row]:
    """Yields the objects of a file, or of all files of a folder that end in .json or .jsonl.

    Raises:
        ValueError: a file cannot be read, holds something else than objects, or there is none.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    found = False
    for file in files:
        for place, row in _objects(file):
            found = True
            yield place, file.stem, row
    if not found:
        raise ValueError(f"{path} must have rows in JSON or JSON Lines, got none")


def field(place: str, row: dict[str, Any], name: str) -> Any:
    """Returns a field, or raises a ``ValueError`` that names the fields there are."""
    if name not in row:
        raise ValueError(f"{place} must have the field {name!r}, got {', '.join(row) or 'none'}")
    return row[name]


def text(place: str, row: dict[str, Any], name: str) -> str:
    """Returns a field that is a string, or raises a ``ValueError``."""
    value = field(place, row, name)
    if not isinstance(value, str):
        raise ValueError(_args.sentence(f"{place}: {name}", "a string", value))
    return value


def texts(place: str, row: dict[str, Any], name: str) -> tuple[str, ...]:
    """Returns a field that is a list of at least one string, or raises a ``ValueError``."""
    value = field(place, row, name)
    if not isinstance(value, list) or not value or not all(isinstance(s, str) for s in value):
        raise ValueError(_args.sentence(f"{place}: {name}", "a list of steps", value))
    return tuple(value)


def integers(place: str, row: dict[str, Any], name: str) -> tuple[int, ...]:
    """Returns a field that is a list of integers, or raises a ``ValueError``."""
    value = field(place, row, name)
    if not isinstance(value, list) or not all(type(n) is int for n in value):
        raise ValueError(_args.sentence(f"{place}: {name}", "a list of integers", value))
    return tuple(value)


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    for place, row in _parsed(path, content):
        if not isinstance(row, dict):
            raise ValueError(_args.sentence(place, "a JSON object", row))
        yield place, row


def _parsed(path: Path, content: str) -> Iterator[tuple[str, Any]]:
    if content.lstrip().startswith("["):
        listed: Sequence[Any] = _json(str(path), content)
        yield from ((f"{path}, row {i}", row) for i, row in enumerate(listed, 1))
        return
    # Not splitlines: a JSON string may hold other line separators as they are.
    for line, row in enumerate(content.split("\n"), 1):
        if row.strip():
            place = f"{path}, line {line}"
            yield place, _json(place, row)


def _json(place: str, content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(_args.sentence(place, "JSON", content.strip())) from None
