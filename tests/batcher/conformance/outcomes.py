"""Outcomes of many checks, two processes at a time, for tests that each look at one."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from .run import Outcome, in_child

# Seconds that a caller may wait on a busy machine. Only what hangs waits so long.
PATIENCE = 20.0
# For checks that must fail, where haste cannot make a test fail.
HASTE = 1.0

Pair = tuple[str, str]


class Outcomes:
    """Starts all pairs of a subject and a check at once; ``[pair]`` waits for one of them."""

    def __init__(self, pairs: Iterable[Pair], patience: float) -> None:
        self.pool = ThreadPoolExecutor(2)
        self.started: dict[Pair, Future[Outcome]] = {
            pair: self.pool.submit(in_child, *pair, patience) for pair in pairs
        }

    def __getitem__(self, pair: Pair) -> Outcome:
        return self.started[pair].result()

    def stop(self) -> None:
        self.pool.shutdown(cancel_futures=True)
