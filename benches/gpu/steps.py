"""The steps of a run, each a process with its own limit of time."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import IO

__all__ = ["Outcome", "Step", "pytest_step", "run"]

TAIL = 25
"""Lines of output that a step which did not pass leaves in the journal."""
DEPRECATIONS = ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
WORKERS = 8
"""Processes of a test step, where pytest-xdist and the cores are there."""


@dataclass(frozen=True)
class Step:
    """A command with its limit in seconds; it runs again while its status is `again`."""

    name: str
    command: Sequence[str]
    limit: float
    again: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment, beside those of the whole run."""


@dataclass(frozen=True)
class Outcome:
    """How a step ended: "passed", "failed", "out of time" or "not begun"."""

    outcome: str
    seconds: float
    tail: Sequence[str] = ()


def run(step: Step, limit: float, environment: Mapping[str, str]) -> Outcome:
    """Runs a step for at most `limit` seconds; its output appears as it comes."""
    began, tail = perf_counter(), deque[str](maxlen=TAIL)
    while True:
        left = limit - (perf_counter() - began)
        variables = {**environment, **step.variables}
        status = _run_once(step.command, left, variables, tail.append)
        if status is None or status != step.again:
            break
    seconds = perf_counter() - began
    if status == 0:
        return Outcome("passed", seconds)
    return Outcome("out of time" if status is None else "failed", seconds, [*tail])


def _run_once(
    command: Sequence[str],
    limit: float,
    environment: Mapping[str, str],
    keep: Callable[[str], object],
) -> int | None:
    """Returns the status of a command; None if it was ended at the limit."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # So that its own children end with it.
        start_new_session=True,
    )
    assert process.stdout is not None
    reader = Thread(target=_echo, args=(process.stdout, keep), daemon=True)
    reader.start()
    try:
        status: int | None = process.wait(max(limit, 0))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = None
    reader.join(timeout=10)
    # A process that it left behind keeps its output open.
    if not reader.is_alive():
        process.stdout.close()
    return status


def _echo(lines: IO[str], keep: Callable[[str], object]) -> None:
    for line in lines:
        print(line, end="", flush=True)
        keep(line.rstrip()[:400])


def pytest_step(
    name: str,
    tests: Sequence[str],
    limit: float,
    journal: Path,
    *,
    parallel: bool,
    variables: Mapping[str, str] | None = None,
) -> Step:
    """Returns a step of tests; a test that lacks a package is skipped."""
    command = [*_pytest(name, journal), *_workers(parallel), *tests]
    return Step(name, command, limit, variables={"OMP_NUM_THREADS": "1", **(variables or {})})


def _pytest(name: str, journal: Path) -> Iterator[str]:
    yield from (sys.executable, "-m", "pytest", "-q", "-p", "benches.gpu.plugin")
    # Beside pytest-xdist, pytest-benchmark warns, and warnings are errors.
    yield from ("-p", "no:benchmark")
    yield from ("-p", "no:cacheprovider", f"--journal={journal}", f"--journal-step={name}")
    # An older pytest does not read `[tool.pytest]`.
    yield from ("--import-mode=importlib", "--continue-on-collection-errors")
    # The versions of the machine are others than the locked ones.
    yield from (f"-Wdefault::{category}" for category in DEPRECATIONS)


def _workers(parallel: bool) -> Sequence[str]:
    count = min(WORKERS, (os.cpu_count() or 1) // 2)
    if not parallel or count < 2 or importlib.util.find_spec("xdist") is None:
        return ()
    return ("-n", str(count))
