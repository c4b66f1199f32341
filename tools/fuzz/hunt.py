"""Changes files for some seconds, and keeps those that reach a new step of the package."""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from types import FrameType

from tools.fuzz.change import change
from tools.fuzz.reach import Step, reached
from tools.fuzz.seeds import MOST
from tools.fuzz.targets import Target

__all__ = ["Failure", "Hunt", "attempt", "smaller"]

PATIENCE = 30
"""Seconds that a reader may take for one file."""


class Slow(Exception):
    """A reader took too long."""


@dataclass(frozen=True)
class Failure:
    """A file, and what its reader raised."""

    data: bytes
    error: BaseException


def attempt(target: Target, data: bytes) -> Failure | None:
    """Returns the failure of a reader at a file; None if it reads it, or refuses it as it may."""
    try:
        with suppress(*target.allowed):
            _in_time(target, data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of the core is no Exception
        return Failure(data, error)
    return None


def _in_time(target: Target, data: bytes) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Slow(f"it must take at most {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        target.run(data)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Hunt:
    """Files that reached something new, and all that they reached."""

    target: Target
    rng: random.Random
    known: list[bytes] = field(default_factory=list)
    steps: set[Step] = field(default_factory=set)
    tried: int = 0

    def run(self, seconds: float) -> Failure | None:
        """Tries files for so long, or until one fails: seeds for half of the time at most."""
        seeds = self.target.seeds()
        left = self.rng.sample(seeds, len(seeds))
        start = perf_counter()
        while (spent := perf_counter() - start) < seconds:
            data = left.pop() if left and spent < seconds / 2 else self._changed(seeds)
            if failure := self._try(data[:MOST]):
                return failure
        return None

    def _changed(self, seeds: list[bytes]) -> bytes:
        """Returns a change of a file that is kept; of a seed where the core alone reads it."""
        return change(self.known if self.known and self.rng.random() < 0.8 else seeds, self.rng)

    def _try(self, data: bytes) -> Failure | None:
        found: list[Failure | None] = []
        steps = reached(lambda: found.append(attempt(self.target, data)))
        self.tried += 1
        if not steps <= self.steps:
            self.steps |= steps
            self.known.append(data)
        return found[0]


def smaller(target: Target, failure: Failure, seconds: float = 20) -> Failure:
    """Leaves out parts of a file for so long, while its reader fails with the same type."""
    end, size = perf_counter() + seconds, len(failure.data) // 2
    while size:
        at = 0
        while at < len(failure.data) and perf_counter() < end:
            less = attempt(target, failure.data[:at] + failure.data[at + size :])
            if less and type(less.error) is type(failure.error):
                failure = less
            else:
                at += size
        size //= 2
    return failure
