"""Predictor drift: predictions turn to noise in mid-run, and recover.

The tables show when the gate notices, and what it saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from benches.policies.model import BATCH_SIZES, BINS, MOVE, Lab, Load
from benches.policies.run import Runs
from benches.policies.tables import seconds, table
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import Trace

__all__ = ["NAMES", "Drift", "bounds", "drifts", "latencies", "show"]

NOISE = Load(error=None, spell=(1 / 3, 2 / 3))
REQUESTS = 30_000
LOADS = (0.95, 1.2)
"""Multiples of FIFO's saturation."""
NAMES = ("FIFO", "elastic bins", "elastic bins, gated")
NOTICED, BATCHES = 2000, 8
"""Finished requests, or batches of each bin, within which the gate must notice a turn."""
SETTLED = 0.1
"""Share of a spell that is left out at its beginning."""


@dataclass(frozen=True)
class Drift:
    """The state of the gate after each finished request, in this order; shape ``[n]``."""

    gain: NDArray[np.float64]
    """NaN until it is known."""
    is_open: NDArray[np.bool_]
    request: NDArray[np.intp]
    """The request that finished."""
    arrived: NDArray[np.intp]
    """The number of requests that had arrived by then."""

    @classmethod
    def of(cls, trace: Trace, records: mb.Records, gate: mb.Gate) -> Drift:
        """Returns the states in a gated run, whose events say when its gate turned.

        The gains are those of another gate. It sees the arrivals and the finished requests of the
        run, rows of one batch in order of arrival.
        """
        order = np.argsort(records.finish, kind="stable")
        finish = records.finish[order]
        arrived = np.searchsorted(records.arrival, finish, side="right")
        gain, is_open, came = np.full(len(order), np.nan), np.ones(len(order), np.bool_), 0
        for i, request in enumerate(order):
            gate.arrive(trace.predictions[came : arrived[i]])
            gate.observe(trace.predictions[request], trace.output_tokens[request])
            gain[i], came = gate.gain or np.nan, max(came, int(arrived[i]))
        for event in records.events:
            is_open[np.searchsorted(finish, event.time + 1e-6, side="right") :] = (
                event.kind == "opened"
            )
        return cls(gain, is_open, order, arrived)

    def until(self, turn: int, is_open: bool) -> tuple[float, float]:
        """Returns the requests that finish from the arrival of ``turn`` until the gate turns.

        The second number counts those that arrived since. Both are NaN if the gate never turns.
        """
        after = self.arrived > turn
        said = np.flatnonzero(after & (self.is_open == is_open))
        if not len(said):
            return np.nan, np.nan
        after[said[0] + 1 :] = False
        return float(after.sum()), float((after & (self.request >= turn)).sum())


def bounds(lab: Lab) -> tuple[int, int, int]:
    """Returns the first request with noise, the first true one after it, and their number."""
    n = min(REQUESTS, lab.requests)
    first, last = (round(share * n) for share in NOISE.spell)
    return first, last, n


def drifts(runs: Runs, batch_size: int, x: float) -> list[Drift]:
    """Returns the states of the gate at a multiple of FIFO's saturation, one run a seed."""
    lab, n = runs.lab, bounds(runs.lab)[2]
    edges = lab.edges(NOISE.shape, batch_size, MOVE)[0]
    played = enumerate(_played(runs, NAMES[-1], batch_size, x))
    return [
        Drift.of(lab.drawn(NOISE, n, seed), records, mb.Gate(edges, batch_size))
        for seed, records in played
    ]


def latencies(runs: Runs, name: str, batch_size: int, x: float) -> NDArray[np.float64]:
    """Returns latencies in seconds, in order of arrival; shape ``[seeds, n]``."""
    return np.array([records.latency for records in _played(runs, name, batch_size, x)])


def _played(runs: Runs, name: str, batch_size: int, x: float) -> Iterator[mb.Records]:
    rate, n = x * runs.lab.base(NOISE, batch_size), bounds(runs.lab)[2]
    for seed in range(runs.lab.seeds):
        yield runs.play(name, NOISE, batch_size, rate, n, seed)


def show(runs: Runs) -> Iterator[str]:
    """Yields the tables as Markdown."""
    yield table(
        ["finished requests until", "load", "B", "mean", "seeds", "new ones", "limit", ""],
        [row for x, b in product(LOADS, BATCH_SIZES) for row in _noticed(runs, b, x)],
    )
    yield table(
        ["mean / p99, seconds", "load", "B", "true", "noise", "true again"],
        [_spells(runs, name, b, x) for x, b, name in product(LOADS, BATCH_SIZES, NAMES)],
    )


def _noticed(runs: Runs, b: int, x: float) -> Iterator[list[str]]:
    """Yields the time that the gate takes to close after the turn, and to open again."""
    first, last, _ = bounds(runs.lab)
    found = drifts(runs, b, x)
    for what, turn, is_open in (("it closes", first, False), ("it opens", last, True)):
        finished, new = np.array([each.until(turn, is_open) for each in found]).T
        seeds = f"{finished.min():,.0f} to {finished.max():,.0f}"
        limit = max(NOTICED, BATCHES * BINS * b)
        mark = "reached" if finished.max() <= limit else "**not reached**"
        numbers = [f"{finished.mean():,.0f}", seeds, f"{new.mean():,.0f}", f"{limit:,}"]
        yield [what, f"{x:g}", str(b), *numbers, mark]


def _spells(runs: Runs, name: str, b: int, x: float) -> list[str]:
    first, last, n = bounds(runs.lab)
    found, cells = latencies(runs, name, b, x), [name, f"{x:g}", str(b)]
    for start, stop in ((0, first), (first, last), (last, n)):
        own = found[:, start + round(SETTLED * (stop - start)) : stop]
        p99 = np.quantile(own, 0.99, axis=1).mean()
        cells.append(f"{seconds(float(own.mean()))} / {seconds(float(p99))}")
    return cells
