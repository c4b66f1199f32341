"""Arguments: converted once, or a ``TypeError`` or ``ValueError`` that names argument and value."""

from __future__ import annotations

import numbers
import operator
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST = 2**32 - 1
"""The longest request that the scheduler accepts, in tokens."""


def whole(name: str, value: SupportsIndex, low: int = 0, high: int | None = None) -> int:
    """One whole number from ``low`` to ``high``, both included."""
    try:
        count = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name}: {value!r} is not a whole number") from error
    if count < low or (high is not None and count > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name}: {count} is not {bounds}")
    return count


def real(name: str, value: float, low: float = 0.0, high: float = np.inf) -> float:
    """One finite number from ``low`` to ``high``, both included."""
    number = _float(name, value)
    if not (low <= number <= high and np.isfinite(number)):
        bounds = f"at least {low:g}" if high == np.inf else f"from {low:g} to {high:g}"
        raise ValueError(f"{name}: {number:g} is not a finite number {bounds}")
    return number


def positive(name: str, value: float) -> float:
    """One finite number above 0."""
    number = _float(name, value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name}: {number:g} is not a finite number above 0")
    return number


def generator(seed: SupportsIndex) -> np.random.Generator:
    """numpy's default generator for a seed, a whole number from 0 on."""
    return np.random.default_rng(whole("seed", seed))


def tokens(name: str, value: ArrayLike, low: int) -> Ints:
    """Counts of tokens from ``low`` on, shape ``[n]``, of any integer dtype."""
    array = _vector(name, value)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name}: dtype {array.dtype} is not one of integers")
    bad = (array < low) | (array > LONGEST)
    if bad.any():
        raise ValueError(
            f"{name}: {array[bad][0]} at position {bad.argmax()} is not a number of tokens from"
            f" {low} to {LONGEST}"
        )
    return array.astype(np.int64, copy=False)


def seconds(name: str, value: ArrayLike) -> Floats:
    """Finite times, shape ``[n]``, of any integer or float dtype."""
    array = _vector(name, value)
    if array.size and array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: dtype {array.dtype} is not one of numbers")
    times = array.astype(np.float64, copy=False)
    bad = ~np.isfinite(times)
    if bad.any():
        raise ValueError(f"{name}: {times[bad][0]} at position {bad.argmax()} is not finite")
    return times


def _float(name: str, value: float) -> float:
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: {value!r} is not a number")
    return float(value)


def _vector(name: str, value: ArrayLike) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{name}: shape {array.shape} is not [n]")
    return array
