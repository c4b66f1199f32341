"""Checks of arguments: each error names the argument and the value."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real

import torch


def integer(name: str, value: object, *, low: int, high: int | None = None) -> int:
    """`value` as an int in low … high.

    Raises:
        TypeError: not an integer.
        ValueError: out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an int, not {value!r}")
    number = int(value)
    if number < low or (high is not None and number > high):
        bound = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {bound}, not {number}")
    return number


def real(name: str, value: object) -> float:
    """`value` as a finite float.

    Raises:
        TypeError: not a number.
        ValueError: NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite, not {value!r:.40}") from None
    if not isfinite(number):
        raise ValueError(f"{name} must be finite, not {number}")
    return number


def boolean(name: str, value: object) -> bool:
    """`value` as a bool; TypeError for anything else."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, not {value!r}")
    return value


def plain(values: object) -> object:
    """Tensors as lists, whatever their dtype and device; anything else as it is."""
    if isinstance(values, torch.Tensor):
        return values.tolist()
    if isinstance(values, list | tuple):
        return [value.tolist() if isinstance(value, torch.Tensor) else value for value in values]
    return values


def one_of(name: str, value: object, names: Sequence[str]) -> None:
    """ValueError unless `value` is one of `names`."""
    if value not in names:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, names))}, not {value!r}")
