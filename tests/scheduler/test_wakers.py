"""Tasks are woken whatever is raised meanwhile; each error is raised again or reported."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.scheduler.waiting import EDGES, SOON, in_thread

import multibin as mb

pytestmark = pytest.mark.thread_unsafe(reason="signals and the hook are of the process")


class Control(BaseException):
    """Is no `Exception` and no exception of Python's own."""


KINDS = [KeyboardInterrupt, SystemExit, Control, ValueError, RecursionError]
ALWAYS = 1_000


class Failing(asyncio.SelectorEventLoop):
    """Raises the given errors, then can be woken."""

    errors: list[BaseException]

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:  # type: ignore[override]
        if self.errors:
            raise self.errors.pop(0)
        return super().call_soon_threadsafe(*args, **kwargs)


class Served:
    """Runs a loop in a thread of its own, with a task that waits."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.loop = Failing()
        self.loop.errors = []
        self.outcome: list[Any] = []
        self.stop: Callable[[], object] = lambda: None
        self._waiting = threading.Event()
        self.thread = in_thread(lambda: self._run(work))
        assert self._waiting.wait(SOON)

    def _run(self, work: Callable[[], Any]) -> None:
        async def run() -> None:
            task = asyncio.ensure_future(work())
            await asyncio.sleep(0.01)
            assert not task.done()
            self.stop = task.cancel
            self._waiting.set()
            self.outcome.append(await asyncio.wait_for(task, SOON))

        with (
            asyncio.Runner(loop_factory=lambda: self.loop) as runner,
            suppress(asyncio.CancelledError),
        ):
            runner.run(run())


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """Returns the errors that `sys.unraisablehook` received."""
    errors: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: errors.append(report.exc_value))
    return errors


def caught(call: Callable[[], object]) -> list[BaseException]:
    """Calls; returns in order what is raised by then or soon after."""
    raised: list[BaseException] = []
    try:
        try:
            call()
            time.sleep(0.05)
        except BaseException as error:
            raised.append(error)
            time.sleep(0.05)  # The next one is raised here.
    except BaseException as error:
        raised.append(error)
    return raised


def elsewhere(call: Callable[[], object]) -> None:
    in_thread(call).join()


@pytest.mark.parametrize("main", [True, False], ids=["main", "thread"])
@pytest.mark.parametrize("times", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_task_is_woken_whatever_is_raised_meanwhile(
    kind: type[BaseException], times: int, main: bool, reported: list[BaseException | None]
) -> None:
    s = mb.Scheduler(EDGES, 2)
    worker = s.worker()
    served = Served(worker.next_batch_async)
    errors = [kind(i) for i in range(times)]
    served.loop.errors = errors.copy()
    if main:
        raised = caught(lambda: s.submit(7, 3))
    else:
        elsewhere(lambda: s.submit(7, 3))
        raised = caught(lambda: None)
    served.thread.join(SOON)
    with served.outcome.pop() as batch:
        assert batch.keys.tolist() == [7]
    # It is raised twice in the thread that submits, then in another one.
    again = 0 if issubclass(kind, Exception) or not main else min(times, 2)
    assert [id(error) for error in raised] == [id(error) for error in errors[:again]]
    assert {id(error) for error in reported} == {id(error) for error in errors[again:]}


@pytest.mark.parametrize("main", [True, False], ids=["main", "thread"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_that_cannot_be_woken_gives_its_wake_up_away(
    kind: type[BaseException], main: bool, reported: list[BaseException | None]
) -> None:
    s = mb.Scheduler(EDGES, 2)
    worker = s.worker()
    served = Served(worker.next_batch_async)
    served.loop.errors = [kind(i) for i in range(ALWAYS)]
    taken: list[int] = []

    def take() -> None:
        with s.worker().next_batch(SOON) as batch:
            taken.extend(batch.keys.tolist())

    thread = in_thread(take)
    time.sleep(0.05)
    if main:
        raised = caught(lambda: s.submit(7, 3))
    else:
        elsewhere(lambda: s.submit(7, 3))
        raised = caught(lambda: None)
    thread.join(SOON)
    assert taken == [7]
    assert len(raised) == (2 if main and not issubclass(kind, Exception) else 0)
    assert 0 < len(reported) <= 2 * (1 + 3)
    served.loop.errors = []
    served.loop.call_soon_threadsafe(served.stop)
    served.thread.join(SOON)


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["room", "end"])
def test_tasks_that_wait_for_room_or_the_end_are_woken(
    what: str, kind: type[BaseException], ignored: bool, reported: list[BaseException | None]
) -> None:
    s = mb.Scheduler(EDGES, 1, capacity=1)
    s.submit(0, 3)
    batch = s.worker().next_batch(0)
    served = Served((lambda: s.submit_async(2, 3)) if what == "room" else s.drain_async)
    served.loop.errors = [kind(0)]
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        raised = caught(batch.done)
    finally:
        signal.signal(signal.SIGINT, handler)
    served.thread.join(SOON)
    assert len(served.outcome) == 1
    common = issubclass(kind, Exception)
    assert (len(reported), len(raised)) == (int(common), int(not common))


@pytest.mark.parametrize("depth", range(12))
def test_a_caller_without_stack_wakes_a_task(
    depth: int, reported: list[BaseException | None]
) -> None:
    s = mb.Scheduler(EDGES, 2)
    worker = s.worker()
    served = Served(worker.next_batch_async)

    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        else:
            s.submit(7, 3)

    limit = sys.getrecursionlimit()
    frames = 0
    frame = sys._getframe()
    while frame is not None:
        frames, frame = frames + 1, frame.f_back  # type: ignore[assignment]
    with suppress(RecursionError):
        deep(limit - frames - depth)
    if s.stats()["submitted"] == 0:  # The stack was too short to submit.
        s.submit(7, 3)
    served.thread.join(SOON)
    with served.outcome.pop() as batch:
        assert batch.keys.tolist() == [7]
    assert {type(error) for error in reported} <= {RecursionError}


def test_a_wait_of_the_main_thread_meets_what_its_wake_up_met(
    reported: list[BaseException | None],
) -> None:
    """Waits without running bytecode."""
    s = mb.Scheduler(EDGES, 1)
    s.submit(7, 3)
    lease = s.worker().next_batch(0)

    async def serve() -> list[mb.Batch]:
        return [batch async for batch in s.worker()]

    served = Served(serve)
    error = Control()
    served.loop.errors = [error]
    start = time.monotonic()
    # It closes, which wakes the task, and waits for the lease.
    assert caught(lambda: s.drain(SOON)) == [error]
    assert time.monotonic() - start < SOON / 2
    assert reported == []
    served.thread.join(SOON)
    assert served.outcome == [[]]
    lease.done()


@pytest.mark.skipif(sys.platform == "win32", reason="timers of signals")
def test_handlers_that_raise_at_any_time_lose_no_task(
    reported: list[BaseException | None],
) -> None:
    s = mb.Scheduler(EDGES, 2, capacity=1_000)
    inside, raised, seen, taken = False, 0, 0, 0

    def handle(*_: object) -> None:
        nonlocal inside, raised
        if inside:
            inside, raised = False, raised + 1
            raise Control

    async def serve() -> None:
        nonlocal taken
        async for batch in s.worker():
            with batch:
                taken += len(batch)

    async def main() -> None:
        await asyncio.gather(*(serve() for _ in range(3)))

    thread = in_thread(lambda: asyncio.run(main()))
    handler = signal.signal(signal.SIGALRM, handle)
    end = time.monotonic() + 1
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
    try:
        while time.monotonic() < end:
            try:
                inside = True
                for key in range(20):
                    s.submit(key, key % 20, wait=SOON)
                inside = False
            except Control:
                seen += 1
            os.sched_yield()
    finally:
        inside = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    s.drain(SOON)
    thread.join(SOON)
    assert raised > 10
    # An error that came as the last submission returned is raised in its loop, or in a later one.
    assert (seen, reported) == (raised, [])
    stats = s.stats()
    assert (taken, stats["lost"]) == (stats["submitted"], 0)
