"""A scheduler that was made before a fork: in the child each call is refused, and nothing hangs."""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import asyncio, os, sys, threading, time, warnings
import multibin as mb

warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
s = mb.Scheduler(mb.Edges([0, 10, 20]), 2, overrun="climb")
s.submit_many([1, 2, 3, 4], [5, 5, 5, 5])
worker = s.worker()
batch = worker.next_batch(0)
wait = worker.next_batch_async()
waiting = threading.Thread(target=lambda: mb.Scheduler(mb.Edges([0, 1]), 2).worker().next_batch(1))
waiting.start()

CALLS = {
    "submit": lambda: s.submit(1, 5),
    "submit with more": lambda: s.submit(1, 5, ttl=1),
    "submit_many": lambda: s.submit_many([1], [5]),
    "cancel": lambda: s.cancel(3),
    "worker": lambda: s.worker(),
    "reconfigure": lambda: s.reconfigure(batch_size=3),
    "observe": lambda: s.observe(1, 1),
    "close": lambda: s.close(),
    "closed": lambda: s.closed,
    "edges": lambda: s.edges,
    "config": lambda: s.config,
    "stats": lambda: s.stats(),
    "prometheus": lambda: s.prometheus(),
    "drain": lambda: s.drain(1),
    "drain_async": lambda: s.drain_async(),
    "next_batch": lambda: worker.next_batch(0),
    "next_batch_async": lambda: worker.next_batch_async(),
    "worker's close": lambda: worker.close(),
    "with worker": lambda: worker.__enter__(),
    "for": lambda: next(iter(worker)),
    "next": lambda: next(worker),
    "async for": lambda: worker.__aiter__(),
    "resubmit": lambda: batch.resubmit([0], [7]),
    "done": lambda: batch.done(),
    "with batch": lambda: batch.__enter__(),
    "send": lambda: wait.send(None),
    "await": lambda: wait.__await__(),
    "close awaitable": lambda: wait.close(),
    "throw": lambda: wait.throw(ValueError()),
}

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"
"""

REFUSES = """
def refused():
    message = "the scheduler was made before a fork: make one in the child process"
    for name, call in CALLS.items():
        try:
            call()
        except RuntimeError as error:
            assert str(error) == message, (name, error)
        else:
            raise AssertionError(name)
    print([repr(each) for each in (s, worker, batch, wait)])

assert in_child(refused) == 0
"""

LEAVES = """
def leaves():
    # The child meets the exception that ends the blocks of the parent.
    for own in (worker, batch):
        assert own.__exit__() is None
        assert own.__exit__(SystemExit, SystemExit(), None) is None

with worker, batch:
    assert in_child(leaves) == 0
    child = os.fork()
    if child == 0:
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""

DROPS = """
def drops():
    global s, worker, batch, wait
    warnings.simplefilter("error")
    sys.unraisablehook = lambda report: os._exit(2)
    del s, worker, batch, wait

assert in_child(drops) == 0
"""

NEW = """
def new():
    own = mb.Scheduler.from_config(config)
    own.submit(1, 5)
    with own.worker() as worker, worker.next_batch(1) as batch:
        assert batch.keys.tolist() == [1]
    own.drain(1)

config = s.config
assert in_child(new) == 0
"""

BUSY = """
def work(mine):
    while not stop:
        mine.submit(1, 5)
        with worker.next_batch() as batch:
            pass

def refused():
    try:
        s.submit(1, 5)
    except RuntimeError:
        return
    raise AssertionError

stop = []
threads = [threading.Thread(target=work, args=(s,)) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(30):
    assert in_child(refused) == 0
stop.append(True)
s.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.thread_unsafe(reason="takes seconds")
@pytest.mark.parametrize(
    "program",
    [REFUSES, LEAVES, DROPS, NEW, BUSY],
    ids=["refuses", "leaves", "drops", "new", "busy"],
)
def test_in_a_child(program: str) -> None:
    parent = """
batch.done()
wait.close()
assert s.stats()["lost"] == 0
"""
    run = subprocess.run(
        [sys.executable, "-c", SETUP + program + parent],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
