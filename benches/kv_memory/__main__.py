"""Prints how many rows fit beside blocks of 16; status 1 if fitted classes miss the target."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from benches.kv_memory.memory import Slots
from benches.kv_memory.plans import plans
from benches.kv_memory.traffic import TRACE, Rows, read
from numpy.typing import NDArray

SIZES = (100_000, 1_000_000)
TARGET = 0.9
"""Rows of classes fitted online over those of blocks of 16, at least."""

WINDOWS = (512, 1024, 4096)


def closed(rows: Rows) -> None:
    """Prints the rows that the same positions hold, from the sum over all row-steps."""
    print("\n| | mean positions of a row | rows ÷ blocks of 16 |\n|---|---:|---:|")
    known = [plan for plan in plans(rows) if not np.isnan(plan.positions)]
    for plan in known:
        ratio = known[0].positions / plan.positions
        print(f"| {plan.name} | {plan.positions / rows.steps:,.0f} | {ratio:.3f} |")


def simulated(rows: Rows, size: int) -> float:
    """Prints what a saturated server holds; returns the ratio of classes fitted online."""
    print(f"\n{size:,} positions\n")
    print("| | rows | ÷ blocks of 16 | parked | climbs | moves | copied positions a token |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    base = ratio = 0.0
    for plan in plans(rows):
        outcome, memory = plan.run(rows, size)
        base = base or outcome.resident
        ratio = outcome.resident / base
        copies = "| | | |"
        if isinstance(memory, Slots):
            climbs, moves = memory.climbs, memory.moves
            share = (climbs.positions + moves.positions) / rows.steps
            copies = f"| {climbs.rows:,} | {moves.rows:,} | {share:.1f} |"
        head = f"| {plan.name} | {outcome.resident:.1f} | {ratio:.3f} | {outcome.parked:,} "
        print(head + copies, flush=True)
    return ratio


def rings(rows: Rows) -> None:
    """Prints the positions that rings of a sliding window's size would save."""
    print("\n| window | saved, 1/2 of the layers slide | 5/6 | all |\n|---|---:|---:|---:|")
    for window in WINDOWS:
        saved = saving(rows.weights, window)
        print(f"| {window:,} | {saved / 2:.1%} | {saved * 5 / 6:.1%} | {saved:.1%} |")


def saving(weights: NDArray[np.float64], window: int) -> float:
    """Returns the share of cached positions that lie before the window of their row."""
    cached = np.arange(len(weights))
    return 1 - float(weights @ np.minimum(cached, window)) / float(weights @ cached)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.kv_memory", description=__doc__)
    parser.add_argument("--trace", type=Path, default=TRACE, help="A file of requests")
    parser.add_argument("--rows", type=int, help="The first rows of the trace, or all")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="Positions in all")
    options = parser.parse_args()
    if not options.trace.exists():
        print(f"skipped: there is no {options.trace.name} in {options.trace.parent.name}/")
        return 0
    rows = read(options.trace, options.rows)
    print(f"{len(rows):,} rows, {rows.steps:,} tokens.")
    print(f"A row caches {rows.mean:,.0f} positions at a mean step, and at most {rows.longest:,}.")
    closed(rows)
    ratios = [simulated(rows, size) for size in options.sizes]
    rings(rows)
    met = min(ratios) >= TARGET
    print(f"\nclasses fitted online ÷ blocks of 16: {min(ratios):.3f}, target ≥ {TARGET}", end="")
    print("" if met else ", MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
