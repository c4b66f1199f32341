"""Makes new files of known ones: bytes are changed, or a value inside of JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["change"]

ODD = [
    *(b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\r\n", b"\n\n"),
    *(b'"', b"'", b",", b";", b"\t", b"|", b":", b".", b"-", b"+", b"{", b"}", b"[", b"]", b"{}"),
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"null", b"true", b"1e400", b"-0"),
    *(b"9" * 19, b"9" * 400, b"9" * 5000, b"0.1", b"1e-320", b"1_0", b"0x10", "½".encode()),
    *(b"2024-02-30 25:61:61", b"2023-11-16T18:15:46+99:99", b"[" * 3000, b'{"a":' * 3000),
    *(b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\x00", b"\xed\xa0\x80", b"\\ud800"),
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, -(2**63)),
    *(0.5, -0.0, 1e308, 5e-324),
    *(float("nan"), float("inf"), "", "\x00", "\ud800", "1", "1e400", "nan", "row", "a" * 300),
    *([], {}, [[]], [None], [0], [1.5, 2], [1, "a"], {"a": 1}, {"": []}, [[1], [1, 2]]),
]
WORD = re.compile(rb"[A-Za-z_]{3,30}|[0-9.]+")


def change(known: Sequence[bytes], rng: random.Random) -> bytes:
    """Returns one of the known files after one to four changes."""
    data = rng.choice(known)
    for _ in range(rng.choice([1, 1, 2, 4])):
        data = (_json if rng.random() < 0.5 else _bytes)(data, known, rng)
    return data


def _bytes(data: bytes, known: Sequence[bytes], rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice([0, 1, 1, 2, 8, 64]))
    ways: list[Callable[[], bytes]] = [
        lambda: rng.choice(ODD),
        lambda: rng.choice(ODD),
        lambda: bytes([rng.randrange(256)]),
        lambda: b"",
        lambda: data[start:end] * rng.choice([2, 3, 30]),
        lambda: _piece(rng.choice(known), rng),
        lambda: rng.choice(WORD.findall(rng.choice(known)) or [b"0"]),
    ]
    return data[:start] + rng.choice(ways)() + data[end:]


def _piece(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[start : start + rng.choice([4, 16, 200])]


def _json(data: bytes, known: Sequence[bytes], rng: random.Random) -> bytes:
    """Changes one value of JSON, or of one line of it; other files as bytes."""
    lines = data.split(b"\n") if rng.random() < 0.5 else [data]
    at = rng.randrange(len(lines))
    try:
        found = json.loads(lines[at])
    except (ValueError, RecursionError):
        return _bytes(data, known, rng)
    lines[at] = json.dumps(_value(found, rng)).encode()
    return b"\n".join(lines)


def _value(value: Any, rng: random.Random) -> Any:
    """Returns the value with one value inside of it replaced, moved or left out."""
    if not value or not isinstance(value, dict | list) or rng.random() < 0.15:
        return rng.choice(VALUES)
    key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    what = rng.random()
    if what < 0.1:
        del value[key]
    elif what < 0.2 and isinstance(value, list):
        value.append(value[key])
    elif what < 0.3 and isinstance(value, dict):
        value[rng.choice(list(value))] = value[key]
    else:
        value[key] = _value(value[key], rng)
    return value
