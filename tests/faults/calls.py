"""The calls of a thread: each function is a step, with random details from its seed."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.faults.account import Account, Taken
from tests.faults.program import BOUNDS, Program

import multibin as mb

TIMEOUTS = [0, 0, 1e-4, 5e-4, 2e-3]
CHILD = 15
"""Seconds after which a forked child counts as hanging."""


class Dies(Exception):
    """Ends a thread or a task in the middle of a step."""


class Interrupted(Exception):
    """Is raised by the handler of a signal."""


class Stage:
    """Holds the scheduler of a program, the state that its actors share, and the account."""

    def __init__(self, program: Program) -> None:
        options = dict(program.options)
        if adapt := options.get("adapt"):
            options["adapt"] = mb.Adapt(**adapt)
        self.options = program.options
        self.scheduler = mb.Scheduler(mb.Edges(BOUNDS), **options)
        self.account = Account()
        self.open: list[tuple[mb.Batch, Taken]] = []
        """Batches that are kept, for any thread to finish."""
        self.shared = self.scheduler.worker()


class Hand:
    """Holds the worker of one thread or task, and the random numbers of its step."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.account, self.scheduler = stage, stage.account, stage.scheduler
        self.worker = self.scheduler.worker()
        self.random = random.Random()
        self.keys: list[int] = []
        """The keys of the last request that it submitted."""

    def details(self) -> dict[str, Any]:
        """Returns the options of a request."""
        details: dict[str, Any] = {}
        if self.random.random() < 0.3:
            details["ttl"] = self.random.choice([0, 1e-4, 1e-3, 60])
        if "ageing" in self.stage.options and self.random.random() < 0.5:
            details["priority"] = self.random.randrange(4)
        if self.random.random() < 0.1:
            details["cost"] = self.random.randrange(50)
        return details

    def many(self) -> tuple[list[int], list[int], dict[str, Any]]:
        """Returns keys, lengths and options of a bulk call."""
        keys = self.account.keys(self.random.randint(0, 12))
        details: dict[str, Any] = {}
        if self.random.random() < 0.3:
            details["ttls"] = [self.random.choice([0, 1e-3, np.inf]) for _ in keys]
        if "ageing" in self.stage.options and self.random.random() < 0.5:
            details["priorities"] = [self.random.randrange(4) for _ in keys]
        return keys, [self.random.randrange(50) for _ in keys], details

    def timeout(self) -> float:
        return self.random.choice(TIMEOUTS)


def submit(hand: Hand, **more: Any) -> None:
    hand.keys = keys = hand.account.keys(1)
    try:
        ticket = hand.scheduler.submit(keys[0], hand.random.randrange(50), **hand.details(), **more)
    except (mb.FullError, mb.ClosedError) as error:
        hand.account.refuse(keys, error)
    else:
        hand.account.accept(keys, ticket)


def submit_many(hand: Hand, **more: Any) -> None:
    keys, lengths, details = hand.many()
    try:
        first = hand.scheduler.submit_many(np.array(keys, np.uint64), lengths, **details, **more)
    except (mb.FullError, mb.ClosedError) as error:
        hand.account.refuse(keys, error)
    else:
        hand.account.accept(keys, first)


def submit_wait(hand: Hand) -> None:
    submit(hand, wait=hand.timeout())


def submit_many_wait(hand: Hand) -> None:
    submit_many(hand, wait=hand.timeout())


def take(hand: Hand) -> None:
    worker = hand.stage.shared if hand.random.random() < 0.3 else hand.worker
    with contextlib.suppress(TimeoutError, mb.ClosedError):
        batch = worker.next_batch(hand.timeout())
        use(hand, batch, hand.account.take(batch))


def take_for_long(hand: Hand) -> None:
    with contextlib.suppress(TimeoutError, mb.ClosedError):
        batch = hand.worker.next_batch(0.02)
        use(hand, batch, hand.account.take(batch))


def use(hand: Hand, batch: mb.Batch, taken: Taken) -> None:
    """Ends a batch in one of all ways, or keeps it for later."""
    how = hand.random.randrange(8)
    if how == 0:
        return  # dropped
    if how == 1:
        hand.stage.open.append((batch, taken))
    elif how == 2:
        with contextlib.suppress(Dies), batch:
            raise Dies
    elif how == 3:
        with batch:
            climb(hand, batch, taken)
            taken.done = True
    else:
        climb(hand, batch, taken)
        end(batch, taken)


def end(batch: mb.Batch, taken: Taken) -> None:
    taken.done = True
    batch.done()


def climb(hand: Hand, batch: mb.Batch, taken: Taken) -> None:
    """Resubmits some rows, unless another thread has done so or ended the batch."""
    rows = [row for row in range(len(taken.rows)) if hand.random.random() < 0.4]
    progress = [taken.rows[row][2] + 10 for row in rows]
    if any(steps > 60 for steps in progress):
        return
    with contextlib.suppress(RuntimeError, ValueError):
        batch.resubmit(rows, progress, anywhere=hand.random.random() < 0.3)
        taken.climbed.update(zip((taken.rows[row][0] for row in rows), progress, strict=True))


