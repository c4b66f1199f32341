"""Plays everything, prints the tables as Markdown and draws the figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benches.frontier import bars, figures, tables, turn
from benches.frontier.options import laboratory, parser
from benches.frontier.run import Runs

ALL_SEEDS = (
    *("FIFO", "strict bins", "elastic bins", "climbing, blind", "climbing, blind, 2B parked"),
    *("nearest, no bins", "heaviest bin, Σ wait", "heaviest bin, Σ wait²"),
)
"""Policies whose saturation is searched with every seed: those that bars ask for."""


def page(runs: Runs) -> Iterator[str]:
    yield "## The bars\n"
    yield from bars.show(runs)
    yield "## Saturation\n"
    yield tables.saturations(runs, ALL_SEEDS)
    yield "## Latencies\n"
    yield from tables.frontier(runs)
    yield "## Errors of the predictions\n"
    yield from tables.noise(runs)
    yield "## A predictor that turns to noise\n"
    yield from turn.show(runs)
    yield "## Other loads\n"
    yield from tables.others(runs)


def main() -> None:
    arguments = parser("python -m benches.frontier", __doc__)
    arguments.add_argument("--figures", type=Path, help="folder for frontier-*.png and gate.png")
    options, began = arguments.parse_args(), time.perf_counter()
    runs = Runs(laboratory(options))
    for part in page(runs):
        print(part, flush=True)
    if options.figures:
        figures.draw(runs, options.figures)
    seconds = time.perf_counter() - began
    print(f"\r{runs.count:,} simulations in {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
