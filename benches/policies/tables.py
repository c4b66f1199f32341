"""The tables of the page, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from benches.policies.model import BATCH_SIZES, POLICIES, Load
from benches.policies.run import MEASURES, Runs
from numpy.typing import NDArray

__all__ = [
    *("CURVE", "ERRORS", "heading", "latencies", "noise", "others"),
    *("percent", "saturations", "seconds", "spread", "table", "uses_predictions"),
]

CURVE = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 1.2, 1.5, 1.7, 1.9, 2.05, 2.2)
"""Loads of the curves, multiples of FIFO's saturation."""
SHOWN = (0.5, 0.95, 1.5, 1.9)
ERRORS = (0.0, 0.25, 0.5, 1.0, None)
INDIFFERENT = ("FIFO", "continuous", "climbing, blind")
"""Beginnings of the names of policies that make no use of predictions."""
BESIDE = ("FIFO", "climbing, blind", "continuous, every 16")
OTHERS = {
    "bursty chat, cv 3": Load(cv=3.0),
    "uniform 90–110": Load("uniform 90–110"),
    "exponential": Load("exponential"),
    "bimodal": Load("bimodal"),
    "chat, 2 servers": Load(servers=2),
    "chat, 8 servers": Load(servers=8),
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns Markdown, with numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def heading(words: str) -> str:
    return f"### {words}\n"


def percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def spread(values: NDArray[np.float64], digits: int) -> str:
    """Returns the least and the greatest value."""
    return f"{values.min():.{digits}f} to {values.max():.{digits}f}"


def seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def uses_predictions(name: str) -> bool:
    """Returns whether errors of predictions can change what a policy does."""
    return not any(name.startswith(beginning) for beginning in INDIFFERENT)


def saturations(runs: Runs, several: Sequence[str]) -> str:
    """Returns the saturation of every policy on Poisson chat; of ``several`` with all seeds."""
    rows = []
    for name in POLICIES:
        cells = [name]
        for b in BATCH_SIZES:
            found = runs.saturations(name, b, runs.lab.seeds if name in several else 1)
            x = found.mean() / runs.lab.base(Load(), b)
            share = percent(float(found.mean()) / runs.lab.bound(Load(), b))
            seeds = spread(found, 3) if len(found) > 1 else ""
            cells += [f"{found.mean():.3f}", seeds, f"{x:.2f}", share]
        rows.append(cells)
    head = [f"B={b}: {w}" for b in BATCH_SIZES for w in ("rate", "seeds", "× FIFO", "of B/E[l]")]
    return table(["policy", *head], rows)


def latencies(runs: Runs) -> Iterator[str]:
    """Yields the latencies of every policy at some loads of Poisson chat with true lengths."""
    for b in BATCH_SIZES:
        for x in SHOWN:
            rate = x * runs.lab.base(Load(), b)
            yield heading(f"B = {b}, load {x:g} × FIFO's saturation ({rate:.3f} requests/s)")
            head = ["policy", "mean", "p99", "seeds", "p99.9", "worst"]
            head += ["longest 1 %: mean", "p99", "seeds", "p99.9", "worst"]
            yield table(head, list(_latencies(runs, b, x)))


def _latencies(runs: Runs, b: int, x: float) -> Iterator[list[str]]:
    for name in POLICIES:
        if not runs.steady(name, Load(), b, x):
            yield [name, "overload", *[""] * 9]
            continue
        found, cells = runs.relative(name, Load(), b, x), [name]
        for column, measure in enumerate(MEASURES[:8]):
            cells.append(seconds(float(found[:, column].mean())))
            if measure.endswith("p99"):
                least, most = found[:, column].min(), found[:, column].max()
                cells.append(f"{seconds(least)} to {seconds(most)}")
        yield cells


def noise(runs: Runs) -> Iterator[str]:
    """Yields the latencies with errors of the predictions, at two loads."""
    for b in BATCH_SIZES:
        for x in (0.85, 1.3):
            yield heading(f"B = {b}, load {x:g}: mean / p99 : p99 of the longest 1 %, seconds")
            rows = []
            for name in filter(uses_predictions, POLICIES):
                cells = (_cell(runs, name, Load(error=error), b, x) for error in ERRORS)
                rows.append([name, *cells])
            for name in BESIDE:
                rows += [[f"{name} (needs none)", _cell(runs, name, Load(), b, x), *[""] * 4]]
            yield table(["policy", "σ 0", "σ .25", "σ .5", "σ 1", "shuffled"], rows)


def others(runs: Runs) -> Iterator[str]:
    """Yields the latencies with other arrivals, shapes and servers, at two loads."""
    for b in BATCH_SIZES:
        for x in (0.85, 1.2):
            yield heading(f"B = {b}, load {x:g}: mean / p99 : p99 of the longest 1 %, seconds")
            rows = [
                [name, *(_cell(runs, name, load, b, x) for load in OTHERS.values())]
                for name in POLICIES
            ]
            yield table(["policy", *OTHERS], rows)


def _cell(runs: Runs, name: str, load: Load, b: int, x: float) -> str:
    # The allowance of ``is_steady`` is for Poisson arrivals. Bursts pile up more, and dissolve.
    if load.cv == 1 and not runs.steady(name, load, b, x):
        return "overload"
    values = [seconds(runs.mean(name, load, b, x, m)) for m in ("mean", "p99", "long p99")]
    return f"{values[0]} / {values[1]} : {values[2]}"
