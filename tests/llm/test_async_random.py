"""AsyncLLM under callers that come, leave, cancel and abort at random, in several loops."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest
from tests.llm.echo import EchoRunner
from tests.llm.tasks import SOON, params, run

from multibin.errors import ExpiredError, FullError
from multibin.llm import AsyncLLM

CALLERS = 60


async def call(llm: AsyncLLM, rng: random.Random, name: str) -> None:
    """Reads a request to its end, to a random token, or until a random time."""
    await asyncio.sleep(rng.random() * 0.05)
    n, most = rng.choice([1, 1, 1, 3]), rng.randint(1, 40)
    ttl = rng.choice([None, None, None, 0, 0.01])
    stream = llm.generate("ab", params(most, n=n), name, ttl=ttl)
    stops = rng.choice([None, None, rng.randint(1, most)])
    if rng.random() < 0.2:
        asyncio.get_running_loop().call_later(rng.random() * 0.02, llm.abort, name)
    seen = [""] * n
    async with aclosing(stream):
        async for output in stream:
            for one in output.outputs:
                seen[one.index] += one.text
            if stops is not None and len(seen[0]) >= stops:
                return
    assert all(("ab" * 20).startswith(one) for one in seen)
    reasons = {one.finish_reason for one in output.outputs}
    if reasons == {"length"}:
        assert max(map(len, seen)) == most


async def caller(llm: AsyncLLM, rng: random.Random, name: str) -> None:
    """Makes a call and cancels it at a random time, or not at all."""
    task = asyncio.ensure_future(call(llm, rng, name))
    if rng.random() < 0.3:
        await asyncio.sleep(rng.random() * 0.08)
        task.cancel()
    with suppress(asyncio.CancelledError, ExpiredError, FullError):
        await task


@pytest.mark.parametrize("on_full", ["wait", "raise"])
@pytest.mark.parametrize("seed", range(3))
def test_every_request_ends_once_and_gives_its_room_back(
    make_async: Callable[..., AsyncLLM], runner: EchoRunner, on_full: Any, seed: int
) -> None:
    runner.before = lambda: time.sleep(0.0003)
    llm = make_async(capacity=9, on_full=on_full)
    rngs = [random.Random(f"{seed} {number}") for number in range(CALLERS)]

    def serve(loop: int) -> None:
        async def several() -> None:
            numbers = range(loop, CALLERS, 3)
            await asyncio.gather(*(caller(llm, rngs[n], str(n)) for n in numbers))

        run(several())

    threads = [threading.Thread(target=serve, args=(loop,)) for loop in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SOON)
        assert not thread.is_alive()
    run(llm.aclose())
    stats = llm.stats()
    assert stats["submitted"] == sum(stats["finished"].values())
    assert llm._service.room.held == 0
    assert runner.unfinished == 0
    assert not llm._calls
    assert runner.most <= 9
