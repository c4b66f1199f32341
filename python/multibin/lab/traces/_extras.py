"""What else a file says of its requests: measured seconds, and hashes of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from multibin._args import Floats, Ints
from multibin.lab.traces._exact import floats
from multibin.lab.traces._measured import Measured
from multibin.lab.traces._names import HASHES, LATENCY, TTFT, UNITS, plain, tail, unit_of
from multibin.lab.traces._profiles import Profile

__all__ = ["measured", "wanted"]

TOKEN_TIMES = ("info.response_metrics.output_token_times", "info.output_token_times")
"""Lists of the times at which inference-perf saw tokens, by the clock of ``start_time``."""

STARTS_ENDS = ("start_time", "end_time")

LISTS = ("ttfts", "itls", "e2els")
"""Columns of vLLM and SGLang, in seconds: to the first token, gaps of a request, to the end."""

Values = Mapping[str, Sequence[object]]


def wanted(found: Sequence[str]) -> list[str]:
    """Returns the columns that are kept as they are."""
    times = [name for name in (*TOKEN_TIMES, *STARTS_ENDS) if name in found]
    return [
        *(name for name in found if name in LISTS or name == HASHES or _kind(name)),
        *(times if len(times) > 1 else ()),
        *(_unit_name(name) for name in found if _kind(name) and _unit_name(name) in found),
    ]


def measured(extras: Values, outputs: Ints, profile: Profile | None) -> Measured | None:
    """Returns what a benchmark measured, a row per request, or None if nothing.

    Args:
        extras: the columns of ``wanted``.
        outputs: output tokens, shape ``[n]``.
        profile: the tool that wrote the file.
    """
    n = len(outputs)
    own = 1.0 if profile is not None and profile.end is not None else np.nan
    ttft, latency = (_named(extras, names, n, own) for names in (TTFT, LATENCY))
    if "ttfts" in extras:
        ttft, latency = _from_lists(extras)
    if profile is not None and profile.tool == "inference-perf" and "end_time" in extras:
        ttft, latency = _from_clock(extras)
    if np.isnan(ttft).all() and np.isnan(latency).all():
        return None
    after = np.where(outputs > 1, outputs - 1, np.nan)
    return Measured(ttft, latency, _from_zero((latency - ttft) / after))


def _kind(name: str) -> tuple[str, ...] | None:
    """Returns the names of what a column measures, or None."""
    bare = plain(unit_of(tail(name))[0])
    return next((names for names in (TTFT, LATENCY) if bare in {plain(n) for n in names}), None)


def _unit_name(name: str) -> str:
    return f"{name.removesuffix('value')}unit"


def _named(extras: Values, names: tuple[str, ...], n: int, own: float) -> Floats:
    """Returns the seconds of the first column that has the name and a unit; else NaN.

    ``own`` is the unit of columns that name none, in seconds.
    """
    for name in extras:
        if _kind(name) == names:
            scales = _scales(name, extras, n, own)
            if not np.isnan(scales).all():
                return _from_zero(floats(extras[name]) * scales)
    return np.full(n, np.nan)


def _scales(name: str, extras: Values, n: int, own: float) -> Floats:
    """Returns the seconds of a number 1, by row; NaN where the unit is unknown."""
    if (units := extras.get(_unit_name(name))) is not None:
        return np.array([UNITS.get(str(unit), np.nan) for unit in units])
    unit = unit_of(tail(name))[1]
    return np.full(n, own if unit is None else UNITS[unit])


def _from_lists(extras: Values) -> tuple[Floats, Floats]:
    ttft = floats(extras["ttfts"])
    if "e2els" in extras:
        return ttft, floats(extras["e2els"])
    gaps = extras.get("itls", [None] * len(ttft))
    sums = [np.nansum(floats(row)) if isinstance(row, list) else np.nan for row in gaps]
    return ttft, ttft + np.array(sums)


def _from_clock(extras: Values) -> tuple[Floats, Floats]:
    start, end = (floats(extras[name]) for name in STARTS_ENDS)
    times = next((extras[name] for name in TOKEN_TIMES if name in extras), [None] * len(start))
    first = floats([row[0] if isinstance(row, list) and row else None for row in times])
    return _from_zero(first - start), _from_zero(end - start)


def _from_zero(seconds: Floats) -> Floats:
    """Returns the seconds, NaN where they are below 0."""
    return np.where(seconds >= 0, seconds, np.nan)
