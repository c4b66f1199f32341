"""The unit of times that are numbers: given, certain by a sign, or assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multibin import _args
from multibin.lab.traces._clock import Moments
from multibin.lab.traces._columns import Columns
from multibin.lab.traces._names import UNITS, tail, unit_of

__all__ = ["ASSUMED", "Unit", "given", "settle"]

WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

EPOCH = (1.26e9, 2.53e9)
"""Seconds since 1970 in December 2009 and in March 2050. Such numbers are no times of a clock."""

ASSUMED = "seconds, assumed (--time-unit ms, us or ns if they are not)"


@dataclass(frozen=True)
class Unit:
    """How many seconds a number 1 is, and why."""

    seconds: float
    words: str | None
    """None for dates, which have no unit."""


def given(unit: float | str | None) -> float | None:
    """Returns the seconds of a unit that a caller gives, or None.

    Raises:
        ValueError: the unit is no number above 0 and none of s, ms, us and ns.
        TypeError: it is neither a number nor a text.

    >>> from multibin.lab.traces._units import given
    >>> given("ms"), given("1e-3"), given(1)
    (0.001, 0.001, 1.0)
    """
    if unit is None:
        return None
    if not isinstance(unit, str):
        return _args.positive("time_unit", unit)
    if unit in UNITS:
        return UNITS[unit]
    try:
        number = float(unit)
    except ValueError:
        rule = f"one of {', '.join(UNITS)} or a number of seconds"
        raise ValueError(_args.sentence("time_unit", rule, unit)) from None
    return _args.positive("time_unit", number)


def settle(moments: Moments, asked: float | None, columns: Columns, path: Path) -> Unit:
    """Returns the unit of a column of times.

    Raises:
        ValueError: the name of the column and the size of its numbers say different units.
    """
    if moments.dates:
        return Unit(1.0, None)
    if asked is not None:
        return Unit(asked, f"{_named(asked)}, as given")
    if (known := _known(moments, columns)) is not None:
        return known
    name = columns.roles["time"]
    named, counted = unit_of(tail(name))[1], _since_1970(moments)
    if named is not None and counted is not None and named != counted:
        raise ValueError(
            f"time_unit must be given for {name} of {path}: its name says {WORDS[named]},"
            f" its numbers look like {WORDS[counted]} since 1970"
        )
    if named is not None:
        return Unit(UNITS[named], f"{WORDS[named]}, by the name {name}")
    if counted is not None:
        return Unit(UNITS[counted], f"{WORDS[counted]} since 1970, by the number of digits")
    return Unit(1.0, ASSUMED)


def _known(moments: Moments, columns: Columns) -> Unit | None:
    """Returns the unit of a tool whose files all have it."""
    profile = columns.profile
    if profile is None or profile.unit is None:
        return None
    if profile.whole and not _all_whole(moments):
        return None
    return Unit(UNITS[profile.unit], f"{WORDS[profile.unit]}, as in files of {profile.tool}")


def _all_whole(moments: Moments) -> bool:
    return bool((moments.values == np.floor(moments.values)).all())


def _since_1970(moments: Moments) -> str | None:
    """Returns the unit in which all numbers are dates of our time, or None."""
    low, high = (float(bound(moments.values)) for bound in BOUNDS)
    for unit, seconds in UNITS.items():
        if EPOCH[0] <= low * seconds and high * seconds <= EPOCH[1]:
            return unit
    return None


BOUNDS: tuple[Callable[..., float], ...] = (np.min, np.max)


def _named(seconds: float) -> str:
    names = {value: WORDS[unit] for unit, value in UNITS.items()}
    return names.get(seconds, f"units of {seconds:g} s")
