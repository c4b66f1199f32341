"""The interpreter ends quietly while daemon threads are in a call of the scheduler.

Before 3.14, CPython ends such a thread when it asks for the GIL, by unwinding its stack, which must
not meet a frame of Rust. To make it happen each time, a global takes a second to be deleted, and
the code that runs meanwhile sleeps.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import asyncio, logging, operator, sys, threading, time, types, warnings
import numpy as np
import multibin as mb

class SlowToGo:
    def __del__(self, sleep=time.sleep):
        sleep(1)

# Deleted while the interpreter ends.
sys.modules["last"] = types.ModuleType("last")
sys.modules["last"].slow = SlowToGo()

def nap(*args, **kwargs):
    time.sleep(0.5)  # the GIL is free meanwhile

def slowly(value):
    nap()
    return value

def daemon(work):
    threading.Thread(target=work, daemon=True).start()
    time.sleep(0.2)

edges = mb.Edges([0, 10])
s = mb.Scheduler(edges, 4, capacity=8)
worker = s.worker()
"""

SLOW = {
    "submit beside a loop that is slow to wake": """
class Slow(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *args, **kwargs):
        nap()
        return super().call_soon_threadsafe(*args, **kwargs)

async def serve():
    async for batch in worker:
        batch.done()

loop = Slow()
daemon(lambda: loop.run_until_complete(serve()))
daemon(lambda: s.submit(1, 1))
""",
    "the end of a lease beside such a loop": """
class Slow(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *args, **kwargs):
        nap()
        return super().call_soon_threadsafe(*args, **kwargs)

s.submit(1, 1)
batch = worker.next_batch(1)
loop = Slow()
daemon(lambda: loop.run_until_complete(s.drain_async()))
daemon(batch.done)
""",
    "a loop that is slow to make futures": """
class Slow(asyncio.SelectorEventLoop):
    def create_future(self):
        nap()
        return super().create_future()

async def serve():
    await worker.next_batch_async()

loop = Slow()
daemon(lambda: loop.run_until_complete(serve()))
""",
    "a lost batch, and a slow logger": """
class Slow(logging.Handler):
    emit = nap

logging.getLogger("multibin").addHandler(Slow())
s.submit(1, 1)
def lose():
    batch = worker.next_batch(1)
    del batch
daemon(lose)
""",
    "a lost batch, and a slow warning": """
warnings.simplefilter("always")
warnings.showwarning = nap
s.submit(1, 1)
def lose():
    batch = worker.next_batch(1)
    del batch
daemon(lose)
""",
    "an awaitable that is never awaited, and a slow warning": """
warnings.simplefilter("always")
warnings.showwarning = nap
daemon(lambda: worker.next_batch_async() and None)
""",
    "climbers that lose their worker, and a slow logger": """
class Slow(logging.Handler):
    emit = nap

logging.getLogger("multibin").addHandler(Slow())
climbing = mb.Scheduler(edges, 1, overrun="climb")
climbing.submit(1, 1)
with climbing.worker() as climber, climber.next_batch(1) as batch:
    batch.resubmit([0], [5])
    daemon(climber.close)
""",
    "the gate changes, and a slow logger": """
class Slow(logging.Handler):
    emit = nap

logging.getLogger("multibin").setLevel("INFO")
logging.getLogger("multibin").addHandler(Slow())
gated = mb.Scheduler(mb.Edges([0, 10, 20]), 4, adapt=mb.Adapt(edges=False))
same = np.full(2000, 5)
daemon(lambda: gated.observe(same, same))
""",
    "a slow __index__": """
class Slow:
    __index__ = lambda self: slowly(1)

daemon(lambda: s.submit(Slow(), 1))
daemon(lambda: s.cancel(Slow()))
daemon(lambda: s.submit_many([Slow()], [1]))
daemon(lambda: mb.Baseline.sorted_window(4, [(Slow(), 1)]))
""",
    "a slow __float__": """
class Slow:
    __float__ = lambda self: slowly(1.0)

daemon(lambda: s.submit(1, Slow()))
daemon(lambda: worker.next_batch(Slow()))
""",
    "a slow __array__": """
class Slow:
    def __array__(self, dtype=None, copy=None):
        return slowly(np.arange(3))

daemon(lambda: s.submit_many(Slow(), [1, 1, 1]))
daemon(lambda: s.observe(Slow(), [1, 1, 1]))
""",
    "a slow iterable": """
class Slow(list):
    def __iter__(self):
        nap()
        return super().__iter__()

daemon(lambda: s.submit_many(Slow([2**63, 1]), [1, 1]))
""",
    "a slow __repr__": """
class Slow:
    __repr__ = lambda self: slowly("slow")

daemon(lambda: s.submit(1, Slow()))
daemon(lambda: mb.Scheduler(Slow(), 4))
""",
    "a slow sys.unraisablehook": """
class Broken(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *args, **kwargs):
        raise ValueError

async def serve():
    await worker.next_batch_async()

sys.unraisablehook = nap
loop = Broken()
daemon(lambda: loop.run_until_complete(serve()))
daemon(lambda: s.submit(1, 1))
""",
}

BUSY = {
    "full": """
def produce():
    while True:
        try:
            s.submit(1, 5)
        except mb.FullError:
            pass
daemon(produce)
""",
    "closed": """
s.close()
def produce():
    while True:
        try:
            s.submit(1, 5)
        except mb.ClosedError:
            pass
daemon(produce)
""",
    "workers and producers": """
def produce():
    while True:
        try:
            s.submit(1, 5)
        except mb.FullError:
            time.sleep(0)
def consume():
    for batch in s.worker():
        batch.done()
for work in (produce, consume, consume):
    daemon(work)
""",
    "loops": """
async def consume():
    async for batch in s.worker():
        batch.done()
def produce():
    while True:
        try:
            s.submit(1, 5)
        except mb.FullError:
            time.sleep(0)
daemon(lambda: asyncio.run(consume()))
daemon(lambda: asyncio.run(consume()))
daemon(produce)
""",
    "losers": """
warnings.simplefilter("ignore")
logging.disable()
def produce():
    while True:
        try:
            s.submit(1, 5)
        except mb.FullError:
            time.sleep(0)
def lose():
    while True:
        worker.next_batch()
daemon(produce)
daemon(lose)
""",
}


def ends(program: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SETUP + program], capture_output=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.thread_unsafe(reason="takes seconds")
@pytest.mark.parametrize("program", SLOW.values(), ids=SLOW)
def test_a_daemon_thread_waits_in_python_code_that_rust_called(program: str) -> None:
    ends(program)


@pytest.mark.thread_unsafe(reason="takes seconds")
@pytest.mark.parametrize("program", BUSY.values(), ids=BUSY)
def test_busy_daemon_threads(program: str) -> None:
    for _ in range(3):
        ends(program)
