"""Plays everything, prints the tables as Markdown and draws the figures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benches.frontier import bars, figures, tables, turn
from benches.frontier.model import Lab
from benches.frontier.run import Runs

from multibin.traces import chat, read

ALL_SEEDS = (
    *("FIFO", "strict bins", "elastic bins", "climbing, blind", "climbing, blind, 2B parked"),
    *("nearest, no bins", "heaviest bin, Σ wait", "heaviest bin, Σ wait²"),
)
"""Policies whose saturation is searched with every seed: those that bars ask for."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.frontier", description=__doc__)
    parser.add_argument("--trace", help="lengths of the chat load; without it, invented ones")
    parser.add_argument("--figures", type=Path, help="folder for frontier-*.png and gate.png")
    parser.add_argument("--quick", action="store_true", help="2 seeds, 20,000 requests")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--searched", type=int, default=400_000, help="in a search for saturation")
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


def laboratory(options: argparse.Namespace) -> Lab:
    trace = read(options.trace) if options.trace else chat(20_000, seed=10**6)
    n, searched, seeds = options.requests, options.searched, options.seeds
    if options.quick:
        n, searched, seeds = 20_000, 40_000, 2
    return Lab(trace.output_tokens, n, searched, seeds)


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
    options, began = arguments(), time.perf_counter()
    runs = Runs(laboratory(options))
    for part in page(runs):
        print(part, flush=True)
    if options.figures:
        figures.draw(runs, options.figures)
    seconds = time.perf_counter() - began
    print(f"\r{runs.count:,} simulations in {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
