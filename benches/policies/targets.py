"""The targets of the policies, each with its number and whether it is reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from benches.policies.model import BATCH_SIZES, MODELS, Load
from benches.policies.run import MEASURES, Runs
from benches.policies.tables import percent, spread, table
from numpy.typing import NDArray

from multibin.lab import theory

__all__ = ["ERRORS", "LOADS", "show"]

LOADS = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)
"""Multiples of FIFO's saturation."""
ERRORS = (0.0, 0.25, 0.5)
LONGER = 4
PARKED = (0.7, 0.9, 0.98, 1.2)
NEAR = (0.9, 0.95, 0.98)
"""Multiples of a policy's own saturation."""


@dataclass(frozen=True)
class Target:
    what: str
    batch_size: int
    value: float
    limit: float
    where: str = ""
    least: bool = False
    """Reached at the limit or above, else at or below."""

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit

    def row(self) -> list[str]:
        sign = "≥" if self.least else "≤"
        number = f"{self.value:.3f}{f' ({self.where})' if self.where else ''}"
        mark = "reached" if self.reached else "**not reached**"
        return [self.what, str(self.batch_size), f"{sign} {self.limit:g}", number, mark]


def show(runs: Runs) -> Iterator[str]:
    """Yields the tables as Markdown."""
    for batch_size in BATCH_SIZES:
        found = [
            *_beside_fifo(runs, batch_size),
            *_saturated(runs, batch_size),
            *_starving(runs, batch_size),
            *_climbing(runs, batch_size),
            *_losses(runs, batch_size),
        ]
        yield table(["target", "B", "limit", "measured", ""], [target.row() for target in found])
    yield _parked(runs)
    yield _longest_waits(runs)
    yield _rates(runs)
    yield _move_costs(runs)


def _ratios(
    runs: Runs, load: Load, b: int, x: float, measure: str, name: str = "elastic bins"
) -> NDArray[np.float64]:
    """Returns a policy's measure over FIFO's, one a seed."""
    column = MEASURES.index(measure)
    elastic = runs.relative(name, load, b, x)[:, column]
    fifo = runs.relative("FIFO", Load(load.shape, load.cv, 0.0, load.servers), b, x)[:, column]
    return np.asarray(elastic / fifo)


def _beside_fifo(runs: Runs, b: int) -> Iterator[Target]:
    worst: dict[str, list[tuple[float, str]]] = {}
    for error in ERRORS:
        for x in LOADS:
            where = f"σ {error:g}, load {x:g}"
            for measure in ("mean", "p99", "long wait mean", "long wait p99"):
                ratios = _ratios(runs, Load(error=error), b, x, measure)
                worst.setdefault(measure, []).append((float(ratios.mean()), where))
                worst.setdefault(f"{measure}, worst seed", []).append((float(ratios.max()), where))
    for measure, limit in (("mean", 1.01), ("p99", 1.01)):
        yield _worst(f"elastic, {measure} latency ÷ FIFO's", b, worst[measure], limit)
        seeds = worst[f"{measure}, worst seed"]
        yield _worst(f"the same, worst seed ({measure})", b, seeds, 1.03)
    for measure, limit in (("mean", 1.1), ("p99", 1.25)):
        what = f"elastic, longest 1 %, {measure} wait ÷ FIFO's"
        yield _worst(what, b, worst[f"long wait {measure}"], limit)


def _worst(what: str, b: int, values: Iterable[tuple[float, str]], limit: float) -> Target:
    points = list(values)
    value, where = max(points)
    over = sum(value > limit for value, _ in points)
    return Target(what, b, value, limit, f"{where}; {over} of {len(points)} points above")


def _saturated(runs: Runs, b: int) -> Iterator[Target]:
    elastic, strict = (
        runs.saturations(n, b, runs.lab.seeds) for n in ("elastic bins", "strict bins")
    )
    ratios = elastic / strict
    what = "saturation of elastic ÷ strict's, same bins"
    yield Target(what, b, float(ratios.mean()), 0.99, f"seeds {spread(ratios, 3)}", least=True)
    longer = _longer(runs, "elastic bins", b) / _longer(runs, "strict bins", b)
    yield Target(f"{what}, {LONGER} × the requests", b, longer, 0.99, "one seed", least=True)


def _longer(runs: Runs, name: str, b: int) -> float:
    """Returns the saturation from a longer run, one seed."""
    return float(runs.saturations(name, b, 1, longer=LONGER)[0])


def _starving(runs: Runs, b: int) -> Iterator[Target]:
    for error in ERRORS:
        seeds = runs.lab.seeds if error == 0 else 2
        top = float(runs.saturations("elastic bins", b, seeds, error=error).mean())
        found = [_worst_wait(runs, b, top, x, error) for x in NEAR]
        what = f"elastic, p99 wait of the longest 1 % ÷ that of all, σ {error:g}"
        yield _worst(what, b, found, 1.5)


