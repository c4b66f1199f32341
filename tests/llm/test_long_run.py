"""Many requests in one engine: what an ended request held is free."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import pytest
from tests.llm.runs import (
    assert_empty,
    assert_settled,
    executor,
    open_runner,
    prompt,
    request,
    submit,
    text,
)

from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Policy, to_edges

PER_CALL = 50
REQUESTS = int(os.environ.get("MULTIBIN_LONG_RUN", "1000"))

STATM = Path("/proc/self/statm")

SYSTEM = prompt(40, 8)


def resident() -> int:
    """Returns the bytes of this process in memory."""
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(runner: Runner, number: int) -> list[weakref.ref[object]]:
    """Runs some requests, of which a few are cancelled, and returns what must die with them."""
    requests = [
        request(key, [*SYSTEM, key % 29] if key % 3 else [key % 29], 1 + key % 5, seed=key)
        for key in range(number * PER_CALL, (number + 1) * PER_CALL)
    ]
    submit(runner, requests, priorities=None, ttls=[1e6] * PER_CALL)
    runner.step(0)
    for one in requests[::10]:
        runner.cancel(one)
    for _ in range(PER_CALL * 20):
        if all(one.finish_reason for one in requests):
            break
        runner.step(0)
    for one in requests:
        whole = text(one.prompt_tokens, one.budget)
        assert one.tokens == whole or one.finish_reason == "abort"
    return [weakref.ref(one) for one in requests]


POLICIES = {
    "climb": Policy(batch_size=8, edges=to_edges([0, 2, 8])),
    "continuous": Policy(scheduling="continuous", batch_size=8),
}


@pytest.mark.skipif(not STATM.exists(), reason="the memory of a process is read from /proc")
@pytest.mark.parametrize("policy", POLICIES.values(), ids=list(POLICIES))
def test_memory_is_flat(policy: Policy) -> None:
    engine = executor(300, host=100)
    shape = [request(0, SYSTEM * 2, 40)]
    with open_runner(engine, policy, shape, capacity=4 * PER_CALL) as runner:
        calls = REQUESTS // PER_CALL
        early = 0
        for number in range(calls):
            alive = serve(runner, number)
            runner.step(0)
            runner.step(0)
            if number == calls // 3:
                early = resident()
            if number % 5 == 4:
                gc.collect()
                # The last batch, the sampler and the rows that are kept may hold some.
                assert sum(one() is not None for one in alive) <= 12
        grown = resident() - early
        assert_settled(engine)
        assert not runner._requests
        assert not runner._joining
        assert len(runner._joining._prefixes._found) <= 8
        assert runner.scheduler.stats()["waiting"] == 0
    assert_empty(engine)
    assert grown < 4 << 20, f"{grown >> 10} KiB more"
