"""Prints how often a plan's 90 % interval holds: plan on one half of a trace, play the other.

``python -m benches.plan_intervals [FOLDER]`` plans on the first half of the time of each trace, and
plays the second half at its own times. FOLDER has the real traces, which are played at two speeds:
``azure_llm_2023_conv.csv``, ``azure_llm_2023_code.csv``, ``mooncake_conversation.jsonl``. Without
it the traces that are drawn here are used alone. Costs are those of an 8B model on one H100.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from multibin.costs import hardware
from multibin.lab.compare import Settings
from multibin.lab.plan import Check, Objective, Question, check, choose, load
from multibin.lab.plan._drift import halves
from multibin.lab.traces import Trace, arrivals, lengths, read

NAMES = {
    "azure_llm_2023_conv.csv": (0.5, 1.0),
    "azure_llm_2023_code.csv": (0.5, 1.0),
    "mooncake_conversation.jsonl": (0.1, 0.2),
}
"""Real traces, and the speeds at which they are played."""

MOST = 0.3
"""Half the width of an interval, relative, that is useful."""


@dataclass(frozen=True)
class Case:
    """A trace at a speed."""

    name: str
    trace: Trace
    speed: float = 1.0


def drawn() -> Iterator[Case]:
    """Yields traces of 20,000 requests with Poisson arrivals, bursts, and two kinds of lengths."""
    for number, (name, rate, cv) in enumerate(
        [("Poisson, 5/s", 5, 1), ("Poisson, 8/s", 8, 1), ("cv 2, 5/s", 5, 2), ("cv 3, 3/s", 3, 3)]
    ):
        prompts = lengths.log_normal(20_000, 500, 1.0, seed=10 * number, high=8000)
        outputs = lengths.log_normal(20_000, 200, 0.8, seed=10 * number + 1, high=2000)
        times = arrivals.gamma(20_000, rate, cv, seed=10 * number + 2)
        yield Case(name, Trace(prompts, outputs, times))


def real(folder: Path) -> Iterator[Case]:
    """Yields the real traces of a folder."""
    for name, speeds in NAMES.items():
        trace = read(folder / name)
        for speed in speeds:
            yield Case(f"{name.rpartition('.')[0]} x {speed:g}", trace, speed)


def checked(case: Case) -> Check:
    """Plans on the first half and plays the second."""
    first, second = halves(case.trace)
    settings = Settings(case.name, costs=hardware("H100-8B").costs, saturation=True)
    question = Question(
        settings,
        Objective(case.speed * first.rate),
        speed=case.speed,
        batch_sizes=(16, 32),
        bins=(1, 8),
        continuous=False,
    )
    requests = load(question, first)
    return check(choose(question, requests, lambda _: None), requests, second)


def line(case: Case, found: Check) -> str:
    """Returns the promise, what came, and whether the halves differ."""
    promise = found.promised.estimated("p99")
    width = promise.half_width or 0.0
    said = f"said: {'; '.join(map(str, found.differences))}" if found.differences else ""
    wide = f"said: known within {width:.0%} alone" if width > MOST and not said else said
    policy = found.promised.candidate.policy.name
    inside = "inside" if found.inside("p99") else "OUTSIDE"
    return f"{case.name:30} {policy:16} {promise!s:>16} {found.found.p99:8.4g}  {inside:8} {wide}"


def main() -> None:
    """Prints a line a case, and the count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="Folder of the real traces (none)")
    folder = parser.parse_args().folder
    cases = [*drawn(), *(real(folder) if folder else ())]
    print(f"{'load':30} {'plan':16} {'planned p99 (s)':>16} {'played':>8}")
    good = 0
    for case in cases:
        found = checked(case)
        print(line(case, found), flush=True)
        width = found.promised.estimated("p99").half_width or 0.0
        held = bool(found.inside("p99")) and width <= MOST
        good += held or bool(found.differences)
    print(f"{good} of {len(cases)}: inside an interval of at most ± 30 %, or said to differ")


if __name__ == "__main__":
    main()
