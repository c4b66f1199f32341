"""Prints each figure of batches cut by measured costs beside its target.

The exit status is 1 if a figure misses its target.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from benches.known_lengths.cases import BINS, Case, cases
from benches.known_lengths.exact import limit, minmax
from benches.known_lengths.loop import shipped

USERS = (16, 64, 256, 1024)

RATE, LIMIT, WAIT = "rate ÷ exact program", "rate ÷ endless backlog", "p99 wait ÷ MINMAX"
TARGETS = {
    (RATE, 16): 0.99,
    (RATE, 64): 0.99,
    (LIMIT, 1024): 0.96,
    (WAIT, 16): 1.0,
    (WAIT, 64): 1.0,
    (WAIT, 256): 0.85,
}
"""The least ratio of rates, the largest of waits."""


@dataclass(frozen=True)
class Figures:
    """Requests per second and 99th percentiles of waits, means of the seeds."""

    rate: float
    wait: float
    exact_rate: float
    exact_wait: float


def figures(case: Case, users: int, requests: int, seeds: int) -> Figures:
    """Serves the same requests by the shipped scheduler and by the exact program.

    With 1,024 users the exact program is left out: its figures are NaN.
    """
    config = case.config()
    found = []
    for seed in range(seeds):
        lengths = case.draw(max(requests, 12 * users), seed)
        ours = shipped(case, config, lengths, users).figures(users)
        rival = (np.nan, np.nan)
        if users < 1024:
            rival = minmax(case, lengths, users).figures(users)
        found.append((*ours, *rival))
    return Figures(*(float(value) for value in np.mean(found, axis=0)))


def table(users: int, rows: list[tuple[Case, float, Figures]]) -> bool:
    """Prints the figures of a number of users; returns true if they meet the targets."""
    print(f"\n{users} users\n")
    print(f"| | requests/s | p99 wait, s | {RATE} | {LIMIT} | {WAIT} |")
    print("|---|---|---|---|---|---|")
    ratios = []
    for case, most, found in rows:
        ratio = (found.rate / found.exact_rate, found.rate / most, found.wait / found.exact_wait)
        ratios.append(ratio)
        shown = " | ".join(f"{value:.3f}" for value in ratio)
        print(f"| {case.name} | {found.rate:.2f} | {found.wait:.2f} | {shown} |")
    met = True
    for name, mean in zip((RATE, LIMIT, WAIT), np.mean(ratios, axis=0), strict=True):
        target = TARGETS.get((name, users))
        if target is not None:
            good = mean <= target if name == WAIT else mean >= target
            sign = "≤" if name == WAIT else "≥"
            print(f"\n{name}: {mean:.3f}, target {sign} {target}{'' if good else ', MISSED'}")
            met &= bool(good)
    return met


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.known_lengths", description=__doc__)
    parser.add_argument("--requests", type=int, default=8_000, help="Requests of a run, at least")
    parser.add_argument("--seeds", type=int, default=5, help="Runs of each setting")
    options = parser.parse_args()
    known = cases()
    if not known:
        print("skipped: ../shared/data has no tables of Razor's Edge")
        return 0
    print(f"{BINS} bins, {options.seeds} seeds, {options.requests:,} requests or 12 a user.")
    limits = [limit(case) for case in known]
    met = True
    for users in USERS:
        rows = [
            (case, most, figures(case, users, options.requests, options.seeds))
            for case, most in zip(known, limits, strict=True)
        ]
        met &= table(users, rows)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
