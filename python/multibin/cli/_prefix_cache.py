"""The option of a prefix cache: its tokens, its bytes, or no limit."""

from __future__ import annotations

import argparse

from multibin import _args
from multibin.cli._memory import memory, size
from multibin.cli._options import Add
from multibin.lab.compare import UNLIMITED, Settings, with_hits
from multibin.lab.traces import Trace

__all__ = ["add_prefix_cache", "check_hashes", "prefix_cache"]


def add_prefix_cache(add: Add) -> None:
    """Adds the option. Bytes need ``--kv-bytes-per-token`` or ``--hardware``."""
    add(
        "--prefix-cache",
        metavar="SIZE",
        help="Skip what an ideal cache of prompt blocks has, by the hash_ids of TRACE: tokens"
        " (1000000), bytes (40GB, 40GiB) or unlimited (no such cache)",
    )


def prefix_cache(options: argparse.Namespace) -> int | str | None:
    """Returns the tokens that the cache holds, "unlimited", or None without the option.

    Raises:
        ValueError: the size is malformed or holds no token, or the bytes of a token are not known.
    """
    text = options.prefix_cache
    if text is None:
        return None
    if text == UNLIMITED:
        return UNLIMITED
    if text[-1:].lower() == "b":
        return _tokens_of_bytes(text, memory(options).kv_bytes_per_token)
    try:
        tokens = float(text)
    except ValueError:
        tokens = 0.0
    if not 1 <= tokens < 2**63 or tokens != int(tokens):
        rule = f"tokens such as 1000000, bytes such as 40GB, or {UNLIMITED}"
        raise ValueError(_args.sentence("prefix_cache", rule, text))
    return int(tokens)


def check_hashes(prefix_cache: int | str | None, trace: Trace, source: str) -> None:
    """Raises a ``ValueError`` for a prefix cache with a trace that has no hashes for it."""
    with_hits(Settings(source, prefix_cache=prefix_cache), trace)


def _tokens_of_bytes(text: str, per_token: float | None) -> int:
    room = size("prefix_cache", text)
    if per_token is None:
        raise ValueError(
            "prefix_cache must be tokens or unlimited without kv_bytes_per_token or hardware,"
            f" got {text}"
        )
    if room < per_token:
        rule = f"at least kv_bytes_per_token = {per_token:g}"
        raise ValueError(_args.sentence("prefix_cache", rule, text))
    return int(room // per_token)
