"""Plays everything, prints the tables as Markdown, and draws the figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benches.policies import drift, figures, tables, targets
from benches.policies.options import make_lab, parser
from benches.policies.run import Runs

ALL_SEEDS = (
    *("FIFO", "strict bins", "elastic bins", "climbing, blind", "climbing, blind, 2B parked"),
    *("nearest, no bins", "heaviest bin, Σ wait", "heaviest bin, Σ wait²"),
)
"""Policies whose saturation is searched with every seed, as targets need it."""


def page(runs: Runs) -> Iterator[str]:
    yield "## The targets\n"
    yield from targets.show(runs)
    yield "## Saturation\n"
    yield tables.saturations(runs, ALL_SEEDS)
    yield "## Latencies\n"
    yield from tables.latencies(runs)
    yield "## Errors of the predictions\n"
    yield from tables.noise(runs)
    yield "## A predictor that turns to noise\n"
    yield from drift.show(runs)
    yield "## Other loads\n"
    yield from tables.others(runs)


def main() -> None:
    arguments = parser("python -m benches.policies", __doc__)
    arguments.add_argument("--figures", type=Path, help="Folder for policies-*.png and gate.png")
    options, began = arguments.parse_args(), time.perf_counter()
    runs = Runs(make_lab(options))
    for part in page(runs):
        print(part, flush=True)
    if options.figures:
        figures.draw(runs, options.figures)
    seconds = time.perf_counter() - began
    print(f"\r{runs.count:,} simulations in {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