def _parked(runs: Runs) -> str:
    rows = []
    for name in ("climbing, blind", "climbing, blind, 2B parked"):
        cells = [name]
        for b in BATCH_SIZES:
            for x in PARKED:
                found = runs.at(name, Load(), b, x * _own(runs, "climbing, blind", b))
                cells.append(f"{found[:, MEASURES.index('begun')].mean():,.0f}")
        rows.append(cells)
    head = [f"B={b} at {x:g}" for b in BATCH_SIZES for x in PARKED]
    return table(["most requests begun and not finished", *head], rows)


def _own(runs: Runs, name: str, b: int) -> float:
    return float(runs.saturations(name, b, runs.lab.seeds).mean())


def _worst_wait(runs: Runs, b: int, top: float, x: float, error: float) -> tuple[float, str]:
    ratios = _unfair(runs, "elastic bins", b, x * top, error)
    return float(ratios.mean()), f"at {x:g}, seeds {spread(ratios, 2)}"


def _unfair(
    runs: Runs, name: str, b: int, rate: float, error: float | None = 0.0
) -> NDArray[np.float64]:
    """Returns the p99 wait of the longest 1 % over that of all requests, one a seed."""
    rows = runs.at(name, Load(error=error), b, rate)
    longest, overall = (MEASURES.index(m) for m in ("long wait p99", "wait p99"))
    return np.asarray(rows[:, longest] / rows[:, overall])


def _climbing(runs: Runs, b: int) -> Iterator[Target]:
    bound, seeds = runs.lab.bound(Load(), b), runs.lab.seeds
    for name, limit in (("climbing, blind", 0.85), ("climbing, blind, 2B parked", 0.81)):
        share = runs.saturations(name, b, seeds) / bound
        what = f"{name}: saturation ÷ (B/E[l])"
        yield Target(what, b, float(share.mean()), limit, f"seeds {spread(share, 3)}", least=True)
        longer = _longer(runs, name, b) / bound
        yield Target(f"the same, {LONGER} × the requests", b, longer, limit, "one seed", least=True)
    rate = 0.9 * _own(runs, "climbing, blind", b)
    climbing, elastic = (runs.at(n, Load(), b, rate) for n in ("climbing, blind", "elastic bins"))
    for measure, limit in (("p99", 1.0 if b == 32 else 1.05), ("mean", 0.75)):
        column = MEASURES.index(measure)
        ratios = climbing[:, column] / elastic[:, column]
        what = f"climbing ÷ elastic with oracle lengths, {measure} latency at .9"
        yield Target(what, b, float(ratios.mean()), limit, f"seeds {spread(ratios, 2)}")


def _losses(runs: Runs, b: int) -> Iterator[Target]:
    loads = {"shuffled": Load(error=None), "U[90,110]": Load("uniform 90–110")}
    gates = {"without a gate": "elastic bins", "with the gate": "elastic bins, gated"}
    for (name, load), (gate, policy) in product(loads.items(), gates.items()):
        for measure in ("mean", "p99"):
            found = [
                (float(_ratios(runs, load, b, x, measure, policy).mean()), f"load {x:g}")
                for x in LOADS
            ]
            yield _worst(f"elastic {gate}, {name}, {measure} ÷ FIFO's", b, found, 1.1)


def _longest_waits(runs: Runs) -> str:
    names = ("elastic bins", "nearest, no bins", "heaviest bin, Σ wait", "heaviest bin, Σ wait²")
    rows = []
    for name in names:
        cells = [name]
        for b in BATCH_SIZES:
            own = _own(runs, name, b)
            cells += [f"{_unfair(runs, name, b, x * own).mean():.2f}" for x in (0.9, 0.98)]
        rows.append(cells)
    head = [f"B={b} at {x}" for b in BATCH_SIZES for x in (".9", ".98")]
    return table(["p99 wait of the longest 1 % ÷ that of all", *head], rows)


def _rates(runs: Runs) -> str:
    names = ("elastic bins", "nearest, no bins", "heaviest bin, Σ wait", "heaviest bin, Σ wait²")
    rows = []
    for name in names:
        found = [runs.rates_of_p99(name, b, 100.0) for b in BATCH_SIZES]
        rows.append([name, *(f"{r.mean():.3f} ({spread(r, 3)})" for r in found)])
    head = [f"B={b}, requests/s" for b in BATCH_SIZES]
    return table(["rate at which the p99 latency reaches 100 s", *head], rows)


def _move_costs(runs: Runs) -> str:
    rows = []
    for words, move in MODELS.items():
        cells = [words]
        for b in BATCH_SIZES:
            found = float(runs.saturations("climbing, blind", b, 1, move)[0])
            steps = 2.0 * b if move is None else move
            levels = runs.lab.edges("chat", b, move)[1]
            formula = theory.climbing_efficiency(runs.lab.chat, levels, steps + 2.5)
            cells += [percent(found / runs.lab.bound(Load(), b)), percent(formula)]
        rows.append(cells)
    head = [f"B={b} {what}" for b in BATCH_SIZES for what in ("simulated", "formula")]
    return table(["climbing's saturation ÷ (B/E[l]), moves cost", *head], rows)
