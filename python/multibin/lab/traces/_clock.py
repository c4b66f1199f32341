"""Turns timestamps, as text or numbers, into seconds, a whole column at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin._args import Floats, Ints

WIDTH = 40
"""Bytes kept of a timestamp's text; one that fills them all is malformed."""

Texts = NDArray[np.bytes_]
Bytes = NDArray[np.uint8]

EMPTY, BLANK, DOT, ZERO, NINE = np.frombuffer(b"\x00 .09", np.uint8)
DASH, COLON, PLUS, TEE, ZULU = np.frombuffer(b"-:+TZ", np.uint8)

DATE = ((0, 4), (5, 7), (8, 10))
TIME = ((11, 13), (14, 16), (17, 19))
SECONDS_END = len("2023-11-16 18:15:46")
"""The columns of year, month, day, hour, minute, second; decimals and zone follow."""

MINUTES_END = len("2023-11-16 18:15")

LONG = 16
"""Digits from which on whole numbers may round as floats."""

DAY_ALONE = re.compile(r"\d{4}[-/]\d\d?[-/]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4}")
SLASHED = re.compile(r"\d\d?[-/.]\d\d?[-/.]\d{2,4}\b")
COMMA = re.compile(r"-?\d+,\d+")
OTHER_DATE = re.compile(r"[A-Za-z]{3,}.*\d|\d.*[A-Za-z]{3,}|\d{1,2}:\d{2}")

SECOND = 1_000_000_000
DAY = 86_400
"""A second in nanoseconds, a day in seconds."""

ZONE = re.compile(rb"Z|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?")
ZONE_WIDTH = 8
"""More than the longest zone, so that what follows one is seen."""


