"""Claims about the gate of a simulated scheduler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from benches.gate.model import SHAPES, Cell
from benches.gate.run import Fill, Order, Play, Run, least_requests, play
from benches.gate.scale import Scale, each
from benches.gate.tables import Found, Target, claim, spread

__all__ = ["WORTH", "between", "everywhere", "useful", "useless"]

SURE = 0.99
"""The share of the finished requests in which the gate must be right."""
WORTH = 1.2
"""The true gain from which the gate must stay open."""
ERRORS = {"true lengths": 0.0, "σ 1": 1.0}
TARGETS = (1.05, 1.1, 1.125, 1.15, 1.2)
"""True gains near the gate's limits."""
TURNS = 2
"""The most turns in 100,000 requests."""
ORDERS: tuple[Order, ...] = ("formed", "oldest", "shortest", "deadline")
FILLS: tuple[Fill, ...] = ("elastic", "strict")
LOADS = (0.9, 1.3)


@dataclass(frozen=True)
class Watched:
    """A cell, how it was played, and its run."""

    cell: Cell
    how: Play
    run: Run

    def right(self, group: Sequence[str]) -> Found[Run]:
        """Returns the share of the requests in which the gate was right."""
        cell, run = self.cell, self.run
        where = f"{cell.shape}, {cell.where}, {self.how.where}"
        share = 1 - run.open if cell.error is None else run.open
        return Found(tuple(group), where, share, run)


def _watched(scale: Scale, jobs: Iterable[tuple[Cell, Play]]) -> list[Watched]:
    def one(job: tuple[Cell, Play]) -> Watched:
        cell, how = job
        n = least_requests(scale.lab, cell, scale.requests) + how.backlog
        return Watched(cell, how, play(scale.lab, cell, how, n))

    return each(jobs, one)


def _worth(scale: Scale, cells: Iterable[Cell]) -> list[Cell]:
    """Returns the cells whose predictions gain enough."""
    tried = list(cells)
    gains = each(tried, scale.lab.gain)
    return [cell for cell, gain in zip(tried, gains, strict=True) if gain >= WORTH]


def _of_grid(scale: Scale, error: float | None) -> list[Cell]:
    return [Cell(shape, size, error) for shape, size in product(SHAPES, scale.grid)]


TARGET = Target(SURE, lambda share: f"{share:.2%}".replace("%", " %"), least=True)
CLOSED_AFTER = ("closed after, windows: median", "worst")


def _closed_after(runs: Sequence[Run]) -> list[str]:
    windows = np.array([run.closed_after for run in runs])
    return [f"{np.median(windows):.2f}", f"{windows.max():.2f}"]


def useless(scale: Scale) -> str:
    """Tests that useless predictions close the gate, and how soon."""
    tried = _watched(scale, ((cell, Play()) for cell in _of_grid(scale, None)))
    found = [one.right(one.cell.row) for one in tried]
    return claim(["closed, lengths", "B"], TARGET, found, CLOSED_AFTER, _closed_after)


def useful(scale: Scale) -> str:
    """Tests that the gate stays open where predictions gain enough."""
    found: list[Found[Run]] = []
    for words, error in ERRORS.items():
        cells = _worth(scale, _of_grid(scale, error))
        tried = _watched(scale, ((cell, Play()) for cell in cells))
        found += [one.right((words, *one.cell.row)) for one in tried]
    return claim(["open, predictions", "lengths", "B"], TARGET, found)


def everywhere(scale: Scale) -> Iterator[str]:
    """Tests useless and true predictions with all orders and fills, overload and a backlog."""
    cells = [Cell(shape, size, None) for shape, size in product(SHAPES, scale.many_ways)]
    head = ("fill", "load")
    closed = _everywhere(scale, cells)
    yield claim(["closed, useless, order", *head], TARGET, closed, CLOSED_AFTER, _closed_after)
    open_ = _everywhere(scale, _worth(scale, (cell.with_error(0.0) for cell in cells)))
    yield claim(["open, true lengths, order", *head], TARGET, open_)


def _everywhere(scale: Scale, cells: list[Cell]) -> list[Found[Run]]:
    plays = [Play(*how) for how in product(ORDERS, FILLS, LOADS)]
    plays += [Play("shortest", fill, 1.0, scale.backlog) for fill in FILLS]
    jobs = ((cell, how) for how, cell in product(plays, cells))
    return [
        one.right((one.how.order, one.how.fill, one.how.load_words))
        for one in _watched(scale, jobs)
    ]


def between(scale: Scale) -> str:
    """Tests that the gate seldom turns where predictions gain about what it asks for."""
    targets = scale.few(TARGETS)
    cells = [Cell(*of, 0.0) for of in product(SHAPES, scale.chosen)]
    tried = each(cells, lambda cell: [_turns(scale, cell, gain) for gain in targets])
    return claim(
        [f"turns in {scale.longer:,}, gain", "lengths"],
        Target(max(1, TURNS * scale.longer // 100_000), lambda turns: f"{turns:.0f}"),
        [found for of_target in zip(*tried, strict=True) for found in of_target if found],
        ["true gains"],
        lambda gains: [spread(gains, 3)],
    )


def _turns(scale: Scale, cell: Cell, gain: float) -> Found[float] | None:
    """Returns the turns with the error that has about this gain, or None without such an error."""
    error = scale.lab.error_of(cell, gain)
    if error is None:
        return None
    wrong = cell.with_error(error)
    run = play(scale.lab, wrong, Play(), scale.longer)
    return Found((f"{gain:g}", cell.shape), cell.where, len(run.turns), scale.lab.gain(wrong))
