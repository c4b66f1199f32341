"""Takes the requests out of sessions: objects with lists of requests at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from multibin.lab.traces._names import NAMES, plain

__all__ = ["OUTPUTS", "RELATIVE", "is_session", "requests"]

OUTPUTS = {plain(name) for name in NAMES["output"]}

FAILED = ("errored", "failed", "errors", "failures", "incomplete", "cancelled")
"""Plain names of lists of requests that did not end, as GuideLLM has them."""

DEEPEST = 5
"""Levels of nested lists that are searched for requests."""

RELATIVE = ("t", "in", "out")
"""Columns of requests whose times count from the start of their session."""

Object = dict[str, Any]


def is_session(record: Object, outputs: Set[str] = OUTPUTS) -> bool:
    """Returns whether an object is no request itself, but has lists of requests.

    A request has one of the plain names ``outputs``.

    >>> from multibin.lab.traces._sessions import is_session
    >>> is_session({"turns": [{"calls": [{"output_tokens": 3}]}]}), is_session({"messages": []})
    (True, False)
    """
    nested = next(requests(record, outputs), None)
    return nested is not None and not _is_request(record, outputs)


def requests(record: Object, outputs: Set[str] = OUTPUTS, depth: int = 0) -> Iterator[Object]:
    """Yields the requests in the lists of an object, in their order.

    A list named after failures gives its name to its requests, as their error.
    """
    if depth > DEEPEST:
        return
    for key, value in record.items():
        if isinstance(value, dict):
            yield from requests(value, outputs, depth + 1)
        if not isinstance(value, list):
            continue
        for inner in value:
            if not isinstance(inner, dict):
                break
            if _is_request(inner, outputs):
                yield inner | {"error": key} if plain(key) in FAILED else inner
            else:
                yield from requests(inner, outputs, depth + 1)


def _is_request(record: Object, outputs: Set[str]) -> bool:
    names = {plain(key) for key in record}
    for key, value in record.items():
        if isinstance(value, dict):
            names |= {name for inner in value for name in (plain(inner), plain(key + inner))}
    return not outputs.isdisjoint(names)
