"""The end of a batcher: every caller gets an answer."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import multibin as mb


def slow(items: list[int]) -> list[int]:
    time.sleep(0.02)
    return items


async def aslow(items: list[int]) -> list[int]:
    await asyncio.sleep(0.02)
    return items


def test_close_answers_everyone() -> None:
    batcher = mb.Batcher(slow, batch_size=4)
    futures = [batcher.submit(item) for item in range(20)]
    batcher.close()
    assert [future.result(timeout=0) for future in futures] == list(range(20))
    assert batcher.closed
    with pytest.raises(mb.ClosedError, match="closed"):
        batcher.submit(1)
    batcher.close()


@pytest.mark.parametrize("function", [slow, aslow])
def test_aclose_answers_everyone(function: object) -> None:
    async def main() -> list[int]:
        batcher: mb.Batcher[int, int] = mb.Batcher(function, batch_size=4)  # type: ignore[arg-type]
        futures = [batcher(item) for item in range(20)]
        await batcher.aclose()
        with pytest.raises(mb.ClosedError):
            await batcher(1)
        return [*await asyncio.gather(*futures)]

    assert asyncio.run(main()) == list(range(20))


def said_inside(call: Callable[[mb.Batcher[int, int]], None], **options: Any) -> str:
    """Returns what a batcher's function is told if it closes its batcher."""

    def work(items: list[int]) -> list[Any]:
        try:
            call(batcher)
        except RuntimeError as error:
            return [str(error)] * len(items)
        return ["it closed"] * len(items)

    batcher: mb.Batcher[int, Any] = mb.Batcher(work, **options)
    said = batcher.submit(1).result(timeout=30)
    assert batcher.submit(2).result(timeout=30) == said  # It is not closed.
    batcher.close()
    return str(said)


@pytest.mark.parametrize("options", [{}, {"worker_timeout": 30}, {"key": str}], ids=str)
def test_close_by_the_own_function_is_refused(options: dict[str, Any]) -> None:
    assert "the batch that it is called in" in said_inside(lambda one: one.close(), **options)
    assert "the batch that it is called in" in said_inside(lambda one: one.close(5), **options)
    aclose = said_inside(lambda one: asyncio.run(one.aclose()), **options)
    assert aclose.startswith("aclose() would wait")


@pytest.mark.parametrize("options", [{}, {"worker_timeout": 30}], ids=str)
def test_aclose_by_the_own_async_function_is_refused(options: dict[str, Any]) -> None:
    async def work(items: list[int]) -> list[str]:
        with pytest.raises(RuntimeError, match="the batch that it is called in") as caught:
            await batcher.aclose()
        return [str(caught.value)] * len(items)

    async def main() -> None:
        assert "aclose()" in await batcher(1)
        await batcher.aclose()

    batcher: mb.Batcher[int, str] = mb.Batcher(work, **options)
    asyncio.run(main())


def test_close_by_a_callback_in_the_worker_is_refused() -> None:
    told: list[BaseException] = []
    go = threading.Event()

    def work(items: list[int]) -> list[int]:
        go.wait(30)
        return items

    def end(_: object) -> None:
        try:
            batcher.close()
        except RuntimeError as error:
            told.append(error)

    batcher = mb.Batcher(work)
    future = batcher.submit(1)
    future.add_done_callback(end)
    go.set()
    assert future.result(timeout=30) == 1
    batcher.close()
    assert len(told) == 1


def test_close_by_another_batchers_function_works() -> None:
    inner = mb.Batcher(slow)

    def work(items: list[int]) -> list[int]:
        futures = [inner.submit(item) for item in items]
        inner.close()
        return [future.result(timeout=0) for future in futures]

    with mb.Batcher(work) as outer:
        assert outer.submit(1).result(timeout=30) == 1


def test_those_in_line_for_room_are_told_that_the_batcher_is_closed() -> None:
    async def main() -> None:
        batcher = mb.Batcher(slow, batch_size=1, capacity=1, on_full="wait")
        futures = [batcher(item) for item in range(3)]
        await batcher.aclose()
        first, *others = await asyncio.gather(*futures, return_exceptions=True)
        assert first == 0
        assert [repr(one) for one in others] == ["ClosedError('the batcher is closed')"] * 2
        stats = batcher.stats()
        assert (stats["submitted"], stats["answered"], stats["failed"]) == (3, 1, 2)

    asyncio.run(main())


