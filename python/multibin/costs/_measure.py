"""Times a function on a grid of rows and lengths, while memory and time last."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin.costs._machine import cuda, facts

__all__ = ["Measured", "Plan", "measured"]

Item = TypeVar("Item")
Cell: TypeAlias = tuple[int, int]
"""Positions on the axes of rows and of lengths."""

TIME, MEMORY = "time was over", "memory was too small"

log = logging.getLogger("multibin")


@dataclass(frozen=True)
class Plan(Generic[Item]):
    """What is measured, and how long."""

    function: Callable[[list[Item]], Any]
    make: Callable[[int], Item]
    rows: Sequence[int]
    lengths: Sequence[int]
    repeats: int
    warmup: int
    minutes: float
    progress: bool

    def __post_init__(self) -> None:
        if iscoroutinefunction(self.function):
            raise TypeError(_args.sentence("fn", "a plain function", self.function))
        _args.integer("repeats", self.repeats, low=1)
        _args.integer("warmup", self.warmup)
        _args.positive("minutes", self.minutes)
        _args.boolean("progress", self.progress)


@dataclass(frozen=True)
class Measured:
    """The grid, without what is left out."""

    rows: list[int]
    lengths: list[int]
    seconds: NDArray[np.float64]
    about: dict[str, str]


def measured(plan: Plan[Item]) -> Measured:
    """Measures the grid."""
    clock = _Clock(plan)
    with _bar(plan) as tick:
        clock.first_pass(tick)
        clock.other_passes(tick)
    rows, lengths = clock.kept()
    return Measured(
        list(plan.rows[:rows]),
        list(plan.lengths[:lengths]),
        np.array([[np.median(clock.seconds[i, j]) for j in range(lengths)] for i in range(rows)]),
        _about(plan, clock, rows, lengths),
    )


@dataclass(eq=False)
class _Clock(Generic[Item]):
    """Runs batches until the time is over."""

    plan: Plan[Item]
    seconds: dict[Cell, list[float]] = field(default_factory=dict)
    """The measured cells."""
    too_large: list[Cell] = field(default_factory=list)
    """Cells for which memory was too small."""
    late: bool = False

    def __post_init__(self) -> None:
        self.until = perf_counter() + 60.0 * self.plan.minutes

    def first_pass(self, tick: Callable[[], None]) -> None:
        """Measures each cell once, the small ones first, so that what is measured is a grid."""
        plan = self.plan
        for cell in _by_shells(len(plan.rows), len(plan.lengths)):
            if self._is_too_large(cell):
                continue
            if self.seconds and perf_counter() + self._expected(cell) > self.until:
                self.late = True
                return
            self._measure(cell)
            tick()

    def other_passes(self, tick: Callable[[], None]) -> None:
        """Repeats pass by pass, so that a disturbance falls on one run of each cell."""
        rows, lengths = self.kept()
        cells = [cell for cell in self.seconds if cell[0] < rows and cell[1] < lengths]
        for _ in range(self.plan.repeats - 1):
            for cell in cells:
                if perf_counter() + self.seconds[cell][0] > self.until:
                    return
                self.seconds[cell].append(self._run(cell))
                tick()

    def kept(self) -> Cell:
        """Returns how many points of each axis make the largest full grid; the longer of equals."""
        grids = [
            (rows, lengths)
            for rows in range(1, len(self.plan.rows) + 1)
            for lengths in range(1, len(self.plan.lengths) + 1)
            if all((i, j) in self.seconds for i in range(rows) for j in range(lengths))
        ]
        return max(grids, key=lambda grid: (grid[0] * grid[1], grid[1]))

    def _measure(self, cell: Cell) -> None:
        try:
            for _ in range(self.plan.warmup):
                self._run(cell)
            self.seconds[cell] = [self._run(cell)]
        except (MemoryError, RuntimeError) as error:
            if not _is_of_memory(error) or not self.seconds:
                raise
            self.too_large.append(cell)
        if self.too_large and (used := cuda()) is not None:
            used.empty_cache()

    def _run(self, cell: Cell) -> float:
        plan = self.plan
        items = [plan.make(plan.lengths[cell[1]]) for _ in range(plan.rows[cell[0]])]
        _synchronize()
        began = perf_counter()
        plan.function(items)
        _synchronize()
        return perf_counter() - began

    def _is_too_large(self, cell: Cell) -> bool:
        return any(cell[0] >= i and cell[1] >= j for i, j in self.too_large)

    def _expected(self, cell: Cell) -> float:
        """Returns the seconds that a cell may take: its neighbours' times, by rows × lengths."""
        i, j = cell
        near = [at for at in ((i - 1, j), (i, j - 1)) if at in self.seconds]
        each = [self.seconds[at][0] * self._size(cell) / self._size(at) for at in near]
        return (self.plan.warmup + 1) * min(each, default=0.0)

    def _size(self, cell: Cell) -> float:
        return float(self.plan.rows[cell[0]] * max(self.plan.lengths[cell[1]], 1))


def _by_shells(rows: int, lengths: int) -> Iterator[Cell]:
    """Yields all cells so that the first of them are a grid again and again."""
    for shell in range(max(rows, lengths)):
        if shell < lengths:
            yield from ((i, shell) for i in range(min(shell, rows)))
        if shell < rows:
            yield from ((shell, j) for j in range(min(shell + 1, lengths)))


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _synchronize() -> None:
    """Waits until the GPU has done its work, if torch uses one."""
    if (used := cuda()) is not None:
        used.synchronize()


def _about(plan: Plan[Item], clock: _Clock[Item], rows: int, lengths: int) -> dict[str, str]:
    runs = [len(clock.seconds[i, j]) for i in range(rows) for j in range(lengths)]
    about = {
        "function": getattr(plan.function, "__qualname__", type(plan.function).__qualname__),
        **facts(),
        "runs": f"medians of {min(runs)} to {max(runs)} after {plan.warmup} to warm up",
    }
    left = [("rows", plan.rows[rows:]), ("lengths", plan.lengths[lengths:])]
    gone = [f"{name} {', '.join(map(str, points))}" for name, points in left if len(points)]
    if gone:
        reasons = [TIME] * clock.late + [MEMORY] * bool(clock.too_large)
        about["left out"] = f"{'; '.join(gone)}: {' and '.join(reasons)}"
        log.warning("measuring %s left out %s", about["function"], about["left out"])
    return about


@contextmanager
def _bar(plan: Plan[Item]) -> Iterator[Callable[[], None]]:
    """Shows progress on a terminal if tqdm is installed. Yields what counts a step."""
    bar = _tqdm(len(plan.rows) * len(plan.lengths) * plan.repeats) if plan.progress else None
    if bar is None:
        yield lambda: None
        return
    with bar:
        yield lambda: bar.update() and None


def _tqdm(total: int) -> Any:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm(total=total, desc="measure", unit="batch", leave=False)
