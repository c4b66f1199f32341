"""Runs the checks on one subject and prints a line for each: see the docstring of the package."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .checks import load
from .run import here, in_child


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.batcher.conformance")
    parser.add_argument("subject", help="a name of `subjects`, or module:attribute")
    parser.add_argument("--check", action="append", choices=list(load()), help="only these checks")
    parser.add_argument(
        "--patience", type=float, default=5.0, help="seconds that a caller may wait"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        here(options.subject, options.check[0], options.patience, options.folder)
        return 0
    return table(options.subject, options.check or list(load()), options.patience, options.jobs)


def table(subject: str, checks: list[str], patience: float, jobs: int) -> int:
    """Prints a line for each check; returns 1 if any fails or hangs."""
    status = 0
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda check: in_child(subject, check, patience), checks)
        for check, outcome in zip(checks, outcomes, strict=True):
            why = outcome.why.strip().splitlines()[-1:] or [""]
            print(f"{check:26}{outcome.outcome:13}{why[0]}".rstrip(), flush=True)
            status |= outcome.outcome in ("fails", "hangs")
    return status


if __name__ == "__main__":
    sys.exit(main())
