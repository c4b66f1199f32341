"""The prefix cache of the settings: its hits in a trace, in words and as JSON."""

from __future__ import annotations

from typing import Any

from multibin import _args
from multibin.lab.compare._settings import UNLIMITED, Settings
from multibin.lab.traces import Trace

__all__ = ["describe_prefix_cache", "prefix_cache_as_json", "with_hits"]


def with_hits(settings: Settings, trace: Trace, source: str | None = None) -> Trace:
    """Returns the trace with the hits of the settings' prefix cache, or as it is without one.

    Args:
        settings: say how many tokens the cache holds.
        trace: the requests that fill the cache, in the order in which they come.
        source: what an error calls the trace. None: the settings' trace.

    Raises:
        ValueError: the trace has no hashes of prompt blocks, or the cache holds no block.

    >>> from multibin.lab.compare import Settings, with_hits
    >>> from multibin.lab.traces import chat
    >>> with_hits(Settings("chat.csv", prefix_cache=4096), chat(10, seed=0))
    Traceback (most recent call last):
    ValueError: prefix_cache must be left out, as chat.csv has no hash_ids that fit its prompts, ...
    """
    room = settings.prefix_cache
    if room is None:
        return trace
    if trace.prefixes is None:
        rule = f"left out, as {source or settings.trace} has no hash_ids that fit its prompts"
        raise ValueError(_args.sentence("prefix_cache", rule, room))
    if room == UNLIMITED:
        return trace.with_prefix_cache()
    tokens = _args.integer("prefix_cache", room, trace.prefixes.block_tokens)
    return trace.with_prefix_cache(tokens)


def describe_prefix_cache(settings: Settings, trace: Trace, *, drawn: bool) -> list[str]:
    """Returns a line on the prefix cache and its hits, or none without one.

    Args:
        settings: say how many tokens the cache holds.
        trace: the requests with their hits.
        drawn: the requests that are played are drawn from these.

    >>> from multibin.lab.compare import Settings, describe_prefix_cache
    >>> from multibin.lab.traces import from_arrays
    >>> trace, settings = from_arrays([10, 30], [4, 5], cached_tokens=[0, 20]), Settings("t.jsonl")
    >>> describe_prefix_cache(settings, trace, drawn=False)
    ['prefix cache: 50.0% of the prompt tokens are found, and not computed']
    """
    if trace.hit_rate is None:
        return []
    found = f"prefix cache: {trace.hit_rate:.1%} of the prompt tokens are found, and not computed"
    kept = "Drawn requests have the hits that their rows had in the trace's own order"
    ideal = [] if settings.prefix_cache is None else [_ideal(settings.prefix_cache)]
    return [". ".join([found, *ideal, *([kept] if drawn else [])])]


def _ideal(room: int | str) -> str:
    """Returns what the cache is taken to be."""
    holds = "any number of tokens" if room == UNLIMITED else f"{room:,} tokens"
    full = "" if room == UNLIMITED else "; the least recently used blocks leave it (LRU)"
    return (
        f"The cache is ideal: {holds}, shared by all servers, filled in the order of arrival{full}"
    )


def prefix_cache_as_json(settings: Settings, trace: Trace) -> dict[str, Any] | None:
    """Returns the capacity and the hit rate for ``json.dumps``, or None without a prefix cache.

    The ``capacity`` is in tokens, or "unlimited", or None where the trace says what is cached.

    >>> from multibin.lab.compare import Settings, prefix_cache_as_json
    >>> from multibin.lab.traces import from_arrays
    >>> trace = from_arrays([10, 30], [4, 5], cached_tokens=[0, 20])
    >>> prefix_cache_as_json(Settings("trace", prefix_cache=64), trace)
    {'capacity': 64, 'hit_rate': 0.5}
    """
    if trace.hit_rate is None:
        return None
    return {"capacity": settings.prefix_cache, "hit_rate": trace.hit_rate}
