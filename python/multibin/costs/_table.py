"""The cost table: measurements on a grid of rows and tokens."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args, _core
from multibin._core import Edges
from multibin.costs._file import loaded
from multibin.costs._fit import nearest
from multibin.costs._measure import Plan, measured
from multibin.costs._model import COMPLETIONS, Completion, CostModel

__all__ = ["COUNTS", "GRIDS", "CostTable", "Counts", "axis"]

Item = TypeVar("Item")
Counts: TypeAlias = Literal["longest", "mean"]
Grid: TypeAlias = Literal["step", "prefill", "move"]

COUNTS: tuple[Counts, ...] = ("longest", "mean")
GRIDS: tuple[Grid, ...] = ("step", "prefill", "move")


@dataclass(frozen=True, eq=False)
class CostTable:
    """Seconds that a batch takes, measured on a grid of rows and tokens (positions cached per row).

    Between the points it is bilinear. Before the first point of an axis it has the value of that
    point. Beyond the last point it grows linearly from the last two, and never falls below the
    last. A batch of unlike rows costs as if all unfinished rows had the length of the longest, or
    their mean length.

    The first token of a new row belongs to its prefill, so a new row runs one decode step fewer
    than its output tokens. New and moved rows of one batch cost the sum of both.

    Raises:
        TypeError: an axis or a grid has another dtype, or ``about`` maps other things than text.
        ValueError: an axis does not increase, a grid has another shape, or seconds are negative or
            not finite.

    >>> import multibin as mb
    >>> grid = [[0.02, 0.03], [0.04, 0.07]]  # Rows 1 and 8, tokens 16 and 1,024.
    >>> table = mb.CostTable([1, 8], [16, 1024], step=grid, prefill=grid, move=grid)
    >>> round(table.seconds("step", rows=8, tokens=520), 6)
    0.055
    """

    rows: NDArray[np.int64]
    """Numbers of rows, increasing, at least 1; shape ``[r]``."""
    tokens: NDArray[np.int64]
    """Numbers of tokens, increasing, at least 0; shape ``[t]``."""
    step: NDArray[np.float64]
    """Seconds of a decode step of these rows with these tokens in each cache; ``[r, t]``."""
    prefill: NDArray[np.float64]
    """Seconds to start new rows with prompts of these tokens, first token included; ``[r, t]``."""
    move: NDArray[np.float64]
    """Seconds to park rows with these tokens in each cache, and to resume them; ``[r, t]``."""
    counts: Counts = "longest"
    """The length that stands for unlike rows: the "longest" (padded attention) or the "mean"."""
    completes: Completion = "batch"
    """When a request counts as finished: with its "batch" (the paper), or with its own "row"."""
    about: Mapping[str, str] = field(default_factory=dict)
    """Facts of the measurement, such as machine, versions, model and date."""

    def __post_init__(self) -> None:
        for name, least in (("rows", 1), ("tokens", 0)):
            object.__setattr__(self, name, axis(name, getattr(self, name), least))
        shape = (len(self.rows), len(self.tokens))
        for name in GRIDS:
            object.__setattr__(self, name, _grid(name, getattr(self, name), shape))
        _args.one_of("counts", self.counts, COUNTS)
        _args.one_of("completes", self.completes, COMPLETIONS)
        object.__setattr__(self, "about", _about(self.about))

    @classmethod
    def of_batches(
        cls,
        rows: ArrayLike,
        lengths: ArrayLike,
        seconds: ArrayLike,
        *,
        counts: Counts = "longest",
        about: Mapping[str, str] | None = None,
    ) -> CostTable:
        """Returns the table of batches that are one call each, such as those of an encoder.

        Args:
            rows: numbers of rows, increasing, at least 1; shape ``[r]``.
            lengths: lengths of the rows, increasing; shape ``[t]``.
            seconds: the time of each batch, shape ``[r, t]``. It is the grid ``prefill``; a batch
                has neither decode steps nor moves, and those grids are 0.
            counts: the length that stands for unlike rows.
            about: facts of the measurement.

        Raises:
            TypeError: an axis or ``seconds`` has another dtype.
            ValueError: an axis does not increase, the grid has another shape, or seconds are
                negative or not finite.

        >>> import multibin as mb
        >>> table = mb.CostTable.of_batches([1, 8], [10, 100], [[0.01, 0.02], [0.03, 0.1]])
        >>> round(table.seconds("prefill", rows=8, tokens=55), 3)
        0.065
        """
        grid = np.asarray(seconds)
        none = np.zeros((np.size(rows), np.size(lengths)))
        return cls(
            np.asarray(rows),
            np.asarray(lengths),
            step=none,
            prefill=grid,
            move=none,
            counts=counts,
            about=about or {},
        )

    @classmethod
    def measure(
        cls,
        fn: Callable[[list[Item]], Any],
        make: Callable[[int], Item],
        rows: Sequence[int] = (1, 2, 4, 8, 16, 32),
        lengths: Sequence[int] = (8, 16, 32, 64, 128, 256),
        *,
        repeats: int = 5,
        warmup: int = 1,
        minutes: float = 5.0,
        progress: bool = True,
        counts: Counts = "longest",
        about: Mapping[str, str] | None = None,
    ) -> CostTable:
        """Measures how long a function takes, on a grid of rows and lengths.

        Points that take long are measured last. A point for which memory is too small ends an
        axis, and so does the time. The largest full grid of what was measured is kept, and
        ``about["left out"]`` and the logger ``multibin`` name the rest. Times that fall as rows
        grow are kept: some kernels are faster with more rows.

        Args:
            fn: takes a list of items, as many as a batch has rows. On CUDA the clock waits for the
                device.
            make: makes an item of this length.
            rows: numbers of rows, increasing, at least 1.
            lengths: lengths, increasing.
            repeats: runs of each point, of which the median counts. Fewer fit a short time.
            warmup: runs of each point before these.
            minutes: the most that all of this takes, apart from the run that is under way.
            progress: show a bar if tqdm is installed and stderr is a terminal.
            counts: the length that stands for unlike rows.
            about: further facts of the measurement, beside those of the machine.

        Raises:
            TypeError: ``fn`` is a coroutine function, or an argument has a wrong type.
            ValueError: an axis does not increase, or a number is out of range.

        >>> import multibin as mb
        >>> table = mb.CostTable.measure(list, range, rows=(1, 2), lengths=(4, 8), repeats=1)
        >>> table.prefill.shape, table.about["function"]
        ((2, 2), 'list')
        """
        r, n = axis("rows", rows, 1).tolist(), axis("lengths", lengths, 0).tolist()
        found = measured(Plan(fn, make, r, n, repeats, warmup, minutes, progress))
        facts = {**found.about, **_about(about or {})}
        return cls.of_batches(found.rows, found.lengths, found.seconds, counts=counts, about=facts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CostTable:
        """Returns the table that ``save`` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is no cost table.

        >>> import multibin as mb
        >>> mb.CostTable.load("no-such-file.json")
        Traceback (most recent call last):
        FileNotFoundError: ...
        """
        return loaded(path, lambda found: cls(**_arguments(found)), "cost table")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes JSON with a line for each row of a grid.

        >>> import multibin as mb, tempfile
        >>> table = mb.CostTable([1], [0], step=[[0.02]], prefill=[[0.1]], move=[[0.0]])
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     table.save(file.name)
        ...     mb.CostTable.load(file.name).data == table.data
        True
        """
        Path(path).write_text(_text(self.data), encoding="utf-8")

    @property
    def data(self) -> dict[str, Any]:
        """Returns all fields, for ``json.dumps``."""
        plain = {name: getattr(self, name).tolist() for name in ("rows", "tokens", *GRIDS)}
        return {
            "about": dict(self.about),
            "counts": self.counts,
            "completes": self.completes,
            **plain,
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """Returns what the core takes: the axes, the flat grids, and ``counts``."""
        grids: dict[str, Any] = {name: getattr(self, name).ravel() for name in GRIDS}
        return {"rows": self.rows, "tokens": self.tokens, "counts": self.counts, **grids}

    def seconds(self, grid: Grid, rows: float, tokens: float) -> float:
        """Returns the seconds of one grid for ``rows`` rows of ``tokens`` tokens each.

        >>> import multibin as mb
        >>> table = mb.CostTable([1, 2], [0], step=[[1], [2]], prefill=[[0]] * 2, move=[[0]] * 2)
        >>> table.seconds("step", rows=1.5, tokens=0)
        1.5
        """
        columns = [_along(self.rows, column, rows) for column in getattr(self, grid).T]
        return _along(self.tokens, np.array(columns), tokens)

    def bins(
        self, sample: ArrayLike, bins: int = 16, batch_size: int = 32
    ) -> tuple[Edges, list[int]]:
        """Returns edges and a batch size for each bin, with the least seconds per request.

        In saturation a request takes Σ pᵢ · E[T(bᵢ, longest of bᵢ | bin i)] / bᵢ seconds on
        average. T are the seconds of ``prefill``, and bin i has the share pᵢ of the requests and
        batches of bᵢ rows. A dynamic program finds the optimum of the sample. Of more
        than 256 distinct lengths it takes candidates, as ``Edges.optimal`` does. Where batching
        does not pay, the size is 1.

        Args:
            sample: lengths, shape ``[n]``.
            bins: the most bins.
            batch_size: the most rows of a batch.

        Raises:
            ValueError: the sample is empty or has a value that is no length, or a number is out of
                range. Also if the table counts the mean.
            TypeError: an argument has a wrong type.

        >>> import multibin as mb
        >>> table = mb.CostTable.of_batches([1, 4], [10, 1000], [[1.0, 1.0], [1.0, 4.0]])
        >>> table.bins([10, 10, 1000, 1000], batch_size=4)
        (Edges([10, 11, 1001]), [4, 1])
        """
        _args.integer("batch_size", batch_size, low=1)
        _args.one_of("counts", self.counts, ("longest",))
        return _core.bins(self.rows, self.tokens, self.prefill.ravel(), sample, bins, batch_size)

    def linear(self) -> tuple[CostModel, float]:
        """Returns the nearest linear model, and its largest relative deviation from the table.

        The nearest one has no negative coefficient, and the least sum of squares of the relative
        deviations over all points. A point that is 0 counts by its difference over the table's
        largest number. The model has ``fixed``, ``prompt_token``, ``moved_row``, ``step``,
        ``row_step`` and ``kv_token``.

        >>> import multibin as mb
        >>> grids = {"step": [[0.02]] * 2, "prefill": [[0.1]] * 2, "move": [[0.08]] * 2}
        >>> model, worst = mb.CostTable([1, 8], [0], **grids).linear()
        >>> round(model.step, 4), round(model.fixed, 4), worst < 1e-9
        (0.02, 0.08, True)
        """
        coefficients, worst = nearest(self.rows, self.tokens, self.step, self.prefill, self.move)
        return CostModel(**coefficients, completes=self.completes), worst


def axis(name: str, value: ArrayLike, low: int) -> NDArray[np.int64]:
    """Returns increasing integers from ``low`` on, shape ``[n]``, as a read-only array.

    Raises:
        TypeError: the dtype is not one of integers.
        ValueError: the shape is not ``[n]`` with n ≥ 1, or the integers do not increase.
    """
    if not len(_args.vector(name, value)):
        raise ValueError(f"{name} must have at least 1 element, got 0")
    points = _args.tokens(name, value, low)
    for at in np.flatnonzero(np.diff(points) <= 0)[:1] + 1:
        rule = f"above {name}[{at - 1}] = {points[at - 1]}"
        raise ValueError(_args.sentence(f"{name}[{at}]", rule, int(points[at])))
    return _frozen(points)


def _grid(name: str, value: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, one number a point, got {array.shape}")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must have a dtype of numbers, got {array.dtype}")
    seconds = array.astype(np.float64)
    good = np.isfinite(seconds) & (seconds >= 0)
    return _frozen(_args.require(name, seconds, good, "finite and at least 0"))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Returns a read-only copy."""
    array = array.copy()
    array.flags.writeable = False
    return array


def _about(value: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(_args.sentence("about", "a mapping of text to text", value))
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(_args.sentence("about", "a mapping of text to text", {key: text}))
    return dict(value)


def _arguments(loaded: Any) -> dict[str, Any]:
    """Returns the fields of a table from JSON."""
    if not isinstance(loaded, dict):
        raise TypeError(_args.sentence("the file", "a JSON object", loaded))
    names = [f.name for f in fields(CostTable)]
    for name in ("rows", "tokens", *GRIDS, "counts"):
        if name not in loaded:
            raise ValueError(f"the file must have {name}, got {', '.join(loaded)}")
    for name in loaded:
        if name == "answer":
            raise ValueError("answer must be called completes")
        _args.one_of("a name", name, names)
    return loaded


def _text(data: Mapping[str, Any]) -> str:
    parts = [f"{json.dumps(name)}: {_lines(value)}" for name, value in data.items()]
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    """Returns JSON with a line for each row of a grid or entry of a mapping, else on one line."""
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
