"""Tests every claim, prints the tables as Markdown, and draws the figure."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benches.gate import fed, figures, swaps, watched
from benches.gate.model import Lab
from benches.gate.scale import Scale


def page(scale: Scale) -> Iterator[str]:
    yield "## Useless predictions keep the gate closed\n"
    yield watched.useless(scale)
    yield "## Useful ones keep it open\n"
    yield watched.useful(scale)
    yield "## Orders, fills, overload and a backlog\n"
    yield from watched.everywhere(scale)
    yield "## Between the limits\n"
    yield watched.between(scale)
    yield "## Stationary traffic keeps its edges\n"
    yield from swaps.stationary(scale)
    yield "## Useless predictions earn no second bin\n"
    yield swaps.one_bin(scale)
    yield "## A predictor that turns to noise\n"
    yield fed.noise(scale)
    yield "## The estimate\n"
    yield fed.readings(scale)


def timed(parts: Iterable[str]) -> Iterator[str]:
    """Yields the parts, and prints on the error stream how long each took."""
    began = time.perf_counter()
    for part in parts:
        yield part
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.gate", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="Run few settings, with 20,000 requests"
    )
    parser.add_argument(
        "--requests", type=int, default=100_000, help="Requests of a simulation, at least"
    )
    parser.add_argument("--seeds", type=int, default=3, help="Seeds of gates that are fed alone")
    parser.add_argument("--first-seed", type=int, default=0, help="First seed of all draws")
    parser.add_argument("--figure", type=Path, help="Folder for gain.png")
    return parser


def main() -> None:
    options = parser().parse_args()
    requests = 20_000 if options.quick else options.requests
    scale = Scale(Lab(options.first_seed), requests, options.seeds, options.quick)
    for part in timed(page(scale)):
        print(part, flush=True)
    if options.figure:
        figures.draw(scale, options.figure)


if __name__ == "__main__":
    main()
