"""Arguments: converted once, or a ``ValueError`` that names the argument and the value."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

import multibin as mb

Floats = NDArray[np.float64]


def numbers(name: str, value: ArrayLike) -> Floats:
    """``value`` as float64, whatever its shape; NaN is refused."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {value!r} is not numeric") from error
    return require(name, array, ~np.isnan(array), "a number")


def require(name: str, array: Floats, good: ArrayLike, what: str) -> Floats:
    """``array`` if ``good`` holds everywhere; else names the first value where it does not."""
    good = np.broadcast_to(good, array.shape)
    if not good.all():
        raise ValueError(f"{name}: {array[~good].flat[0]:g} is not {what}")
    return array


def positive(name: str, value: ArrayLike) -> Floats:
    """Finite numbers above 0."""
    array = numbers(name, value)
    return require(name, array, (array > 0) & np.isfinite(array), "a finite number > 0")


def non_negative(name: str, value: ArrayLike) -> Floats:
    """Finite numbers, 0 or more."""
    array = numbers(name, value)
    return require(name, array, (array >= 0) & np.isfinite(array), "a finite number >= 0")


def counts(name: str, value: ArrayLike) -> Floats:
    """Whole numbers from 1 on."""
    array = positive(name, value)
    return require(name, array, (array >= 1) & (array == np.floor(array)), "a whole number >= 1")


def count(name: str, value: int) -> int:
    """One whole number from 1 on."""
    return int(one(name, counts(name, value)))


def one(name: str, array: Floats) -> float:
    """A number that is no array of them."""
    if array.ndim:
        raise ValueError(f"{name}: {array!r} is not one number")
    return float(array)


def sample(name: str, value: ArrayLike) -> Floats:
    """Service times, shape ``[n]``, n ≥ 1: finite and not negative."""
    array = non_negative(name, value)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: shape {array.shape} is not that of a sample, [n] with n >= 1")
    return array


def bounds(name: str, value: ArrayLike | mb.Edges) -> Floats:
    """``k + 1`` increasing bounds of k bins; only the last may be infinite."""
    given = value.bounds if isinstance(value, mb.Edges) else value
    array = numbers(name, given)
    if array.ndim != 1 or array.size < 2:
        raise ValueError(f"{name}: shape {array.shape} is not that of bounds, [k + 1] with k >= 1")
    non_negative(name, array[:-1])
    require(name, array[1:], np.diff(array) > 0, "above the bound before it")
    return array