def finish(hand: Hand) -> None:
    """Ends a batch that was kept; another thread may do so at the same time."""
    with contextlib.suppress(IndexError, ValueError):
        at = hand.random.choice([0, -1])
        batch, taken = hand.stage.open[at]
        climb(hand, batch, taken)
        end(batch, taken)
        hand.stage.open.remove((batch, taken))


def cancel(hand: Hand) -> None:
    accepted = hand.account.accepted
    if accepted:
        _, ticket = accepted[-1 - hand.random.randrange(min(8, len(accepted)))]
        if hand.scheduler.cancel(ticket):
            hand.account.cancelled.append(ticket)


def new_worker(hand: Hand) -> None:
    if hand.random.random() < 0.5:
        hand.worker = hand.scheduler.worker()
    else:
        with hand.scheduler.worker() as hand.worker:
            take(hand)


def close_worker(hand: Hand) -> None:
    (hand.stage.shared if hand.random.random() < 0.2 else hand.worker).close()


def reconfigure(hand: Hand) -> None:
    changes: list[dict[str, Any]] = [
        {"edges": mb.Edges([0, 1])},
        {"edges": mb.Edges([0, 5, 10, 20, 30, 60])},
        {"batch_size": hand.random.randint(1, 4)},
        {"max_wait": hand.random.choice([None, 0, 1e-3])},
        {"max_parked": hand.random.choice([None, 4])},
    ]
    hand.scheduler.reconfigure(**hand.random.choice(changes))


def observe(hand: Hand) -> None:
    if hand.random.random() < 0.05:
        numbers = np.random.default_rng(hand.random.getrandbits(32))
        hand.scheduler.observe(*numbers.integers(0, 50, (2, 2500)))
    else:
        hand.scheduler.observe(hand.random.randrange(50), hand.random.randrange(50))


def look(hand: Hand) -> None:
    stats = hand.scheduler.stats()
    inside = stats["submitted"] + stats["resubmitted"]
    outside = stats["taken"] + stats["cancelled"] + stats["expired"] + stats["waiting"]
    hand.account.require(inside == outside, f"stats: {inside} in, {outside} out")
    hand.scheduler.prometheus(labels={"a": "b"})
    hand.account.require("Scheduler" in repr(hand.scheduler), "repr")
    hand.account.require(hand.scheduler.edges.bins <= 5, "edges")


def expired(hand: Hand) -> None:
    keys, tickets = hand.scheduler.expired()
    hand.account.expired += zip(keys.tolist(), tickets.tolist(), strict=True)


def collect(_: Hand) -> None:
    gc.collect()


def pause(hand: Hand) -> None:
    time.sleep(hand.timeout())


def refused(hand: Hand) -> None:
    """Gives wrong arguments: nothing is accepted, and nothing breaks."""
    calls: list[Callable[[], object]] = [
        lambda: hand.scheduler.submit(-1, 1),
        lambda: hand.scheduler.submit(1, float("nan")),
        lambda: hand.scheduler.submit_many([1], [1, 2]),
        lambda: hand.worker.next_batch(-1),
        lambda: hand.scheduler.cancel(-1),
        lambda: hand.scheduler.reconfigure(batch_size=0),
    ]
    try:
        hand.random.choice(calls)()
    except (ValueError, TypeError, mb.ClosedError):
        return
    hand.account.faults.append("a wrong argument was accepted")


def drain(hand: Hand) -> None:
    with contextlib.suppress(TimeoutError):
        hand.scheduler.drain(hand.timeout())


def close(hand: Hand) -> None:
    hand.scheduler.close()


def die(hand: Hand) -> None:
    """Raises while a batch is held."""
    with contextlib.suppress(TimeoutError, mb.ClosedError):
        batch = hand.worker.next_batch(0)
        hand.account.take(batch)
    raise Dies


def fork(hand: Hand) -> None:
    """Forks: each call of the child is refused, or it ends with the number of the call."""
    child = os.fork()
    if child == 0:
        os._exit(in_child(hand))
    deadline = time.monotonic() + CHILD
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGABRT)  # faulthandler prints where it hangs
            deadline += CHILD
        time.sleep(2e-4)
    code = os.waitstatus_to_exitcode(ended[1])
    hand.account.require(code == 0, f"a forked child ended with {code}")


def in_child(hand: Hand) -> int:
    calls: list[Callable[[], object]] = [
        lambda: hand.scheduler.submit(1, 1),
        lambda: hand.scheduler.submit_many([1], [1]),
        lambda: hand.scheduler.stats(),
        lambda: hand.scheduler.cancel(0),
        lambda: hand.scheduler.worker(),
        lambda: hand.worker.next_batch(0),
        lambda: hand.scheduler.drain(0),
        lambda: hand.scheduler.close(),
        lambda: hand.scheduler.expired(),
        lambda: hand.scheduler.observe(1, 1),
        lambda: hand.worker.close(),
    ]
    order = list(enumerate(calls, 1))
    hand.random.shuffle(order)
    for code, call in order:
        try:
            call()
        except RuntimeError:
            continue
        except BaseException:
            return 100 + code
        return code
    hand.stage.open.clear()
    gc.collect()
    return 0
