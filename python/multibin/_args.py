"""Checks arguments: converts each once, or raises an error that names argument, rule and value.

Every message reads ``<argument> must be <rule>, got <value>``, as those of the core do. Of shapes
and dtypes it reads ``must have``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LONGEST",
    "Floats",
    "Ints",
    "boolean",
    "counts",
    "floats",
    "generator",
    "integer",
    "non_negatives",
    "number",
    "one_of",
    "positive",
    "positives",
    "predictions",
    "require",
    "scalar",
    "seconds",
    "sentence",
    "shown",
    "tokens",
    "vector",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST = 2**32 - 1
"""The longest request that the scheduler accepts, in tokens."""

SHOWN = 80
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """Returns how a message shows ``value``: its repr, shortened."""
    if isinstance(value, float):
        return f"{value:g}"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def sentence(name: str, rule: str, value: object) -> str:
    """Returns the message for a ``value`` that breaks ``rule``, which follows "must be"."""
    return f"{name} must be {rule}, got {shown(value)}"


def integer(name: str, value: object, low: int = 0, high: int | None = None) -> int:
    """Returns ``value`` as an int from ``low`` to ``high``, both included.

    Raises:
        TypeError: ``value`` is no integer; a bool is none.
        ValueError: ``value`` is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        # 2.0 is shown as such: "got 2" would read as an int.
        got = repr(float(value)) if isinstance(value, float) else shown(value)
        raise TypeError(f"{name} must be an int, got {got}")
    count = int(value)
    if count < low or (high is not None and count > high):
        # The type's own limit says nothing of a number that is too small.
        open_ended = high == LONGEST and count < low
        raise ValueError(sentence(name, _bounds(low, None if open_ended else high), count))
    return count


def number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """Returns ``value`` as a finite float from ``low`` to ``high``, both included.

    Raises:
        TypeError: ``value`` is no real number; a bool is none.
        ValueError: ``value`` is NaN, infinite or out of range.
    """
    real = _float(name, value)
    if not math.isfinite(real):
        raise ValueError(sentence(name, "finite", real))
    if not low <= real <= high:
        raise ValueError(sentence(name, _bounds(low, high), real))
    return real


def positive(name: str, value: object) -> float:
    """Returns ``value`` as a finite float above 0.

    Raises:
        TypeError: ``value`` is no real number; a bool is none.
        ValueError: ``value`` is not finite or not above 0.
    """
    real = _float(name, value)
    if not 0 < real < math.inf:
        raise ValueError(sentence(name, "finite and above 0", real))
    return real


def boolean(name: str, value: object) -> bool:
    """Returns ``value``, or raises a ``TypeError`` for anything but a bool."""
    if not isinstance(value, bool):
        raise TypeError(sentence(name, "a bool", value))
    return value


def one_of(name: str, value: object, choices: Sequence[object]) -> None:
    """Raises a ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(sentence(name, f"one of {', '.join(map(repr, choices))}", value))


def generator(seed: object) -> np.random.Generator:
    """Returns numpy's default generator for a seed, an integer from 0 on."""
    return np.random.default_rng(integer("seed", seed))


def require(name: str, array: Floats, good: ArrayLike, rule: str) -> Floats:
    """Returns ``array`` if ``good`` holds everywhere; else raises a ``ValueError``."""
    held = np.broadcast_to(good, array.shape)
    if not held.all():
        at = np.unravel_index(int(np.argmin(held)), array.shape)
        place = f"[{', '.join(map(str, at))}]" if at else ""
        raise ValueError(sentence(f"{name}{place}", rule, float(array[at])))
    return array


def floats(name: str, value: ArrayLike) -> Floats:
    """Returns ``value`` as float64 of any shape, or raises a ``ValueError`` for text or NaN."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(sentence(name, "numeric", value)) from None
    return require(name, array, ~np.isnan(array), "a number")


def positives(name: str, value: ArrayLike) -> Floats:
    """Returns finite floats above 0, of any shape, or raises a ``ValueError``."""
    array = floats(name, value)
    return require(name, array, (array > 0) & np.isfinite(array), "finite and above 0")


def non_negatives(name: str, value: ArrayLike) -> Floats:
    """Returns finite floats from 0 on, of any shape, or raises a ``ValueError``."""
    array = floats(name, value)
    return require(name, array, (array >= 0) & np.isfinite(array), "finite and at least 0")


def counts(name: str, value: ArrayLike) -> Floats:
    """Returns whole numbers from 1 on, of any shape, or raises a ``ValueError``."""
    array = floats(name, value)
    require(name, array, (array == np.floor(array)) & np.isfinite(array), "a whole number")
    return require(name, array, array >= 1, "at least 1")


def scalar(name: str, array: Floats) -> float:
    """Returns the only number of an array without dimensions, or raises a ``ValueError``."""
    if array.ndim:
        raise ValueError(sentence(name, "one number", array))
    return float(array)


def vector(name: str, value: ArrayLike) -> NDArray[Any]:
    """Returns ``value`` as an array of shape ``[n]``, or raises a ``ValueError``."""
    array: NDArray[Any] = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape [n], got {array.shape}")
    return array


def tokens(name: str, value: ArrayLike, low: int) -> Ints:
    """Returns counts of tokens from ``low`` to ``LONGEST``, shape ``[n]``, of any integer dtype.

    Raises:
        TypeError: the dtype is not one of integers.
        ValueError: the shape is not ``[n]``, or an element is out of range.
    """
    array = vector(name, value)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must have an integer dtype, got {array.dtype}")
    bad = (array < low) | (array > LONGEST)
    if bad.any():
        at = int(bad.argmax())
        raise ValueError(sentence(f"{name}[{at}]", _bounds(low, LONGEST), int(array[at])))
    return array.astype(np.int64, copy=False)


def predictions(name: str, value: ArrayLike) -> Ints:
    """Returns predicted lengths, shape ``[n]``, as ``Scheduler.submit`` reads them.

    Floats are rounded up.

    Raises:
        TypeError: the dtype is not one of numbers.
        ValueError: the shape is not ``[n]``, or an element is not from 0 to ``LONGEST``.
    """
    array = vector(name, value)
    if array.dtype.kind != "f":
        return tokens(name, array, 0)
    rule = _bounds(0, LONGEST)
    return np.ceil(require(name, array, (array >= 0) & (array <= LONGEST), rule)).astype(np.int64)


def seconds(name: str, value: ArrayLike) -> Floats:
    """Returns finite times, shape ``[n]``, of any integer or float dtype.

    Raises:
        TypeError: the dtype is not one of numbers.
        ValueError: the shape is not ``[n]``, or an element is not finite.
    """
    array = vector(name, value)
    if array.size and array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must have a dtype of numbers, got {array.dtype}")
    times = array.astype(np.float64, copy=False)
    return require(name, times, np.isfinite(times), "finite")


def _bounds(low: float, high: float | None) -> str:
    """Returns the rule of a range in words."""
    if high is None or high == math.inf:
        return f"at least {low}" if isinstance(low, int) else f"at least {low:g}"
    if low == -math.inf:
        return f"at most {high:g}"
    whole = isinstance(low, int) and isinstance(high, int)
    return f"between {low} and {high}" if whole else f"between {low:g} and {high:g}"


def _float(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(sentence(name, "a number", value))
    try:
        return float(value)
    except OverflowError:
        raise ValueError(sentence(name, "finite", value)) from None
