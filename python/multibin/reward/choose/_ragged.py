"""Rows of numbers of different lengths: step scores, or their labels, one row a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Floats, Ints

__all__ = ["Ragged", "is_row", "ragged"]


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows one behind the other; each has at least one number, and all are finite."""

    values: Floats
    """All numbers, shape ``[total]``."""
    sizes: Ints
    """Numbers of each row, shape ``[rows]``."""

    @property
    def starts(self) -> Ints:
        """Returns where each row begins in ``values``, shape ``[rows]``."""
        return np.cumsum(self.sizes) - self.sizes

    def rows(self) -> list[Floats]:
        """Returns the rows as views of ``values``."""
        return np.split(self.values, self.starts[1:]) if self.sizes.size else []


def is_row(value: ArrayLike | Sequence[ArrayLike]) -> bool:
    """Returns whether ``value`` is one row of numbers, and not a sequence of rows."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype != object
    return not isinstance(value, Sequence) or not value or np.ndim(value[0]) == 0


def ragged(name: str, rows: ArrayLike | Sequence[ArrayLike]) -> Ragged:
    """Returns rows of numbers, or one row as the only one, as float64.

    Raises:
        ValueError: a row is empty, no row of numbers, or has a number that is not finite.
    """
    if is_row(rows):
        return _checked([name], [_row(name, rows)])
    names = [f"{name}[{i}]" for i in range(len(rows))]  # type: ignore[arg-type]
    return _checked(names, [_row(*pair) for pair in zip(names, rows, strict=True)])  # type: ignore[arg-type]


def _row(name: str, value: Any) -> NDArray[Any]:
    """Returns an array of shape ``[n]`` and n ≥ 1, of any dtype of numbers."""
    try:
        row: NDArray[Any] = np.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(_args.sentence(name, "numeric", value)) from None
    if row.ndim != 1:
        raise ValueError(f"{name} must have shape [steps], got {row.shape}")
    if not row.size:
        raise ValueError(f"{name} must have at least one step, got 0")
    if row.dtype.kind not in "biuf":
        raise ValueError(_args.sentence(name, "numeric", value))
    return row


def _checked(names: list[str], rows: list[NDArray[Any]]) -> Ragged:
    """Returns the rows joined, or raises a ``ValueError`` that names the first bad number."""
    if not rows:
        return Ragged(np.zeros(0), np.zeros(0, np.int64))
    joined = Ragged(
        np.concatenate(rows).astype(np.float64, copy=False),
        np.array([len(row) for row in rows], np.int64),
    )
    bad = ~np.isfinite(joined.values)
    if bad.any():
        at = int(bad.argmax())
        row = int(np.searchsorted(joined.starts, at, side="right")) - 1
        place = f"{names[row]}[{at - int(joined.starts[row])}]"
        raise ValueError(_args.sentence(place, "finite", float(joined.values[at])))
    return joined