def column(values: Sequence[object]) -> NDArray[Any]:
    """Returns Python values as one array, of texts if the first is a string, else of numbers.

    A value of the other kind becomes one that ``moments`` calls malformed.
    """
    if values and isinstance(values[0], str):
        return np.array([_encoded(value) for value in values], dtype=f"S{WIDTH}")
    if set(map(type, values)) == {int}:
        try:
            return np.array(values, dtype=np.int64)  # Nanoseconds since 1970, without rounding.
        except OverflowError:
            pass
    return np.array([_number(value) for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Moments:
    """Times as read."""

    values: NDArray[Any]
    """Seconds of dates, or numbers in a unit of their own; NaN where a value is malformed."""
    dates: bool

    @property
    def good(self) -> bool:
        """Returns whether all are well-formed."""
        return not np.isnan(self.values).any()

    def seconds(self, unit: float) -> Floats:
        """Returns seconds from an origin of the column's own; a number 1 is ``unit`` seconds."""
        if self.dates:
            return self.values
        if len(self.values) == 0:
            return np.zeros(0)
        return np.asarray((self.values - self.values.min()) * unit, dtype=np.float64)


def moments(times: NDArray[Any]) -> Moments:
    """Returns what texts or numbers say.

    Texts are numbers, or dates with a time of day: hours and minutes, perhaps seconds with
    decimals (cut off after the ninth). A zone (Z, UTC, ±hh:mm, ±hhmm or ±hh) may follow. Years are
    1900 to 2099.
    """
    if times.dtype.kind == "i":
        return Moments(times, dates=False)
    if times.dtype.kind != "S":
        return Moments(_finite(times), dates=False)
    lengths = np.char.str_len(times)
    width = max(int(lengths.max(initial=0)), SECONDS_END) + 1
    texts = np.where(lengths < WIDTH, times, b"").astype(f"S{width}")
    if np.isfinite(_floats(texts[:1])).all():
        return Moments(_numbers(texts), dates=False)
    return Moments(_dates(_usual(texts)), dates=True)


def hint(value: object) -> str:
    """Returns what to do with a time that is not read, or nothing."""
    text = str(value)
    if DAY_ALONE.fullmatch(text):
        return (
            "; a day alone does not say when a request arrives (--columns time= ignores it), and"
            " a row may be the sum of a day"
        )
    if SLASHED.match(text):
        return "; a day and a month in this order are ambiguous: write yyyy-mm-dd"
    if COMMA.fullmatch(text):
        return "; write decimals with a point"
    return "; write other dates so" if OTHER_DATE.search(text) else ""


def _encoded(value: object) -> bytes:
    return value.encode() if isinstance(value, str) and len(value) < WIDTH else b""


def _number(value: object) -> float:
    # A bool is no number, and an int may be too large for a float.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    return np.nan


def _finite(numbers: Floats) -> Floats:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _numbers(texts: Texts) -> NDArray[Any]:
    """Returns texts as numbers, long whole ones without rounding."""
    if len(texts) and texts[0].isdigit() and len(texts[0]) >= LONG:
        try:
            return texts.astype(np.int64)
        except (ValueError, OverflowError):
            pass
    return _finite(_floats(texts))


def _usual(texts: Texts) -> Texts:
    """Returns dates as ``yyyy-mm-dd hh:mm:ss``, where they only differ by signs."""
    first = texts[0] if len(texts) else b""
    if first[4:5] == b"/":
        texts = np.char.replace(texts, b"/", b"-")
    if b"," in first:
        texts = np.char.replace(texts, b",", b".")
    if first.endswith((b" UTC", b" GMT")):
        texts = np.char.replace(np.char.replace(texts, b" UTC", b"Z"), b" GMT", b"Z")
    if first[16:17] != b":":
        texts = _with_seconds(texts)
    width = max(int(np.char.str_len(texts).max(initial=0)), SECONDS_END) + 1
    return texts.astype(f"S{width}")


def _with_seconds(texts: Texts) -> Texts:
    """Returns dates with ``:00`` after the minutes, if nothing but a zone follows them."""
    texts = texts.astype(f"S{max(texts.itemsize, MINUTES_END + 1)}")
    rest = texts.view(np.uint8).reshape(len(texts), -1)[:, MINUTES_END]
    short = np.isin(rest, [EMPTY, DASH, PLUS, ZULU])
    heads, tails = texts.astype(f"S{MINUTES_END}"), [text[MINUTES_END:] for text in texts.tolist()]
    full = np.char.add(np.char.add(heads, b":00"), np.array(tails))
    return np.where(short & (np.char.str_len(heads) == MINUTES_END), full, texts)


def _floats(texts: Texts) -> Floats:
    """Returns texts as numbers; NaN for other texts."""
    try:
        return texts.astype(np.float64)
    except ValueError:
        return np.array([_float(text) for text in texts.tolist()])


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _dates(texts: Texts) -> Floats:
    """Returns the seconds of dates. Each text must end in an empty byte."""
    # Without numpy's cast to dates: over 500 texts, numpy 2.4 crashes if one is malformed.
    matrix = texts.view(np.uint8).reshape(len(texts), -1)
    matrix[np.count_nonzero(matrix, axis=1) != np.char.str_len(texts)] = EMPTY
    offsets = _cut_zones(matrix)
    days, valid = _days(matrix)
    moments, within = _nanoseconds(matrix)
    good = _well_formed(matrix) & valid & within
    if not good.any():
        return np.full(len(texts), np.nan)
    moments += days * (DAY * SECOND) - offsets * (60 * SECOND)
    # Integers, until they count from the earliest: a double of seconds since 1970 has 240 ns.
    return np.where(good, (moments - moments[good].min()) / SECOND, np.nan)


def _days(matrix: Bytes) -> tuple[Ints, NDArray[np.bool_]]:
    """Returns the days since 1970, and whether there is such a day."""
    year, month, day = (_number_at(matrix, start, stop) for start, stop in DATE)
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    same_month = (dates.astype("datetime64[M]") == months) & (month >= 1) & (month <= 12)
    return dates.astype(np.int64), same_month & (year >= 1900) & (year <= 2099)


def _nanoseconds(matrix: Bytes) -> tuple[Ints, NDArray[np.bool_]]:
    """Returns the nanoseconds since midnight, and whether the time of day exists."""
    hour, minute, second = (_number_at(matrix, start, stop) for start, stop in TIME)
    moments = (3600 * hour + 60 * minute + second) * SECOND
    for i in range(SECONDS_END + 1, min(matrix.shape[1], SECONDS_END + 10)):
        digits = np.where(matrix[:, i] == EMPTY, 0, matrix[:, i].astype(np.int64) - ZERO)
        moments += digits * (SECOND // 10 ** (i - SECONDS_END))
    return moments, (hour < 24) & (minute < 60) & (second < 60)


def _number_at(matrix: Bytes, start: int, stop: int) -> Ints:
    """Returns the decimal number in some columns, arbitrary where they are not digits."""
    number = np.zeros(len(matrix), np.int64)
    for i in range(start, stop):
        number = 10 * number + matrix[:, i] - int(ZERO)
    return number


def _cut_zones(matrix: Bytes) -> Ints:
    """Removes each row's zone and returns its minutes east of UTC.

    A row with a malformed zone becomes empty.
    """
    tail = matrix[:, SECONDS_END:]
    signs = (tail == PLUS) | (tail == DASH) | (tail == ZULU)
    offsets = np.zeros(len(matrix), np.int64)
    rows = np.flatnonzero(signs.any(axis=1))
    if len(rows):
        starts = signs[rows].argmax(axis=1)
        known, which = np.unique(_zones(tail[rows], starts), return_inverse=True)
        minutes = np.array([_minutes(zone) for zone in known.tolist()])[which]
        after = np.arange(tail.shape[1]) >= starts[:, None]
        tail[rows] = np.where(after, EMPTY, tail[rows])
        matrix[rows[np.isnan(minutes)]] = EMPTY
        offsets[rows] = np.nan_to_num(minutes)
    return offsets


def _zones(tail: Bytes, starts: NDArray[np.intp]) -> Texts:
    """Returns each row's zone, from its start on."""
    at = np.minimum(starts[:, None] + np.arange(ZONE_WIDTH), tail.shape[1] - 1)
    return np.take_along_axis(tail, at, axis=1).view(f"S{ZONE_WIDTH}")[:, 0]


def _minutes(zone: bytes) -> float:
    found = ZONE.fullmatch(zone)
    if found is None:
        return np.nan
    sign, hours, minutes = found.groups(b"0")
    return (-1 if sign == b"-" else 1) * (60 * int(hours) + int(minutes))


def _well_formed(matrix: Bytes) -> NDArray[np.bool_]:
    """Returns whether rows, without zone, have the form ``yyyy-mm-dd hh:mm:ss[.f…]``."""
    between = matrix[:, 10]
    good: NDArray[np.bool_] = (between == BLANK) | (between == TEE)
    for at, sign in ((4, DASH), (7, DASH), (13, COLON), (16, COLON)):
        good &= matrix[:, at] == sign
    for at in (i for start, stop in DATE + TIME for i in range(start, stop)):
        good &= _digits(matrix[:, at])
    point, decimals = matrix[:, SECONDS_END], matrix[:, SECONDS_END + 1 :]
    good &= (point == DOT) | (point == EMPTY)
    good &= ((decimals == EMPTY) | _digits(decimals)).all(axis=1)
    return good


def _digits(codes: Bytes) -> NDArray[np.bool_]:
    return np.asarray((codes >= ZERO) & (codes <= NINE))
