"""Varies the numbers of bins and levels and the bound on parked climbers.

It prints the tables of ``benches/results/constants.md``. The constants of the rules are no options:
each of their rows comes from a build in which that one is changed.

    python -m benches.policies.constants --build --trace azure_llm_2023_conv.csv
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from benches.policies.model import (
    BATCH_SIZES,
    BINS,
    FIXED,
    LEVELS,
    MOVE,
    POLICIES,
    STEP,
    Former,
    Lab,
    Load,
    Policy,
)
from benches.policies.options import make_lab, parser
from benches.policies.run import MEASURES, Runs
from benches.policies.tables import percent, seconds, table
from benches.policies.targets import ERRORS, LOADS

import multibin as mb

VARIED_BINS = (4, 8, 12, BINS, 24, 32, 64)
VARIED_LEVELS = (6, 8, LEVELS, 16, 24)
PARKED = (1, 2, 4, 8, None)
"""Multiples of B."""
ABOVE = {"elastic": 1.2, "climbing": 1.5}
"""Loads above FIFO's saturation, where a policy pays for what it does below."""


def elastic(lab: Lab, bins: int) -> Policy:
    def former(_bins: mb.Edges, _levels: mb.Edges, b: int) -> Former:
        return mb.SchedulerConfig(mb.Edges.optimal(lab.sample("chat"), bins, b), b)

    return Policy(f"{bins} bins", former)


def climbing(lab: Lab, levels: int, parked: int | None) -> Policy:
    edges = mb.Edges.feedback(lab.sample("chat"), levels, MOVE + FIXED / STEP)

    def former(_bins: mb.Edges, _levels: mb.Edges, b: int) -> Former:
        most = None if parked is None else parked * b
        return mb.SchedulerConfig(edges, b, overrun="climb", max_parked=most)

    return Policy(f"{levels} levels, {parked}", former, blind=True)


def worst(runs: Runs, name: str, b: int, measure: str) -> tuple[float, float]:
    """Returns the ratio to FIFO's at the points of the targets: worst mean, worst seed."""
    column = MEASURES.index(measure)
    ratios = np.array(
        [
            runs.relative(name, Load(error=error), b, x)[:, column]
            / runs.relative("FIFO", Load(), b, x)[:, column]
            for error in ERRORS
            for x in LOADS
        ]
    )
    return float(ratios.mean(axis=1).max()), float(ratios.max())


def latencies(runs: Runs, name: str, b: int, x: float) -> str:
    found = (runs.mean(name, Load(), b, x, m) for m in ("mean", "p99", "long p99"))
    mean, p99, longest = map(seconds, found)
    return f"{mean} / {p99} : {longest}"


def of_bins(runs: Runs, name: str, b: int) -> list[str]:
    (p99, seed), (wait, _) = (worst(runs, name, b, m) for m in ("p99", "long wait p99"))
    top = float(runs.saturations(name, b, runs.lab.seeds).mean())
    near = runs.at(name, Load(), b, 0.98 * top)
    unfair = near[:, MEASURES.index("long wait p99")] / near[:, MEASURES.index("wait p99")]
    rate = runs.rates_of_p99(name, b, 100.0).mean()
    numbers = [p99, seed, wait, unfair.mean(), top, rate]
    return [*(f"{x:.3f}" for x in numbers), latencies(runs, name, b, ABOVE["elastic"])]


def bins(runs: Runs, b: int, varied: tuple[int, ...]) -> str:
    head = ["p99 ÷ FIFO's", "worst seed", "longest 1 %, p99 wait ÷ FIFO's", "÷ that of all at .98"]
    head += ["saturation", "p99 reaches 100 s at", f"at load {ABOVE['elastic']}"]
    rows = [[f"{n} bins", *of_bins(runs, f"{n} bins", b)] for n in varied]
    return table([f"B = {b}", *head], rows)


def of_parked(runs: Runs, b: int, parked: int | None, levels: int) -> str:
    name = f"{levels} levels, {parked}"
    found = runs.saturations(name, b, runs.lab.seeds).mean() / runs.lab.bound(Load(), b)
    return f"{percent(float(found))}; {latencies(runs, name, b, ABOVE['climbing'])}"


def levels(runs: Runs, b: int, varied: tuple[int, ...], parked: tuple[int | None, ...]) -> str:
    head = [f"B = {b}, most parked", *(f"{n} levels" for n in varied)]
    rows = [
        ["any" if most is None else f"{most}B", *map(partial(of_parked, runs, b, most), varied)]
        for most in parked
    ]
    return table(head, rows)


def page(runs: Runs, build: bool) -> Iterator[str]:
    for b in BATCH_SIZES:
        yield bins(runs, b, (BINS,) if build else VARIED_BINS)
    for b in BATCH_SIZES:
        varied = (LEVELS,) if build else VARIED_LEVELS
        yield levels(runs, b, varied, (2, None) if build else PARKED)


def main() -> None:
    arguments = parser("python -m benches.policies.constants", __doc__)
    arguments.add_argument("--build", action="store_true", help="Run 16 bins and 12 levels alone")
    options = arguments.parse_args()
    lab = make_lab(options)
    varied = [elastic(lab, n) for n in VARIED_BINS]
    varied += [climbing(lab, n, most) for n in VARIED_LEVELS for most in PARKED]
    runs = Runs(lab, {"FIFO": POLICIES["FIFO"], **{policy.name: policy for policy in varied}})
    for part in page(runs, options.build):
        print(part, flush=True)


if __name__ == "__main__":
    main()
