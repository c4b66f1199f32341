"""The options that say what memory holds: bytes with suffixes, and the KV cache."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from multibin import _args
from multibin.cli._options import Add
from multibin.costs import hardware

__all__ = ["Memory", "add_kv_bytes", "add_memory", "memory", "size"]

SIZE = re.compile(r"([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)

POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True)
class Memory:
    """What the KV cache takes and holds; None where it is not known.

    >>> from multibin.cli._memory import Memory
    >>> Memory(kv_bytes_per_token=131072, kv_budget=None).kv_budget is None
    True
    """

    kv_bytes_per_token: float | None
    """Bytes of a token in the caches of all layers."""
    kv_budget: int | None
    """Bytes that the caches of all requests may take."""


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Adds the options in a group of their own."""
    add = parser.add_argument_group("memory of a server").add_argument
    add_kv_bytes(add)
    add(
        "--kv-budget",
        metavar="BYTES",
        help="Bytes for the KV cache, such as 40GB or 40GiB (what --hardware leaves, or any)",
    )


def add_kv_bytes(add: Add) -> None:
    """Adds the bytes of a token."""
    add(
        "--kv-bytes-per-token",
        metavar="BYTES",
        help="Bytes of a token in the KV cache, such as 131072 or 128KiB (that of --hardware)",
    )


def memory(options: argparse.Namespace) -> Memory:
    """Returns the memory of the options; what is not given is that of ``--hardware``.

    Raises:
        ValueError: a size is malformed or 0, or the hardware is not known. Also for a budget that
            holds no token, and one without the bytes of a token.
    """
    per_token = _given("kv_bytes_per_token", options.kv_bytes_per_token)
    budget = _given("kv_budget", getattr(options, "kv_budget", None))
    if getattr(options, "hardware", None) is not None:
        found = hardware(options.hardware)
        per_token = found.kv_bytes_per_token if per_token is None else per_token
        budget = found.kv_budget if budget is None else budget
    if budget is not None:
        _check(per_token, budget)
    return Memory(per_token, None if budget is None else int(budget))


def size(name: str, text: str) -> float:
    """Returns the bytes of a number with a suffix, or raises a ``ValueError``.

    >>> from multibin.cli._memory import size
    >>> size("kv_budget", "1.5kB"), size("kv_budget", "2 GiB"), size("kv_budget", "1e3")
    (1500.0, 2147483648.0, 1000.0)
    """
    found = SIZE.fullmatch(text.strip())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    # "iB" alone has no unit that it could double.
    if found is None or not 0 < number < 1e30 or (found[3] and not found[2]):
        rule = "bytes above 0, such as 131072, 40GB or 40GiB"
        raise ValueError(_args.sentence(name, rule, text))
    return float(number * (1024 if found[3] else 1000) ** POWERS[found[2].lower()])


def _given(name: str, text: str | None) -> float | None:
    return None if text is None else size(name, text)


def _check(per_token: float | None, budget: float) -> None:
    if per_token is None:
        raise ValueError("kv_budget must be given with kv_bytes_per_token or hardware")
    if budget < per_token:
        rule = f"at least kv_bytes_per_token = {per_token:g}"
        raise ValueError(_args.sentence("kv_budget", rule, budget))
