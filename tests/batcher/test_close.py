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
