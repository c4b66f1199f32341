"""Takes the requests out of sessions: objects with lists of requests at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from multibin.lab.traces._names import NAMES, plain

__all__ = ["OUTPUTS", "RELATIVE", "is_session", "requests"]

OUTPUTS = {plain(name) for name in NAMES["output"]}

DEEPEST = 5
"""Levels of nested lists that are searched for requests."""

RELATIVE = ("t", "in", "out")
"""Columns of requests whose times count from the start of their session."""

Object = dict[str, Any]


def is_session(record: Object) -> bool:
    """Returns whether an object is no request itself, but has lists of requests.

    >>> from multibin.lab.traces._sessions import is_session
    >>> is_session({"turns": [{"calls": [{"output_tokens": 3}]}]}), is_session({"messages": []})
    (True, False)
    """
    return not _is_request(record) and next(requests(record), None) is not None


def requests(record: Object, depth: int = 0) -> Iterator[Object]:
    """Yields the requests in the lists of an object, in their order."""
    for value in record.values():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from requests(value, depth + 1)
        if not isinstance(value, list):
            continue
        for inner in value:
            if not isinstance(inner, dict):
                break
            if _is_request(inner):
                yield inner
            elif depth < DEEPEST:
                yield from requests(inner, depth + 1)


def _is_request(record: Object) -> bool:
    names = {plain(key) for key in record}
    for key, value in record.items():
        if isinstance(value, dict):
            names |= {name for inner in value for name in (plain(inner), plain(key + inner))}
    return not OUTPUTS.isdisjoint(names)
