"""Runs a program: its threads and loops, the main thread with its signals, and the end."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.faults import calls
from tests.faults.calls import Dies, Hand, Interrupted, Stage
from tests.faults.program import Actor, Program
from tests.faults.tasks import Crew

import multibin as mb

SOON = 10
"""Seconds: a request that waits longer while a worker asks is stranded."""


def run(program: Program) -> list[str]:
    """Runs the program; returns its faults."""
    stage = Stage(program)
    keeper = in_thread(lambda: keep(stage)) if program.keeper else None
    mains = [actor for actor in program.actors if actor.kind == "main"]
    others = [actor for actor in program.actors if actor.kind != "main"]
    threads = [in_thread(role(stage, actor)) for actor in others]
    for actor in mains:
        Main(stage).run(actor)
    for thread in threads:
        thread.join()
    finish(stage, keeper)
    return stage.account.faults


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def role(stage: Stage, actor: Actor) -> Callable[[], None]:
    if actor.kind == "thread":
        return lambda: perform(Hand(stage), actor, {})
    return Crew(stage, actor).run


def perform(hand: Hand, actor: Actor, more: dict[str, Callable[[Hand], None]]) -> None:
    """Runs the steps of a thread."""
    with contextlib.suppress(Dies):
        for name, seed in actor.steps[0]:
            hand.random.seed(seed)
            try:
                (more.get(name) or getattr(calls, name))(hand)
            except Dies:
                raise
            except Exception as error:
                hand.account.faults.append(f"{name} in a thread: {error!r}")


def keep(stage: Stage) -> None:
    """Takes all batches until the scheduler is closed."""
    for batch in stage.scheduler.worker():
        calls.end(batch, stage.account.take(batch))


def finish(stage: Stage, keeper: threading.Thread | None) -> None:
    """Ends all leases, closes, takes what is left, and checks the account."""
    while stage.open:  # no variable: it would keep the worker, and so its climbers
        calls.end(*stage.open.pop())
    stage.shared.close()
    for _ in range(3):  # a task that is destroyed may leave garbage again
        gc.collect()
    if keeper is not None:
        nothing_is_stranded(stage)
    stage.scheduler.close()
    if keeper is not None:
        keeper.join()
    settle(stage)
    try:
        stage.scheduler.drain(0)
    except TimeoutError as error:
        stage.account.faults.append(f"drain: {error}")
    # A batch without rows may have reported the expired requests; else nothing has.
    calls.expired(Hand(stage))
    stage.account.check(stage.scheduler.stats())


def settle(stage: Stage) -> None:
    """Takes what is left, until the garbage of abandoned loops holds nothing.

    A thread that was just waking a task has kept it from being collected.
    """
    end = time.monotonic() + SOON
    while True:
        gc.collect()
        keep(stage)
        stats = stage.scheduler.stats()
        known = len(stage.account.accepted) + len(stage.account.unknown)
        held = stats["waiting"] or stats["leased"] or stats["submitted"] > known
        if not held or time.monotonic() > end:
            return
        time.sleep(1e-3)


def nothing_is_stranded(stage: Stage) -> None:
    """Checks that a worker that asks gets all that waits, without a further call (elastic)."""
    end = time.monotonic() + SOON
    while not stage.scheduler.closed and (waiting := stage.scheduler.stats()["waiting"]):
        if time.monotonic() > end:
            stage.account.faults.append(f"{waiting} wait beside a worker that asks")
            return
        gc.collect()
        time.sleep(1e-3)


class Main:
    """Runs the calls of the main thread; the handler of a signal raises while it waits."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.armed = False

    def run(self, actor: Actor) -> None:
        before = signal.signal(signal.SIGALRM, self.handle)
        try:
            perform(Hand(self.stage), actor, self.steps())
        finally:
            self.armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def steps(self) -> dict[str, Callable[[Hand], None]]:
        return {
            "take_signalled": self.take,
            "submit_signalled": self.submit,
            "drain_signalled": lambda hand: self.interrupted(hand, "drain", calls.drain),
        }

    def handle(self, *_: Any) -> None:
        if self.armed:
            self.armed = False
            raise Interrupted

    def interrupted(self, hand: Hand, what: str, call: Callable[[Hand], None]) -> None:
        """Makes a call; a signal comes while it waits, or a little earlier or later."""
        try:
            self.armed = True
            signal.setitimer(signal.ITIMER_REAL, hand.random.choice([1e-5, 1e-4, 5e-4]))
            call(hand)
            self.armed = False
        except Interrupted:
            if what == "take":
                hand.account.interrupted.append(what)
            elif what == "submit":
                hand.account.unknown += hand.keys

    def take(self, hand: Hand) -> None:
        """Ends the batch, if it got one, without being interrupted."""
        got: list[mb.Batch] = []

        def wait(hand: Hand) -> None:
            with contextlib.suppress(TimeoutError, mb.ClosedError):
                got.append(hand.worker.next_batch(hand.random.choice([1e-3, 0.02])))

        self.interrupted(hand, "take", wait)
        self.armed = False
        for batch in got:
            calls.use(hand, batch, hand.account.take(batch))

    def submit(self, hand: Hand) -> None:
        wait = hand.random.choice([1e-3, 0.02, float("inf")])
        self.interrupted(hand, "submit", lambda hand: calls.submit(hand, wait=wait))
