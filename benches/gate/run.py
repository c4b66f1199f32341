"""Plays cells through the simulator: when the gate turned, and which edges were used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from benches.gate.model import Cell, Lab, seed_of

import multibin as mb
from multibin.lab.traces import Trace, arrivals

__all__ = ["ADAPTIVE", "GATE", "Fill", "Order", "Play", "Run", "least_requests", "play"]

Order: TypeAlias = Literal["formed", "oldest", "shortest", "deadline"]
Fill: TypeAlias = Literal["elastic", "strict"]

GATE = mb.Adapt(edges=False)
ADAPTIVE = mb.Adapt()
WINDOWS = 8
"""Windows of its gate that a run has at least."""
FULL = 4
"""Windows after which a gate must know."""


@dataclass(frozen=True)
class Play:
    """How a cell is played."""

    order: Order = "formed"
    fill: Fill = "elastic"
    load: float = 0.9
    """Multiple of FIFO's saturation, B ÷ E[longest of B]."""
    backlog: int = 0
    """Requests that are there at the start."""
    adapt: mb.Adapt = field(default_factory=lambda: GATE)

    @property
    def load_words(self) -> str:
        backlog = f"{self.backlog:,} at 0, then " if self.backlog else ""
        return f"{backlog}{self.load:g}"

    @property
    def where(self) -> str:
        return f"{self.order}, {self.fill}, load {self.load_words}"


@dataclass(frozen=True)
class Run:
    """What happened, in finished requests."""

    requests: int
    window: int
    turns: tuple[int, ...]
    """Finished requests at each turn of the gate, which is open before the first one."""
    bins: tuple[int, ...]
    """Numbers of bins of the edges that came into use."""
    drifts: int

    @property
    def closed_after(self) -> float:
        """Returns the windows until the gate first closed."""
        return self.turns[0] / self.window if self.turns else np.inf

    @property
    def open(self) -> float:
        """Returns the share of the requests after ``FULL`` windows that find the gate open."""
        first = FULL * self.window
        marks = np.clip([0, *self.turns, self.requests], first, self.requests)
        return float(np.diff(marks)[::2].sum() / (self.requests - first))


def window(cell: Cell, edges: mb.Edges) -> int:
    return mb.Gate(edges, cell.size.batch_size).window


def least_requests(lab: Lab, cell: Cell, requests: int) -> int:
    """Returns ``requests``, or those of ``WINDOWS`` windows if these are more."""
    return max(requests, WINDOWS * window(cell, lab.edges(cell)))


def play(lab: Lab, cell: Cell, how: Play, requests: int, edges: mb.Edges | None = None) -> Run:
    """Plays a cell, from the best edges unless ``edges`` are given."""
    used = lab.edges(cell) if edges is None else edges
    config = mb.SchedulerConfig(
        used, cell.size.batch_size, order=how.order, fill=how.fill, adapt=how.adapt
    )
    records = mb.simulate(
        _trace(lab, cell, how, requests), scheduler=config, costs=mb.CostModel(step=1.0)
    )
    return _run(records, window(cell, used))


def _trace(lab: Lab, cell: Cell, how: Play, n: int) -> Trace:
    predicted, actual = lab.pairs(cell.shape, cell.error, n, cell, how.where)
    rate = how.load * cell.size.batch_size / lab.longest(cell.shape, cell.size.batch_size)
    seed = seed_of(lab.seed, cell, how.where, "arrivals")
    times = arrivals.poisson(n - how.backlog, rate, seed)
    times = np.concatenate([np.zeros(how.backlog), times])
    return Trace(np.zeros(n, np.int64), actual, times, predicted)


def _run(records: mb.Records, window: int) -> Run:
    finished = np.sort(records.finish)
    turns = [event.time for event in records.events if event.kind != "swapped"]
    adaptation = records.adaptation
    assert adaptation is not None
    return Run(
        requests=len(finished),
        window=window,
        turns=tuple(_counted(finished, turns)),
        bins=tuple(event.bins for event in records.events if event.bins is not None),
        drifts=adaptation["edges"]["drifts"],
    )


def _counted(finished: np.ndarray, times: Sequence[float]) -> list[int]:
    """Returns the requests that had finished by these times, including batches that ended then."""
    return [int(n) for n in np.searchsorted(finished, times, side="right")]
