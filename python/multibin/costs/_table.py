"""Measurements on a grid of rows and tokens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from multibin.costs._fit import nearest
from multibin.costs._model import COMPLETIONS, Completion, CostModel

__all__ = ["COUNTS", "GRIDS", "CostTable", "Counts", "axis"]

Counts: TypeAlias = Literal["longest", "mean"]
Grid: TypeAlias = Literal["step", "prefill", "move"]

COUNTS: tuple[Counts, ...] = ("longest", "mean")
GRIDS: tuple[Grid, ...] = ("step", "prefill", "move")

MOST = 2**32 - 1
"""The largest number of an axis."""


@dataclass(frozen=True, eq=False)
class CostTable:
    """Seconds that a batch takes, measured on a grid of rows and tokens (positions cached per row).

    Bilinear between the points; before the first point of an axis that point's value; beyond the
    last, linear growth from the last two, never falling below the last. A batch of unlike rows
    costs as if all unfinished ones were as long as the longest, or as long as their mean.

    The first token of a new row belongs to its prefill, so a new row runs one decode step fewer
    than its output tokens. New and moved rows of one batch cost the sum of the two.

    Raises ``ValueError`` or ``TypeError`` that names the argument and the value: axes that do not
    increase, grids of another shape, seconds that are negative or not finite.
    """

    rows: NDArray[np.int64]
    """Increasing, at least 1; shape ``[r]``."""
    tokens: NDArray[np.int64]
    """Increasing; shape ``[t]``."""
    step: NDArray[np.float64]
    """Seconds of one decode step of so many rows with so many positions cached each; shape
    ``[r, t]``."""
    prefill: NDArray[np.float64]
    """Seconds to start so many new rows with prompts of so many tokens, their first token included;
    shape ``[r, t]``."""
    move: NDArray[np.float64]
    """Seconds to take up so many rows with state of so many positions from another batch, and to
    have parked them; shape ``[r, t]``."""
    counts: Counts = "longest"
    """What a batch of unlike rows costs by: its longest unfinished row (padded attention) or the
    mean of them (attention by row)."""
    completes: Completion = "batch"
    """When a request counts as finished: with its batch (the paper) or with its own last step."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Machine, versions, model, date: whatever should be known of the measurement."""

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("tokens", 0)):
            object.__setattr__(self, name, axis(name, getattr(self, name), least))
        shape = (len(self.rows), len(self.tokens))
        for name in GRIDS:
            object.__setattr__(self, name, _grid(name, getattr(self, name), shape))
        for name, words in (("counts", COUNTS), ("completes", COMPLETIONS)):
            if (given := getattr(self, name)) not in words:
                raise ValueError(f"{name}: {given!r} is not {' or '.join(map(repr, words))}")
        object.__setattr__(self, "about", _about(self.about))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CostTable:
        """The table that ``save`` wrote.

        Raises ``ValueError`` that names the file, for one that is none; ``OSError``.
        """
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**_arguments(given))
        except (ValueError, TypeError) as error:
            raise ValueError(f"costs: {os.fspath(path)} is no cost table: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes JSON, one line a row of a grid."""
        Path(path).write_text(_text(self.data), encoding="utf-8")

    @property
    def data(self) -> dict[str, Any]:
        """Everything for ``json.dumps``."""
        plain = {name: getattr(self, name).tolist() for name in ("rows", "tokens", *GRIDS)}
        return {
            "about": dict(self.about),
            "counts": self.counts,
            "completes": self.completes,
            **plain,
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """What the core takes: the axes, the grids flat, and ``counts``."""
        grids: dict[str, Any] = {name: getattr(self, name).ravel() for name in GRIDS}
        return {"rows": self.rows, "tokens": self.tokens, "counts": self.counts, **grids}

    def seconds(self, grid: Grid, rows: float, tokens: float) -> float:
        """What a grid says for so many rows of so many tokens each."""
        columns = [_along(self.rows, column, rows) for column in getattr(self, grid).T]
        return _along(self.tokens, np.array(columns), tokens)

    def linear(self) -> tuple[CostModel, float]:
        """The linear model without negative coefficients whose relative deviations from the table
        have the least sum of squares over all points, and the largest of them.

        A point that is 0 counts by its difference over the table's largest number. What it has:
        ``fixed``, ``prompt_token``, ``moved_row``, ``step``, ``row_step``, ``kv_token``.
        """
        coefficients, worst = nearest(self.rows, self.tokens, self.step, self.prefill, self.move)
        return CostModel(**coefficients, completes=self.completes), worst


def axis(name: str, given: Any, least: int) -> NDArray[np.int64]:
    """Increasing numbers from ``least`` on, which nobody changes; shape ``[n]``.

    Raises ``ValueError`` or ``TypeError`` that names the argument and the value.
    """
    points = np.asarray(given)
    if points.ndim != 1 or not len(points):
        raise ValueError(f"{name}: shape {points.shape} is not [n] with n at least 1")
    if points.dtype.kind not in "iu":
        raise TypeError(f"{name}: dtype {points.dtype} is not one of integers")
    if points[0] < least or points.max() > MOST:
        raise ValueError(f"{name}: {points} is not from {least} to {MOST}")
    for position in np.flatnonzero(points[1:] <= points[:-1])[:1] + 1:
        point, previous = points[position], points[position - 1]
        raise ValueError(f"{name}: {name}[{position}] = {point} does not lie above {previous}")
    return _frozen(points.astype(np.int64))


def _grid(name: str, given: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    values = np.asarray(given)
    if values.shape != shape:
        raise ValueError(f"{name}: shape {values.shape} is not {shape}, one number a point")
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name}: dtype {values.dtype} is not one of numbers")
    values = values.astype(np.float64)
    for row, column in np.argwhere(~(np.isfinite(values) & (values >= 0)))[:1]:
        raise ValueError(
            f"{name}: {name}[{row}][{column}] = {values[row, column]:g} is not a finite number of"
            " seconds >= 0"
        )
    return _frozen(values)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that nobody changes."""
    array = array.copy()
    array.flags.writeable = False
    return array


def _about(given: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise TypeError(f"about: {given!r:.80} is not a mapping of text to text")
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"about: {key!r}: {value!r:.80} is not text to text")
    return dict(given)


def _arguments(given: Any) -> dict[str, Any]:
    """The fields of a table from JSON."""
    if not isinstance(given, dict):
        raise TypeError(f"{type(given).__name__} instead of an object")
    names = [f.name for f in fields(CostTable)]
    for name in ("rows", "tokens", *GRIDS, "counts"):
        if name not in given:
            raise ValueError(f"{name} is missing")
    for name in given:
        if name not in names:
            raise ValueError(f"{name!r} is not one of {', '.join(names)}")
    return given


def _text(data: Mapping[str, Any]) -> str:
    parts = [f"{json.dumps(name)}: {_lines(value)}" for name, value in data.items()]
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    """A grid with one row a line, a mapping with one entry a line, anything else on one line."""
    if isinstance(value, dict) and value:
        entries = [f"    {json.dumps(key)}: {json.dumps(text)}" for key, text in value.items()]
        return "{\n" + ",\n".join(entries) + "\n  }"
    if isinstance(value, list) and isinstance(value[0], list):
        return "[\n" + ",\n".join(f"    {json.dumps(row)}" for row in value) + "\n  ]"
    return json.dumps(value)


def _along(points: NDArray[np.int64], values: NDArray[np.float64], at: float) -> float:
    inside = float(np.interp(at, points, values))
    if len(points) == 1 or at <= points[-1]:
        return inside
    slope = float((values[-1] - values[-2]) / (points[-1] - points[-2]))
    return inside + max(0.0, slope) * (at - float(points[-1]))