def test_close_from_the_loop_that_runs_the_batches_is_refused() -> None:
    async def main() -> None:
        batcher = mb.Batcher(aslow)
        await batcher(1)
        with pytest.raises(RuntimeError, match="aclose"):
            batcher.close()
        await batcher.aclose()

    asyncio.run(main())


def test_close_in_an_event_loop_is_refused_and_changes_nothing() -> None:
    async def work() -> None:
        async with mb.Batcher(slow) as batcher:
            with pytest.raises(RuntimeError, match="aclose"):
                batcher.close()
            assert await batcher(1) == 1

    asyncio.run(work())


def test_close_of_an_async_function_in_a_thread() -> None:
    batcher = mb.Batcher(aslow, batch_size=4)
    futures = [batcher.submit(item) for item in range(10)]
    batcher.close(timeout=10)
    assert [future.result(timeout=0) for future in futures] == list(range(10))


def test_callers_of_a_batch_that_does_not_end_are_told() -> None:
    stuck = threading.Event()

    def hang(items: list[int]) -> list[int]:
        stuck.wait(30)
        return items

    batcher = mb.Batcher(hang, batch_size=1)
    futures = [batcher.submit(item) for item in range(3)]
    time.sleep(0.05)
    batcher.close(timeout=0.1)
    for future in futures[1:]:
        with pytest.raises(mb.ClosedError):
            future.result(timeout=10)
    stuck.set()


@pytest.mark.parametrize("function", [slow, aslow])
def test_dropped_without_close(function: object) -> None:
    batcher: mb.Batcher[int, int] = mb.Batcher(function, batch_size=1)  # type: ignore[arg-type]
    futures = [batcher.submit(item) for item in range(20)]
    kept = [batcher]
    del batcher
    with pytest.warns(ResourceWarning, match=r"dropped without close\(\): \d+ waiting items"):
        kept.clear()
    gc.collect()
    outcomes = [future.exception(timeout=10) for future in futures]
    assert isinstance(outcomes[-1], mb.ClosedError)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_dropped_while_a_task_runs_a_batch() -> None:
    """The loop of the batcher is stopped: the task is cancelled, and its batch has no other."""
    for _ in range(20):
        batcher: mb.Batcher[int, int] = mb.Batcher(aslow, batch_size=1)
        futures = [batcher.submit(item) for item in range(3)]
        del batcher
        assert isinstance(futures[-1].exception(timeout=10), mb.ClosedError)
        assert isinstance(futures[0].exception(timeout=10), mb.ClosedError | None)


def test_never_used_needs_no_close() -> None:
    batcher = mb.Batcher(slow)
    del batcher
    gc.collect()


def test_a_program_that_ends_answers_everyone() -> None:
    program = """
import multibin as mb, sys, time

@mb.batch(batch_size=2)
def slow(items):
    time.sleep(0.01)
    return items

@mb.batch(batch_size=2)
async def aslow(items):
    return items

for function in (slow, aslow):
    for item in range(7):
        # One write a line: `print` writes the end apart, and two threads answer.
        function.submit(item).add_done_callback(lambda f: sys.stdout.write(f"{f.result()}\\n"))
"""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == sorted(2 * list("0123456"))
    assert done.stderr == ""


def test_ctrl_c_while_a_thread_waits_for_a_result() -> None:
    program = """
import multibin as mb, signal, threading
# A shell starts what runs in the background with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
stuck = threading.Event()

@mb.batch
def hang(items):
    print("started", flush=True)
    stuck.wait(30)
    return items

try:
    hang.submit(1).result()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    stuck.set()
"""
    run = [sys.executable, "-c", program]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
        assert process.wait(timeout=30) == 0


def test_a_fork_is_refused_as_by_the_scheduler() -> None:
    program = """
import multibin as mb, os, warnings
warnings.simplefilter("ignore")
batcher = mb.Batcher(lambda items: items)
assert batcher.submit(1).result() == 1
if os.fork() == 0:
    try:
        batcher.submit(2)
    except RuntimeError as error:
        os._exit(0 if "fork" in str(error) else 2)
    os._exit(3)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert batcher.submit(3).result() == 3
batcher.close()
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True)
    assert done.returncode == 0, done.stderr
