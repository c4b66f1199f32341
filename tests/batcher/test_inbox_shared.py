"""An inbox shared by threads and event loops, in a forked child, and at the end of a program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

from tests.batcher.inboxes import SOON, Served


def test_threads_and_loops_share_an_inbox() -> None:
    served = Served(64, on_full="wait")
    answered, each = list[Any](), 50

    def serve() -> None:
        for batch in served.worker:
            with batch:
                rows = served.inbox.take(batch)
                rows.answer(rows.items)

    def blocks(number: int) -> None:
        names = [f"{number}:{at}" for at in range(each)]
        answered.extend(served.submit(name).result(SOON) for name in names)

    async def awaits(number: int) -> None:
        async def caller(at: int) -> None:
            if at % 7 == 0:
                served.submit("cancelled").cancel()
            answered.append(await served.submit(f"{number}:{at}"))

        await asyncio.gather(*(caller(at) for at in range(each)))

    server = threading.Thread(target=serve)
    server.start()
    threads = [threading.Thread(target=blocks, args=[number]) for number in range(3)]
    threads += [
        threading.Thread(target=lambda number=number: asyncio.run(awaits(number)))
        for number in range(3, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served.scheduler.close()
    server.join()
    assert sorted(answered) == sorted(f"{number}:{at}" for number in range(5) for at in range(each))
    assert (served.limit.items, served.limit.cost, served.limit.in_line) == (0, 0, 0)


FORK = """
import os, sys, warnings
from multibin._core import Inbox, Limit
import multibin as mb
warnings.simplefilter("ignore", DeprecationWarning)
scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
inbox = Inbox(scheduler, Limit(8))
future, done = inbox.submit("a"), inbox.submit("b")
with scheduler.worker().next_batch(0) as batch:
    rows = inbox.take(batch)
    rows.answer([1], start=1)
waits = inbox.submit("c")
calls = [
    lambda: inbox.submit("d"), lambda: inbox.call("d"), lambda: waits.cancel(),
    lambda: inbox.take(batch), lambda: inbox.expire(), lambda: inbox.fail_waiting(ValueError()),
]
child = os.fork()
if child == 0:
    refused = 0
    for call in calls:
        try:
            call()
        except RuntimeError as error:
            refused += "fork" in str(error)
    assert refused == len(calls), refused
    assert done.result() == 1
    rows.fail(ValueError())
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("over")
"""


def test_a_forked_child_is_refused() -> None:
    command = [sys.executable, "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("over\n", 0), done.stderr


EXIT = """
import asyncio, threading, time
from multibin._core import Inbox, Limit
import multibin as mb
scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
inbox = Inbox(scheduler, Limit(8))
future, running = inbox.submit("a"), inbox.submit("b")
waiter = threading.Thread(target=future.result, daemon=True)
waiter.start()
with scheduler.worker().next_batch(0) as batch:
    rows = inbox.take(batch)
later = inbox.submit("c")
later.add_done_callback(print)
"""


def test_a_program_ends_while_futures_wait() -> None:
    command = [sys.executable, "-W", "error", "-c", EXIT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


FORK_IN_A_TURN = """
import asyncio, os, warnings
from multibin._core import Inbox, Limit
import multibin as mb
warnings.simplefilter("ignore", DeprecationWarning)

async def awaits():
    scheduler = mb.Scheduler(mb.Edges([0, 16]), 8)
    inbox = Inbox(scheduler, Limit(8))

    async def serve():
        with await scheduler.worker().next_batch_async() as batch:
            inbox.take(batch).answer([1])

    server = asyncio.create_task(serve())
    assert await inbox.submit("a") == 1
    await server

async def forks():
    await awaits()
    child = os.fork()
    if child == 0:
        asyncio.run(awaits())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

asyncio.run(forks())
print("over")
"""


def test_a_child_that_is_forked_in_a_turn_runs_loops_of_its_own() -> None:
    # The task forks in a call of the turn that woke it.
    script = FORK_IN_A_TURN.replace("    await server\n", "")
    for program in [FORK_IN_A_TURN, script]:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout, done.returncode) == ("over\n", 0), done.stderr
